package eventdoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// ParseJSON reads a stored document. What is neither a text nor a whole number is kept as the text that stands there.
func ParseJSON(data []byte) (Document, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the document is no JSON object")
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
		doc = append(doc, value(fmt.Sprint(name), raw))
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, fmt.Errorf("read the document: %w", err)
	}
	return doc, nil
}

func value(name string, raw []byte) Value {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return Value{Name: name, Number: n, Numeric: true}
	}
	v := Value{Name: name}
	if json.Unmarshal(raw, &v.Text) != nil {
		v.Text = string(raw)
	}
	return v
}

// ParseHash reads a document that is stored as a hash: names and values in turn.
func ParseHash(pairs []string) Document {
	var doc Document
	for i := 0; i+1 < len(pairs); i += 2 {
		v := Value{Name: pairs[i], Text: pairs[i+1]}
		switch v.Name {
		case Timestamp, Severity, Facility:
			if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
				v = Value{Name: v.Name, Number: n, Numeric: true}
			}
		}
		doc = append(doc, v)
	}
	return doc
}

// Text returns the text of a value, or "".
func (d Document) Text(name string) string {
	for i := range d {
		if d[i].Name == name {
			return d[i].Text
		}
	}
	return ""
}

// Number returns a number, or 0.
func (d Document) Number(name string) int64 {
	for i := range d {
		if d[i].Name == name {
			return d[i].Number
		}
	}
	return 0
}
