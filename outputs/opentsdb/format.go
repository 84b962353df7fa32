package opentsdb

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// lines makes lines.
type lines struct {
	preferred []string // labels
	maxTags   int
	isHTTP    bool
	log       *slog.Logger

	cut       int // series that have more tags than are allowed
	warnedCut bool
}

// isNameRune reports whether a character may be in a metric, a tag or its value (OpenTSDB's documentation of writing data).
func isNameRune(r rune) bool { return linesender.IsWord(r) || r == '.' || r == '/' }

// NewLine implements [linesender.Format].
func (f *lines) NewLine(s *telemetry.Series, n linesender.Naming) (head, tail []byte, isExact bool) {
	metric, tags, isExact := f.name(s, n)
	if f.isHTTP {
		head = append([]byte(`{"metric":`), quote(metric)...)
		tail = []byte(`,"tags":{`)
		for i, t := range tags {
			if i > 0 {
				tail = append(tail, ',')
			}
			tail = append(append(append(tail, quote(t.Key)...), ':'), quote(t.Value)...)
		}
		return append(head, `,"timestamp":`...), append(tail, "}}"...), isExact
	}
	head = []byte("put " + metric + " ")
	for _, t := range tags {
		tail = append(append(append(append(tail, ' '), t.Key...), '='), t.Value...)
	}
	return head, append(tail, '\n'), isExact
}

// name returns the metric and the tags of a series.
func (f *lines) name(s *telemetry.Series, n linesender.Naming) (metric string, tags []telemetry.Label, isExact bool) {
	prefix := linesender.CleanPath(n.Prefix, isNameRune)
	if chart, isExact, ok := linesender.NetdataChart(s, n.Names); ok {
		host := linesender.Clean(n.Host, isNameRune)
		return linesender.JoinPath(prefix, chart) + n.Suffix, []telemetry.Label{{Key: "host", Value: host}}, isExact && host == n.Host
	}
	name := linesender.Clean(s.Name(), isNameRune)
	isExact = name == s.Name()
	for _, l := range f.byPreference(s) {
		if l.Key == "host" && l.Value == s.Host() {
			l.Value = n.Host
		}
		key, value := linesender.Clean(l.Key, isNameRune), linesender.Clean(l.Value, isNameRune)
		isExact = isExact && key == l.Key && value == l.Value
		if key != "" && value != "" {
			tags = append(tags, telemetry.Label{Key: key, Value: value})
		}
	}
	linesender.UniqueKeys(tags)
	if len(tags) > f.maxTags {
		if n.Suffix == "" { // with a suffix, the series is named again
			f.noteCut(s)
		}
		tags, isExact = tags[:f.maxTags], false
	}
	slices.SortFunc(tags, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return linesender.JoinPath(prefix, name) + n.Suffix, tags, isExact
}

// byPreference returns the labels: the host, those that the user prefers, those of the instance, the user's tags and others, source and unit.
func (f *lines) byPreference(s *telemetry.Series) []telemetry.Label {
	rank := func(l telemetry.Label) int {
		switch i := slices.Index(f.preferred, l.Key); {
		case l.Key == "host":
			return 0
		case i >= 0:
			return 1 + i
		case slices.ContainsFunc(s.Instance(), func(own telemetry.Label) bool { return own.Key == l.Key }):
			return 1 + len(f.preferred)
		case l.Key == "source" || l.Key == "unit":
			return 3 + len(f.preferred)
		}
		return 2 + len(f.preferred)
	}
	labels := slices.Clone(s.Labels())
	slices.SortStableFunc(labels, func(a, b telemetry.Label) int { return rank(a) - rank(b) })
	return labels
}

func (f *lines) noteCut(s *telemetry.Series) {
	f.cut++
	if !f.warnedCut && f.log != nil {
		f.warnedCut = true
		f.log.Warn("a series has more tags than max_tags: the last ones are left out; \"check --connect\" counts such series", "series", s.String(), "max_tags", f.maxTags)
	}
}

// Append implements [linesender.Format].
func (f *lines) Append(buf []byte, l *linesender.Line, ms int64, v float64) []byte {
	buf = linesender.AppendSeconds(append(buf, l.Head...), ms)
	if f.isHTTP {
		buf = append(buf, `,"value":`...)
	} else {
		buf = append(buf, ' ')
	}
	return append(linesender.AppendNumber(buf, v), l.Tail...)
}

func quote(text string) []byte {
	quoted, _ := json.Marshal(text) // cannot fail for a text
	return quoted
}
