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

// sampleLine is a sample as one line of JSON. NaN and infinite values are null.
type sampleLine struct {
	Time   int64             `json:"time"` // ms
	Key    string            `json:"key"`
	Value  *float64          `json:"value"`
	Labels map[string]string `json:"labels"`
}

func (p *Printer) printSamplesJSON(batches []*telemetry.Batch) {
	naming := tskey.Naming{Format: tskey.Host}
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		line := sampleLine{Time: ms, Key: naming.Key(s), Labels: map[string]string{}}
		if isFinite(v) {
			line.Value = &v
		}
		for _, l := range tskey.Labels(s) {
			line.Labels[l.Key] = l.Value
		}
		text, _ := json.Marshal(line) // cannot fail for strings and finite numbers
		_, _ = p.out.Write(append(text, '\n'))
	})
}

// printCommands prints commands for redis-cli. It leaves out NaN and infinite values, which Redis refuses.
func (p *Printer) printCommands(batches []*telemetry.Batch) {
	naming := tskey.Naming{Format: tskey.Host}
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		if !isFinite(v) {
			return
		}
		_, _ = fmt.Fprintf(p.out, "TS.ADD %s %d %s ON_DUPLICATE LAST LABELS", quoteArgument(naming.Key(s)), ms, formatNumber(v))
		for _, l := range tskey.Labels(s) {
			_, _ = fmt.Fprintf(p.out, " %s %s", quoteArgument(l.Key), quoteArgument(l.Value))
		}
		_ = p.out.WriteByte('\n')
	})
}

// printSampleTable prints time, host, metric, instance, value and unit. It leaves out source and tags, which rarely differ between
// lines.
func (p *Printer) printSampleTable(batches []*telemetry.Batch) {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "TIME\tHOST\tMETRIC\tINSTANCE\tVALUE\tUNIT")
	forEachSample(batches, func(s *telemetry.Series, ms int64, v float64) {
		var instance []string
		for _, l := range s.Instance() {
			instance = append(instance, l.Key+"="+terminal.Line(l.Value))
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", time.UnixMilli(ms).Format("15:04:05"), terminal.Line(s.Host()),
			terminal.Line(s.Name()), strings.Join(instance, " "), formatNumber(v), s.Unit())
	})
	_ = t.Flush()
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

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
