package execinput

import (
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// stateUnknown is the last of a check's states, its exit statuses: OK, warning, critical, unknown
// (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
const stateUnknown = 3

// parseNagios reads what a check prints: "text | perfdata", then lines of text, and perhaps a bar and more perfdata.
func parseNagios(text []byte, status int, p *parsed) {
	p.samples = append(p.samples, sample{name: "nagios_state", value: float64(min(max(status, 0), stateUnknown))})
	inPerfdata := false
	for line := range strings.Lines(string(text)) {
		said, data, hasBar := strings.Cut(line, "|")
		if p.said == "" {
			p.said = strings.TrimSpace(said)
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

// parsePerfdata reads "'label'=value[UOM];[warn];[crit];[min];[max]", several with blanks between them (the same,
// "Performance data"). Of warn and crit, only plain limits are numbers; ranges are left out.
func parsePerfdata(data string, p *parsed) {
	for data = strings.TrimSpace(data); data != ""; data = strings.TrimSpace(data) {
		var label, rest string
		label, rest = cutPerfLabel(data)
		var value string
		value, data, _ = strings.Cut(rest, " ")
		is := labelOf("perfdata", label)
		if is.Value == "" || value == "" {
			p.problem(0, "%.60q must be 'label'=value[unit];[warn];[crit];[min];[max]", rest)
			continue
		}
		parts := strings.Split(strings.TrimSpace(value), ";")
		digits := strings.TrimRight(parts[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
		uom, scale := unitOf(parts[0][len(digits):])
		if digits == "" && (parts[0] == "U") { // the check could not tell
			continue
		}
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			p.problem(0, "the value of %.60q is no number: %.60q", label, parts[0])
			continue
		}
		add := func(name string, v float64) {
			p.samples = append(p.samples, sample{name: name, labels: []telemetry.Label{is}, uom: uom, value: v * scale})
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

// cutPerfLabel splits at the "=" behind a label, which may stand in single quotes; two of them in it are one.
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

// unitOf is what a unit of measurement means in base units.
func unitOf(uom string) (unit string, scale float64) {
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
	return nameOf(uom), 1
}
