package stdout

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// printed is what all lines of a series have in common. It is cached in the memo slot of the series.
type printed struct {
	format Format
	head   []byte // before the time; in a table, after it
	tail   []byte // after the value
}

// printedOf returns the fixed parts of the lines of a series, which build makes if they are not cached.
func (p *Printer) printedOf(s *telemetry.Series, build func(*telemetry.Series) *printed) *printed {
	if fixed, ok := s.Memo(p.slot).(*printed); ok && fixed.format == p.format {
		return fixed
	}
	fixed := build(s)
	fixed.format = p.format
	s.SetMemo(p.slot, fixed)
	return fixed
}

const (
	jsonTime   = `{"time":` // ms
	jsonValue  = `,"value":`
	addCommand = "TS.ADD "
)

// printSamplesJSON prints each sample as one line of JSON. NaN and infinite values are null.
func (p *Printer) printSamplesJSON(batches []*telemetry.Batch) {
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		fixed := p.printedOf(s, jsonParts)
		line := strconv.AppendInt(append(p.line[:0], jsonTime...), ms, 10)
		line = append(append(line, fixed.head...), jsonValue...)
		line = append(appendJSONNumber(line, v), fixed.tail...)
		p.printLine(line)
	})
}

func jsonParts(s *telemetry.Series) *printed {
	key, _ := json.Marshal(tskey.Naming{Format: tskey.Host}.Key(s)) // cannot fail for texts
	labels := map[string]string{}
	for _, l := range tskey.Labels(s) {
		labels[l.Key] = l.Value
	}
	object, _ := json.Marshal(labels)
	return &printed{head: append([]byte(`,"key":`), key...), tail: append(append([]byte(`,"labels":`), object...), "}\n"...)}
}

// appendJSONNumber appends a number as encoding/json does, and null for NaN and infinite values.
func appendJSONNumber(buf []byte, v float64) []byte {
	const smallest, largest = 1e-6, 1e21 // outside of these, numbers have an exponent
	switch abs := math.Abs(v); {
	case !isFinite(v):
		return append(buf, "null"...)
	case abs == 0, abs >= smallest && abs < largest:
		return strconv.AppendFloat(buf, v, 'f', -1, 64)
	}
	buf = strconv.AppendFloat(buf, v, 'e', -1, 64)
	if n := len(buf); buf[n-4] == 'e' && buf[n-2] == '0' { // e-09 becomes e-9
		buf = append(buf[:n-2], buf[n-1])
	}
	return buf
}

// printCommands prints commands for redis-cli. It leaves out NaN and infinite values, which Redis refuses.
func (p *Printer) printCommands(batches []*telemetry.Batch) {
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		if !isFinite(v) {
			return
		}
		fixed := p.printedOf(s, commandParts)
		line := strconv.AppendInt(append(p.line[:0], fixed.head...), ms, 10)
		line = strconv.AppendFloat(append(line, ' '), v, 'f', -1, 64)
		p.printLine(append(line, fixed.tail...))
	})
}

func commandParts(s *telemetry.Series) *printed {
	tail := []byte(" ON_DUPLICATE LAST LABELS")
	for _, l := range tskey.Labels(s) {
		tail = fmt.Appendf(tail, " %s %s", quoteArgument(l.Key), quoteArgument(l.Value))
	}
	return &printed{head: []byte(addCommand + quoteArgument(tskey.Naming{Format: tskey.Host}.Key(s)) + " "), tail: append(tail, '\n')}
}

// printSampleTable prints time, host, metric, instance, value and unit. It leaves out source and tags, which rarely differ between
// lines.
func (p *Printer) printSampleTable(batches []*telemetry.Batch) {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "TIME\tHOST\tMETRIC\tINSTANCE\tVALUE\tUNIT")
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		fixed := p.printedOf(s, tableParts)
		line := append(time.UnixMilli(ms).AppendFormat(p.line[:0], "15:04:05"), fixed.head...)
		line = append(strconv.AppendFloat(line, v, 'f', -1, 64), fixed.tail...)
		p.line = line
		_, _ = t.Write(line)
	})
	_ = t.Flush()
}

func tableParts(s *telemetry.Series) *printed {
	var instance []string
	for _, l := range s.Instance() {
		instance = append(instance, l.Key+"="+terminal.Line(l.Value))
	}
	return &printed{
		head: fmt.Appendf(nil, "\t%s\t%s\t%s\t", terminal.Line(s.Host()), terminal.Line(s.Name()), strings.Join(instance, " ")),
		tail: fmt.Appendf(nil, "\t%s\n", s.Unit()),
	}
}

// printLine prints a line that was built in p.line, and keeps its memory.
func (p *Printer) printLine(line []byte) {
	p.line = line
	_, _ = p.out.Write(line)
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// quoteArgument quotes an argument for redis-cli (redis/src/sds.c, sdssplitargs). Unless it is a plain word, it is enclosed in double
// quotes, with \xHH for bytes that are not printable ASCII.
func quoteArgument(v string) string {
	const special = " \"'\\"
	if v != "" && !strings.ContainsAny(v, special) && strings.IndexFunc(v, func(r rune) bool { return r < '!' || r > '~' }) < 0 {
		return v
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(v) {
		switch c := v[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
