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

// sample is one line of JSON. A value that JSON has no number for is null.
type sample struct {
	Time   int64             `json:"time"` // ms
	Key    string            `json:"key"`
	Value  *float64          `json:"value"`
	Labels map[string]string `json:"labels"`
}

func (p *Printer) json(batches []*telemetry.Batch) {
	naming := tskey.Naming{Format: tskey.Host}
	each(batches, func(s *telemetry.Series, ms int64, v float64) {
		line := sample{Time: ms, Key: naming.Key(s), Labels: map[string]string{}}
		if finite(v) {
			line.Value = &v
		}
		for _, l := range tskey.Labels(s) {
			line.Labels[l.Key] = l.Value
		}
		text, _ := json.Marshal(line) // strings and finite numbers always can be
		_, _ = p.out.Write(append(text, '\n'))
	})
}

// commands prints what redis-cli runs as it is, without the samples that Redis refuses.
func (p *Printer) commands(batches []*telemetry.Batch) {
	naming := tskey.Naming{Format: tskey.Host}
	each(batches, func(s *telemetry.Series, ms int64, v float64) {
		if !finite(v) {
			return
		}
		_, _ = fmt.Fprintf(p.out, "TS.ADD %s %d %s ON_DUPLICATE LAST LABELS", quote(naming.Key(s)), ms, number(v))
		for _, l := range tskey.Labels(s) {
			_, _ = fmt.Fprintf(p.out, " %s %s", quote(l.Key), quote(l.Value))
		}
		_ = p.out.WriteByte('\n')
	})
}

// table prints name, value, unit and instance. Host, source and tags are the same on every line or nearly so.
func (p *Printer) table(batches []*telemetry.Batch) {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "TIME\tHOST\tMETRIC\tINSTANCE\tVALUE\tUNIT")
	each(batches, func(s *telemetry.Series, ms int64, v float64) {
		var instance []string
		for _, l := range s.Instance() {
			instance = append(instance, l.Key+"="+terminal.Line(l.Value))
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", time.UnixMilli(ms).Format("15:04:05"), terminal.Line(s.Host()),
			terminal.Line(s.Name()), strings.Join(instance, " "), number(v), s.Unit())
	})
	_ = t.Flush()
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// quote writes an argument as redis-cli reads it (redis/src/sds.c, sdssplitargs): in double quotes, with \xHH for what
// does not print, unless it is a plain word.
func quote(v string) string {
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
