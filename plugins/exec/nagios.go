package execinput

import (
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// stateUnknown is the highest state of a check. The states are exit statuses: OK, warning, critical, unknown
// (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
const stateUnknown = 3

// parseNagios reads the output of a check: "text | perfdata", then lines of text, optionally followed by a bar and more
// perfdata.
func parseNagios(text []byte, status int, p *parsedOutput) {
	p.samples = append(p.samples, sample{name: "nagios_state", value: float64(min(max(status, 0), stateUnknown))})
	inPerfdata := false
	for line := range strings.Lines(string(text)) {
		message, data, hasBar := strings.Cut(line, "|")
		if p.nagiosText == "" {
			p.nagiosText = strings.TrimSpace(message)
			parsePerfdata(data, p)
			continue
		}
		switch {
		case inPerfdata:
			parsePerfdata(line, p)
		case hasBar:
			inPerfdata = true
			parsePerfdata(data, p)
		}
	}
}

// parsePerfdata reads items of the form "'label'=value[UOM];[warn];[crit];[min];[max]" with spaces between them (the same
// guidelines, "Performance data"). It leaves out limits that are ranges instead of numbers.
func parsePerfdata(data string, p *parsedOutput) {
	for data = strings.TrimSpace(data); data != ""; data = strings.TrimSpace(data) {
		var label, rest string
		label, rest = cutPerfLabel(data)
		var value string
		value, data, _ = strings.Cut(rest, " ")
		perfdata := newLabel("perfdata", label)
		if perfdata.Value == "" || value == "" {
			p.reportProblem(0, "%.60q must be 'label'=value[unit];[warn];[crit];[min];[max]", rest)
			continue
		}
		parts := strings.Split(strings.TrimSpace(value), ";")
		digits := strings.TrimRight(parts[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
		uom, scale := baseUnit(parts[0][len(digits):])
		if digits == "" && (parts[0] == "U") { // unknown
			continue
		}
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			p.reportProblem(0, "the value of %.60q is not a number: %.60q", label, parts[0])
			continue
		}
		add := func(name string, v float64) {
			p.samples = append(p.samples, sample{name: name, labels: []telemetry.Label{perfdata}, uom: uom, value: v * scale})
		}
		add("nagios_perfdata", v)
		for i, name := range []string{"nagios_perfdata_warning", "nagios_perfdata_critical", "nagios_perfdata_min", "nagios_perfdata_max"} {
			if i+1 < len(parts) {
				if limit, err := strconv.ParseFloat(parts[i+1], 64); err == nil && limit-limit == 0 { // finite
					add(name, limit)
				}
			}
		}
	}
}

// cutPerfLabel splits data at the "=" after a label. A label in single quotes may contain a quote, written twice.
func cutPerfLabel(data string) (label, rest string) {
	if data[0] != '\'' {
		label, rest, _ = strings.Cut(data, "=")
		return label, rest
	}
	for i := 1; i < len(data); i++ {
		switch {
		case data[i] != '\'':
		case i+1 < len(data) && data[i+1] == '\'':
			i++
		default:
			return strings.ReplaceAll(data[1:i], "''", "'"), strings.TrimPrefix(data[i+1:], "=")
		}
	}
	return "", data
}

// baseUnit returns the base unit of a unit of measurement, and the factor that converts to it.
func baseUnit(uom string) (unit string, scale float64) {
	switch strings.ToLower(uom) {
	case "s":
		return "seconds", 1
	case "ms":
		return "seconds", 1e-3
	case "us":
		return "seconds", 1e-6
	case "%":
		return "percent", 1
	case "b":
		return "bytes", 1
	case "kb":
		return "bytes", 1 << 10
	case "mb":
		return "bytes", 1 << 20
	case "gb":
		return "bytes", 1 << 30
	case "tb":
		return "bytes", 1 << 40
	case "c":
		return "", 1 // a counter
	}
	return metric.Name(uom, maxName), 1
}
