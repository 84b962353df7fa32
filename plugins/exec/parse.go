package execinput

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// eachLine parses what has one value or record a line. Empty lines and comments are passed over.
func eachLine(text []byte, p *parsed, parse func(p *parsed, n int, line string)) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			parse(p, n, line)
		}
	}
}

// parseMetric reads a line "name value [key=value …] [ts=ms]", the predecessor's format.
func parseMetric(p *parsed, n int, line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		p.problem(n, "%.60q has no value: it must be: name value [key=value …] [ts=milliseconds]", line)
		return
	}
	value, err := strconv.ParseFloat(fields[1], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		p.problem(n, "the value %.60q is no number", fields[1])
		return
	}
	var labels []telemetry.Label
	var ms int64
	for _, f := range fields[2:] {
		key, text, ok := strings.Cut(f, "=")
		if key == "ts" {
			if ms, err = strconv.ParseInt(text, 10, 64); err != nil || ms <= 0 {
				p.problem(n, "%.60q is no time in milliseconds", f)
				return
			}
			continue
		}
		if !ok {
			p.problem(n, "%.60q must be key=value", f)
			return
		}
		labels = append(labels, labelOf(key, text))
	}
	p.add(n, fields[0], value, sortLabels(labels), ms)
}

// parseJSON reads one object after another: a map of names and values, or {"metrics": {…}, "logs": […]}.
func parseJSON(text []byte, p *parsed) {
	d := json.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		var object map[string]json.RawMessage
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) && n > 1 {
			return
		}
		if err != nil {
			p.problem(0, "it must be an object in JSON, {\"name\": 1}: %s", reason(err))
			return
		}
		parseObject(object, p)
	}
}

func reason(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "there is nothing"
	case errors.As(err, &kind):
		return "it is of another kind: " + kind.Value
	}
	return err.Error()
}

func parseObject(object map[string]json.RawMessage, p *parsed) {
	var metrics map[string]json.RawMessage
	var logs []json.RawMessage
	hasMetrics := json.Unmarshal(object["metrics"], &metrics) == nil && metrics != nil
	hasLogs := json.Unmarshal(object["logs"], &logs) == nil && logs != nil
	if hasMetrics || hasLogs {
		parseValues(metrics, p)
		for _, raw := range logs {
			parseEntry(raw, p)
		}
		return
	}
	parseValues(object, p)
}

// parseValues takes numbers, and booleans as 1 and 0.
func parseValues(values map[string]json.RawMessage, p *parsed) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := string(values[name])
		switch text {
		case "true":
			p.add(0, name, 1, nil, 0)
		case "false":
			p.add(0, name, 0, nil, 0)
		default:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				p.problem(0, "%.60q is no number: %.60s", name, text)
				continue
			}
			p.add(0, name, v, nil, 0)
		}
	}
}

// parseEntry reads a log entry: {"message": "…", "level": "info", "tags": {…}}, or a text.
func parseEntry(raw json.RawMessage, p *parsed) {
	var message string
	if json.Unmarshal(raw, &message) == nil {
		p.events = append(p.events, telemetry.Event{Severity: telemetry.Informational, Message: message})
		return
	}
	var entry struct {
		Message   string         `json:"message"`
		Level     string         `json:"level"`
		Timestamp float64        `json:"timestamp"`
		Tags      map[string]any `json:"tags"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil || entry.Message == "" {
		p.problem(0, "an entry of logs must be {\"message\": \"…\", \"level\": \"info\"}: %.60s", raw)
		return
	}
	e := telemetry.Event{Severity: levelOf(entry.Level), Message: entry.Message}
	if t, ok := timeOf(entry.Timestamp); ok {
		e.Time = t
	}
	for _, key := range slices.Sorted(maps.Keys(entry.Tags)) {
		if text, ok := plain(entry.Tags[key]); ok && key != "source" && key != "cmd" { // these we know better
			e.Fields = append(e.Fields, telemetry.Label{Key: nameOf(key), Value: text})
		}
	}
	p.events = append(p.events, e)
}

func plain(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// parseLogfmt reads a record "key=value key="a text"": numbers are metrics, texts are their labels. One with a msg is an
// event.
func parseLogfmt(p *parsed, n int, line string) {
	var numbers []sample
	var labels []telemetry.Label
	var e telemetry.Event
	e.Severity = telemetry.Informational
	isEvent := false
	for line != "" {
		var key, text string
		key, text, line = cutLogfmt(line)
		v, err := strconv.ParseFloat(text, 64)
		switch {
		case key == "":
			p.problem(n, "a value without a key")
			return
		case key == "msg" || key == "message":
			e.Message, isEvent = text, true
		case key == "level" || key == "lvl":
			e.Severity = levelOf(text)
			labels = append(labels, labelOf(key, text))
		case err == nil:
			if t, ok := timeOf(v); ok && (key == "ts" || key == "time") {
				e.Time = t
				continue
			}
			numbers = append(numbers, sample{name: key, value: v})
		default:
			labels = append(labels, labelOf(key, text))
		}
	}
	if isEvent {
		for _, s := range numbers {
			labels = append(labels, telemetry.Label{Key: nameOf(s.name), Value: strconv.FormatFloat(s.value, 'f', -1, 64)})
		}
		e.Fields = labels
		p.events = append(p.events, e)
		return
	}
	labels = sortLabels(labels)
	var ms int64
	if !e.Time.IsZero() {
		ms = e.Time.UnixMilli()
	}
	for _, s := range numbers {
		p.add(n, s.name, s.value, labels, ms)
	}
}

// cutLogfmt splits off the first pair of a record. A key without a value is true.
func cutLogfmt(line string) (key, value, rest string) {
	end := strings.IndexAny(line, "= \t")
	if end < 0 {
		return line, "true", ""
	}
	key, rest = line[:end], line[end+1:]
	if line[end] != '=' {
		return key, "true", strings.TrimLeft(rest, " \t")
	}
	if quoted, err := strconv.QuotedPrefix(rest); err == nil && quoted[0] == '"' {
		value, _ = strconv.Unquote(quoted)
		return key, value, strings.TrimLeft(rest[len(quoted):], " \t")
	}
	end = strings.IndexAny(rest, " \t")
	if end < 0 {
		return key, rest, ""
	}
	return key, rest[:end], strings.TrimLeft(rest[end:], " \t")
}
