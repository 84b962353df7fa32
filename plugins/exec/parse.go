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

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parseLines calls parse for each line of a format with one record per line. It skips empty lines and comments.
func parseLines(text []byte, p *parsedOutput, parse func(p *parsedOutput, n int, line string)) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			parse(p, n, line)
		}
	}
}

// parseMetric parses a line "name value [key=value …] [ts=ms]", which is the format of the Python rtcollector.
func parseMetric(p *parsedOutput, n int, line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		p.reportProblem(n, "%.60q has no value: it must be: name value [key=value …] [ts=milliseconds]", line)
		return
	}
	value, err := strconv.ParseFloat(fields[1], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		p.reportProblem(n, "the value %.60q is not a number", fields[1])
		return
	}
	var labels []telemetry.Label
	var ms int64
	for _, f := range fields[2:] {
		key, text, ok := strings.Cut(f, "=")
		if key == "ts" {
			if ms, err = strconv.ParseInt(text, 10, 64); err != nil || ms <= 0 {
				p.reportProblem(n, "%.60q is not a time in milliseconds", f)
				return
			}
			continue
		}
		if !ok {
			p.reportProblem(n, "%.60q must be key=value", f)
			return
		}
		labels = append(labels, newLabel(key, text))
	}
	p.addSample(n, fields[0], value, metric.SortLabels(labels), ms)
}

// parseJSON parses a sequence of objects. Each maps names to values, or is {"metrics": {…}, "logs": […]}.
func parseJSON(text []byte, p *parsedOutput) {
	d := json.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		var object map[string]json.RawMessage
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) && n > 1 {
			return
		}
		if err != nil {
			p.reportProblem(0, "not a JSON object such as {\"name\": 1}: %s", describeJSONError(err))
			return
		}
		parseObject(object, p)
	}
}

func describeJSONError(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.As(err, &kind):
		return "it is another type: " + kind.Value
	}
	return err.Error()
}

func parseObject(object map[string]json.RawMessage, p *parsedOutput) {
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

// parseValues adds numbers, and booleans as 1 and 0.
func parseValues(values map[string]json.RawMessage, p *parsedOutput) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := string(values[name])
		switch text {
		case "true":
			p.addSample(0, name, 1, nil, 0)
		case "false":
			p.addSample(0, name, 0, nil, 0)
		default:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				p.reportProblem(0, "%.60q is not a number: %.60s", name, text)
				continue
			}
			p.addSample(0, name, v, nil, 0)
		}
	}
}

// parseEntry parses a log entry: {"message": "…", "level": "info", "tags": {…}}, or a string.
func parseEntry(raw json.RawMessage, p *parsedOutput) {
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
		p.reportProblem(0, "an entry of logs must be {\"message\": \"…\", \"level\": \"info\"}: %.60s", raw)
		return
	}
	e := telemetry.Event{Severity: parseSeverity(entry.Level), Message: entry.Message}
	if t, ok := epochTime(entry.Timestamp); ok {
		e.Time = t
	}
	for _, key := range slices.Sorted(maps.Keys(entry.Tags)) {
		if text, ok := formatTag(entry.Tags[key]); ok && key != "source" && key != "cmd" { // the input sets these
			e.Fields = append(e.Fields, telemetry.Text(metric.Name(key, maxName), text))
		}
	}
	p.events = append(p.events, e)
}

// formatTag returns a tag as text; ok is false for arrays, objects and null.
func formatTag(v any) (string, bool) {
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

// parseLogfmt parses a record such as "key=value key="a text"". Numbers become metrics, and texts become their labels. A
// record with a msg becomes an event instead.
func parseLogfmt(p *parsedOutput, n int, line string) {
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
			p.reportProblem(n, "a value without a key")
			return
		case key == "msg" || key == "message":
			e.Message, isEvent = text, true
		case key == "level" || key == "lvl":
			e.Severity = parseSeverity(text)
			labels = append(labels, newLabel(key, text))
		case err == nil:
			if t, ok := epochTime(v); ok && (key == "ts" || key == "time") {
				e.Time = t
				continue
			}
			numbers = append(numbers, sample{name: key, value: v})
		default:
			labels = append(labels, newLabel(key, text))
		}
	}
	if isEvent {
		for _, l := range labels {
			e.Fields = append(e.Fields, telemetry.Text(l.Key, l.Value))
		}
		for _, s := range numbers {
			e.Fields = append(e.Fields, telemetry.Float(metric.Name(s.name, maxName), s.value))
		}
		p.events = append(p.events, e)
		return
	}
	labels = metric.SortLabels(labels)
	var ms int64
	if !e.Time.IsZero() {
		ms = e.Time.UnixMilli()
	}
	for _, s := range numbers {
		p.addSample(n, s.name, s.value, labels, ms)
	}
}

// cutLogfmt splits off the first pair of a record. A key without a value has the value "true".
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
