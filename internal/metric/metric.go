// Package metric makes names, labels and values of series from what programs and servers report.
package metric

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Bool returns the sample value of a state: 1 for true, 0 for false.
func Bool(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Name returns text as a metric name or label key. White space, control characters, invalid UTF-8 and the characters
// (){}, become underscores: Redis rejects parentheses and commas, and braces choose the slot of a key in a cluster. The
// result has at most limit bytes.
func Name(text string, limit int) string {
	return truncate(strings.Map(func(r rune) rune {
		if isUnsafeInName(r) {
			return '_'
		}
		return r
	}, text), limit)
}

// IsName reports whether text is a valid metric name: it is not empty, and [Name] would change nothing except its length.
func IsName(text string) bool { return text != "" && strings.IndexFunc(text, isUnsafeInName) < 0 }

func isUnsafeInName(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune("(){},", r)
}

// LabelValue returns text as the value of a label. Control characters become spaces, invalid UTF-8 becomes underscores. The
// ends are trimmed, and the result has at most limit bytes. Outputs replace further characters if they must.
func LabelValue(text string, limit int) string {
	return strings.TrimSpace(truncate(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "_")), limit))
}

// truncate cuts text to at most limit bytes, at the boundary of a character.
func truncate(text string, limit int) string {
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}

// SortLabels sorts labels by key. Of several labels with the same key it keeps the last, and it drops labels without a key
// or a value. It reuses the memory of labels.
func SortLabels(labels []telemetry.Label) []telemetry.Label {
	slices.Reverse(labels)
	slices.SortStableFunc(labels, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	labels = slices.CompactFunc(labels, func(a, b telemetry.Label) bool { return a.Key == b.Key })
	return slices.DeleteFunc(labels, func(l telemetry.Label) bool { return l.Key == "" || l.Value == "" })
}
