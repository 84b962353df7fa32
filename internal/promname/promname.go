// Package promname turns names and labels of series into those that Prometheus accepts
// (https://prometheus.io/docs/concepts/data_model/, as before version 3).
package promname

import (
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Metric returns a name of a metric: letters of ASCII, digits, '_' and ':'. Every other character becomes '_'. A leading digit gets '_'
// before it. An empty name becomes "_".
func Metric(name string) string { return replace(name, ":") }

// Label returns a name of a label, which may have no ':'. A name that begins with "__", which Prometheus reserves, gets "label" before it.
func Label(name string) string {
	name = replace(name, "")
	if strings.HasPrefix(name, "__") {
		return "label" + name
	}
	return name
}

func replace(name, more string) string {
	isAllowed := func(r rune) bool {
		return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(more, r)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !isAllowed(r) }) {
		name = strings.Map(func(r rune) rune {
			if isAllowed(r) {
				return r
			}
			return '_'
		}, name)
	}
	if name == "" || '0' <= name[0] && name[0] <= '9' {
		return "_" + name
	}
	return name
}

// Labels returns the labels with names that are allowed and unique, and with values in UTF-8, sorted by name. Labels without a value are
// left out, because they mean the same as no label. A label whose new name another label has gets "2" at its end. Renamed reports whether
// the name of a label changed.
func Labels(labels []telemetry.Label) (out []telemetry.Label, renamed bool) {
	out = make([]telemetry.Label, 0, len(labels))
	var changed []telemetry.Label
	for _, l := range labels {
		l.Value = strings.ToValidUTF8(l.Value, "\uFFFD")
		switch name := Label(l.Key); {
		case l.Value == "":
		case name == l.Key && !has(out, name):
			out = append(out, l)
		default:
			changed = append(changed, telemetry.Label{Key: name, Value: l.Value})
		}
	}
	for _, l := range changed {
		for has(out, l.Key) {
			l.Key += "2"
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return out, len(changed) > 0
}

func has(labels []telemetry.Label, name string) bool {
	return slices.ContainsFunc(labels, func(l telemetry.Label) bool { return l.Key == name })
}
