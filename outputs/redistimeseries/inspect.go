package redistimeseries

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs"
)

const day = 24 * time.Hour

// Estimate implements [outputs.Estimator].
func (w *Writer) Estimate(series []*telemetry.Series) outputs.Estimate {
	var sum outputs.Estimate
	for _, s := range series {
		d := w.definitionOf(s)
		labels := len(tskey.Labels(s))
		d.estimate(&sum, labels, s.Interval(), rawSample)
		for _, c := range d.compactions {
			c.target.estimate(&sum, labels+2, time.Duration(c.bucket)*time.Millisecond, compactedSample)
		}
	}
	return sum
}

// estimate adds the memory of one series.
func (d *definition) estimate(sum *outputs.Estimate, labels int, interval time.Duration, sampleCost float64) {
	empty := d.memory(labels, 0, sampleCost)
	sum.Empty += empty
	switch {
	case interval <= 0:
		sum.Full += empty
	case d.Retention == 0:
		sum.Full += empty
		perDay := float64(day) / float64(interval)
		sum.PerDay += d.memory(labels, perDay, sampleCost) - empty
	default:
		sum.Full += d.memory(labels, d.samples(interval), sampleCost)
		sum.Full += (float64(d.chunk) + chunkCost) / 2 // the oldest chunk is freed once all of it is past the retention
	}
}

// memory returns what a series with so many samples takes, in bytes. The newest chunk is half empty on average.
func (d *definition) memory(labels int, samples, sampleCost float64) float64 {
	if !d.Labels {
		labels = 0
	}
	chunk := float64(d.chunk)
	chunks := max(1, samples*d.cost(sampleCost)/chunk+0.5)
	return seriesCost + labelCost*float64(labels) + chunks*(chunk+chunkCost)
}

// Inspect implements [outputs.Inspector].
func (w *Writer) Inspect(ctx context.Context, series []*telemetry.Series) outputs.Report {
	live := w.naming.Liveness(w.host)
	nowhere := live + ":check" // does not exist
	needs := redisconn.Needs{Modules: []string{"timeseries"}, Probes: [][]any{
		{"TS.INFO", live}, {"TS.CREATE", live}, {"TS.ALTER", live}, {"TS.MADD", live, "*", "NaN"},
	}}
	if w.config.compacts() {
		needs.Probes = append(needs.Probes, []any{"TS.CREATERULE", live, live, "AGGREGATION", "avg", "1000"})
	}
	if slices.ContainsFunc(series, func(s *telemetry.Series) bool { return s.TTL() > 0 }) {
		needs.Probes = append(needs.Probes, []any{"PERSIST", nowhere}, []any{"PEXPIRE", nowhere, 1})
	}
	r, maxMemory := w.client.Inspect(ctx, needs)
	if size := w.Estimate(series); maxMemory > 0 && size.Full > maxMemory {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the series of this host alone will need %.1f MB, and maxmemory is %.1f MB: shorten the retention, or raise maxmemory", size.Full/1e6, maxMemory/1e6))
	}
	if w.client.Clustered && w.naming.Format != tskey.Tagged {
		r.Warnings = append(r.Warnings, "key_format "+string(w.naming.Format)+" spreads a host over all slots of the cluster, with one command per series: tagged is much cheaper")
	}
	if text := w.measure(ctx, series); text != "" {
		r.Notes = append(r.Notes, text)
	}
	return r
}

// measure compares the estimate with the series that already exist.
func (w *Writer) measure(ctx context.Context, series []*telemetry.Series) string {
	p := w.client.Pipeline()
	cmds := make([]*redis.Cmd, len(series))
	for i, s := range series {
		cmds[i] = p.Do(ctx, "TS.INFO", w.naming.Key(s))
	}
	_, _ = p.Exec(ctx)
	var n int
	var real, expected float64
	for i, s := range series {
		reply, err := cmds[i].Result()
		if err != nil {
			continue
		}
		in := parseInfo(reply)
		d := *w.definitionOf(s)
		d.chunk = in.chunk
		n++
		real += float64(in.memory)
		expected += d.memory(len(in.labels), float64(in.samples), rawSample)
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of these series exist and take %.1f MB (TS.INFO); the estimate for as many samples is %.1f MB", n, real/1e6, expected/1e6)
}
