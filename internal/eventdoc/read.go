package eventdoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// ParseJSON parses a stored document. Objects, lists, and numbers in another notation than ours become their JSON text.
func ParseJSON(data []byte) (Document, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the document is not a JSON object")
	}
	var doc Document
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read the document: %w", err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("read the document: %w", err)
		}
		doc = append(doc, parseValue(fmt.Sprint(name), raw))
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, fmt.Errorf("read the document: %w", err)
	}
	return doc, nil
}

// parseValue returns a JSON value as a field. Values other than strings, booleans, and numbers in our notation become a text with the JSON.
func parseValue(name string, raw []byte) telemetry.Field {
	text := string(raw)
	for _, f := range []telemetry.Field{telemetry.Bool(name, true), telemetry.Bool(name, false)} {
		if f.Text() == text {
			return f
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return telemetry.Int(name, n)
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		if f := telemetry.Float(name, v); f.Text() == text {
			return f
		}
	}
	var s string // stays empty for null
	if json.Unmarshal(raw, &s) == nil {
		text = s
	}
	return telemetry.Text(name, text)
}

// ParseHash parses a document that is stored as a hash: alternating names and values.
func ParseHash(pairs []string) Document {
	var doc Document
	for i := 0; i+1 < len(pairs); i += 2 {
		f := telemetry.Text(pairs[i], pairs[i+1])
		switch f.Key {
		case Timestamp, Severity, Facility:
			if n, err := strconv.ParseInt(pairs[i+1], 10, 64); err == nil {
				f = telemetry.Int(f.Key, n)
			}
		}
		doc = append(doc, f)
	}
	return doc
}

// Text returns the value with this name as text, or "".
func (d Document) Text(name string) string {
	for i := range d {
		if d[i].Key == name {
			return d[i].Text()
		}
	}
	return ""
}

// Int returns the whole number with this name, or 0.
func (d Document) Int(name string) int64 {
	for i := range d {
		if d[i].Key == name {
			return d[i].Int()
		}
	}
	return 0
}
