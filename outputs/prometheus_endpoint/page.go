package prometheusendpoint

import (
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The metrics about the page itself. No other series gets these names.
const (
	ownSeries  = "rtcollector_endpoint_series"
	ownRenamed = "rtcollector_endpoint_renamed_metrics"
	ownLeftOut = "rtcollector_endpoint_left_out_samples_total"
	ownPrefix  = "rtcollector_endpoint_"
)

func isOwn(name string) bool { return strings.HasPrefix(name, ownPrefix) }

// appendPage appends the page of all series, in OpenMetrics 1.0 or in the text format 0.0.4.
func (s *store) appendPage(buf []byte, now time.Time, isOpenMetrics, timestamps bool) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	for _, f := range s.families {
		if isOpenMetrics {
			buf = s.appendOpenMetrics(buf, f, timestamps)
		} else {
			buf = appendComment(buf, "HELP", f.name, f.help, false)
			buf = appendComment(buf, "TYPE", f.name, f.kind(), false)
			for _, e := range f.entries {
				buf = appendSample(buf, e, timestamps, false)
			}
		}
	}
	own := func(name, kind, help string, v int64) {
		described := name
		if isOpenMetrics && kind == "counter" {
			described = strings.TrimSuffix(name, "_total")
		}
		buf = appendComment(buf, "HELP", described, help, isOpenMetrics)
		buf = appendComment(buf, "TYPE", described, kind, isOpenMetrics)
		buf = append(strconv.AppendInt(append(append(buf, name...), ' '), v, 10), '\n')
	}
	own(ownSeries, "gauge", "series on this page", int64(len(s.entries)))
	own(ownRenamed, "gauge", "metrics whose names or labels were replaced because Prometheus does not allow them, at most 100", int64(len(s.renamed)))
	own(ownLeftOut, "counter", "samples left out because another series has the same name and labels", s.leftOut)
	if isOpenMetrics {
		buf = append(buf, "# EOF\n"...)
	}
	return buf
}

// appendOpenMetrics appends a family. In OpenMetrics, the samples of a counter are called NAME_total and NAME_created, and a unit is the end
// of the name. A counter with another name would have to be renamed, so its type is given as unknown instead.
func (s *store) appendOpenMetrics(buf []byte, f *family, timestamps bool) []byte {
	name, kind := f.name, f.kind()
	switch kind {
	case "counter":
		base, isTotal := strings.CutSuffix(f.name, "_total")
		if isTotal && base != "" && s.byName[base] == nil && s.byName[base+"_created"] == nil {
			name = base
		} else {
			kind = "unknown"
		}
	case "untyped":
		kind = "unknown"
	}
	buf = appendComment(buf, "HELP", name, f.help, true)
	buf = appendComment(buf, "TYPE", name, kind, true)
	if unit := string(f.unit); unit != "" && strings.HasSuffix(name, "_"+unit) {
		buf = appendComment(buf, "UNIT", name, unit, true)
	}
	for _, e := range f.entries {
		buf = appendSample(buf, e, timestamps, true)
		if kind == "counter" && e.created > 0 {
			buf = append(append(buf, name...), "_created"...)
			buf = append(append(buf, e.head[len(f.name):]...), ' ')
			buf = append(appendSeconds(buf, e.created), '\n')
		}
	}
	return buf
}

// appendComment appends a line such as "# HELP name text". OpenMetrics escapes quotes, too.
func appendComment(buf []byte, keyword, name, text string, escapeQuotes bool) []byte {
	buf = append(append(buf, "# "...), keyword...)
	buf = append(append(append(buf, ' '), name...), ' ')
	return append(appendEscaped(buf, text, escapeQuotes), '\n')
}

func appendSample(buf []byte, e *entry, timestamp, inSeconds bool) []byte {
	buf = append(append(buf, e.head...), ' ')
	buf = strconv.AppendFloat(buf, e.value, 'g', -1, 64) // NaN, +Inf and -Inf are as both formats want them
	switch {
	case !timestamp:
	case inSeconds:
		buf = appendSeconds(append(buf, ' '), e.ms)
	default:
		buf = strconv.AppendInt(append(buf, ' '), e.ms, 10)
	}
	return append(buf, '\n')
}

// appendSeconds appends a time in milliseconds as seconds.
func appendSeconds(buf []byte, ms int64) []byte {
	return strconv.AppendFloat(buf, float64(ms)/1000, 'f', 3, 64)
}

// appendHead appends name{labels}.
func appendHead(buf []byte, name string, labels []telemetry.Label) []byte {
	buf = append(buf, name...)
	for i, l := range labels {
		if i == 0 {
			buf = append(buf, '{')
		} else {
			buf = append(buf, ',')
		}
		buf = append(append(buf, l.Key...), `="`...)
		buf = append(appendEscaped(buf, l.Value, true), '"')
	}
	if len(labels) > 0 {
		buf = append(buf, '}')
	}
	return buf
}

// appendEscaped appends a text with backslashes and line feeds escaped, and quotes if wanted.
func appendEscaped(buf []byte, text string, quotes bool) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\\':
			buf = append(buf, `\\`...)
		case c == '\n':
			buf = append(buf, `\n`...)
		case c == '"' && quotes:
			buf = append(buf, `\"`...)
		default:
			buf = append(buf, c)
		}
	}
	return buf
}
