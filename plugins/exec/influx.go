package execinput

import (
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parseInflux reads a line of the InfluxDB line protocol, "measurement,tag=a field=1,other=2i 1700000000000000000"
// (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol). A field becomes the metric measurement_field; the field
// "value" becomes measurement. Text fields are left out.
func parseInflux(p *parsedOutput, n int, line string) {
	head, rest := cutUnescaped(line, ' ', false)
	fields, stamp := cutUnescaped(strings.TrimLeft(rest, " "), ' ', true)
	if head == "" || fields == "" {
		p.reportProblem(n, "%.60q must be: measurement,tag=a field=1 [nanoseconds]", line)
		return
	}
	var ms int64
	if stamp = strings.TrimSpace(stamp); stamp != "" {
		ns, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil || ns < int64(time.Millisecond) {
			p.reportProblem(n, "%.60q is not a time in nanoseconds", stamp)
			return
		}
		ms = ns / int64(time.Millisecond)
	}
	measurement, tags := cutUnescaped(head, ',', false)
	labels := metric.SortLabels(parseTags(tags))
	for fields != "" {
		var field string
		field, fields = cutUnescaped(fields, ',', true)
		key, text := cutUnescaped(field, '=', false)
		v, isNumber, ok := parseInfluxValue(text)
		if !ok || key == "" {
			p.reportProblem(n, "%.60q must be field=1, field=1i, field=true or field=\"text\"", field)
			continue
		}
		if !isNumber {
			continue
		}
		name := unescapeName(measurement)
		if key != "value" {
			name += "_" + unescapeName(key)
		}
		p.addSample(n, name, v, labels, ms)
	}
}

func parseTags(tags string) (labels []telemetry.Label) {
	for tags != "" {
		var tag string
		tag, tags = cutUnescaped(tags, ',', false)
		key, value := cutUnescaped(tag, '=', false)
		labels = append(labels, newLabel(unescapeName(key), unescapeName(value)))
	}
	return labels
}

// parseInfluxValue parses the value of a field. IsNumber is false for a text; ok is false for an invalid value.
func parseInfluxValue(text string) (v float64, isNumber, ok bool) {
	switch text {
	case "t", "T", "true", "True", "TRUE":
		return 1, true, true
	case "f", "F", "false", "False", "FALSE":
		return 0, true, true
	}
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		return 0, false, true
	}
	if digits := strings.TrimRight(text, "iu"); len(digits) == len(text)-1 {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			u, err := strconv.ParseUint(digits, 10, 64)
			return float64(u), true, err == nil
		}
		return float64(n), true, true
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, true, err == nil
}

// cutUnescaped splits text at the first separator that is not escaped by a backslash and, if quotes is true, not quoted.
func cutUnescaped(text string, separator byte, quotes bool) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"' && quotes:
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// unescapeName removes the backslashes before characters that are special in names.
func unescapeName(text string) string {
	return strings.NewReplacer(`\,`, ",", `\=`, "=", `\ `, " ", `\\`, `\`).Replace(text)
}
