package graphite

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// lines makes lines.
type lines struct{ format Format }

// isPathRune reports whether a character may be in a component of a path. Besides blanks and dots, that excludes what carbon takes for a
// folder or Graphite for a pattern or a part of an expression.
func isPathRune(r rune) bool { return linesender.IsWord(r) || strings.ContainsRune(":@+", r) }

// isTagRune reports whether a character may be in the value of a tag (Graphite's documentation of tags).
func isTagRune(r rune) bool { return r > ' ' && r != ';' && unicode.IsPrint(r) }

// isTagNameRune reports whether a character may be in the name of a tag.
func isTagNameRune(r rune) bool { return isTagRune(r) && !strings.ContainsRune("!^=", r) }

// NewLine implements [linesender.Format].
func (f lines) NewLine(s *telemetry.Series, n linesender.Naming) (head, tail []byte, isExact bool) {
	var path string
	prefix := linesender.CleanPath(n.Prefix, isPathRune)
	chart, isExact, ok := linesender.NetdataChart(s, n.Names)
	switch {
	case ok:
		host := linesender.CleanPath(n.Host, isPathRune) // Netdata keeps the dots
		path, isExact = linesender.JoinPath(prefix, host, chart)+n.Suffix, isExact && host == n.Host
	case f.format == Tagged:
		path, isExact = taggedPath(s, n, prefix)
	default:
		path, isExact = plainPath(s, n, prefix)
	}
	return append([]byte(path), ' '), nil, isExact
}

// plainPath returns PREFIX.HOST.METRIC.INSTANCE…, with the values of the instance labels in the input's order.
func plainPath(s *telemetry.Series, n linesender.Naming, prefix string) (path string, isExact bool) {
	isExact = true
	parts := []string{prefix}
	add := func(text string) {
		clean := linesender.Clean(text, isPathRune)
		isExact = isExact && clean == text
		parts = append(parts, clean)
	}
	add(n.Host)
	add(s.Name())
	for _, l := range s.Instance() {
		add(l.Value)
	}
	return linesender.JoinPath(parts...) + n.Suffix, isExact
}

// taggedPath returns PREFIX.METRIC;tag=value…, sorted by tag.
func taggedPath(s *telemetry.Series, n linesender.Naming, prefix string) (path string, isExact bool) {
	metric := linesender.Clean(s.Name(), isPathRune)
	isExact = metric == s.Name()
	var tags []telemetry.Label
	for _, l := range s.Labels() {
		if l.Key == "host" && l.Value == s.Host() {
			l.Value = n.Host
		}
		key, value := linesender.Clean(l.Key, isTagNameRune), linesender.Clean(l.Value, isTagRune)
		if strings.HasPrefix(value, "~") {
			value = "_" + value[1:]
		}
		if key == "name" { // what Graphite calls the path
			key = "name_"
		}
		isExact = isExact && key == l.Key && value == l.Value
		if key != "" && value != "" {
			tags = append(tags, telemetry.Label{Key: key, Value: value})
		}
	}
	slices.SortStableFunc(tags, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	linesender.UniqueKeys(tags)
	slices.SortStableFunc(tags, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	var b strings.Builder
	b.WriteString(linesender.JoinPath(prefix, metric) + n.Suffix)
	for _, t := range tags {
		b.WriteString(";" + t.Key + "=" + t.Value)
	}
	return b.String(), isExact
}

// Append implements [linesender.Format].
func (lines) Append(buf []byte, l *linesender.Line, ms int64, v float64) []byte {
	buf = append(buf, l.Head...)
	buf = append(linesender.AppendNumber(buf, v), ' ')
	return append(linesender.AppendSeconds(buf, ms), '\n')
}
