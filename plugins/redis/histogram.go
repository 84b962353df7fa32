package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// histogram are the latencies of commands between two gathers, from LATENCY HISTOGRAM (Redis 7). Those of INFO are since
// the server started.
type histogram struct {
	commands *telemetry.Vec[string, latencies]
}

// latencies are those of one command.
type latencies struct {
	series [numQuantiles]*telemetry.Series
	last   []bucket
	read   bool
}

// bucket says how many calls took at most limit microseconds since the server started.
type bucket struct{ limit, calls float64 }

const numQuantiles = 3

// quantiles are those that are written, with their names in INFO.
func quantiles() [numQuantiles]quantile {
	return [...]quantile{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}
}

type quantile struct {
	name string
	part float64
}

func newHistogram(m maker, label telemetry.Label) *histogram {
	return &histogram{telemetry.NewVec(m.factory, func(f *telemetry.Factory, command string) latencies {
		m := m.with(f)
		var l latencies
		for i, q := range quantiles() {
			l.series[i] = m.gauge("latency_usec", telemetry.Microseconds, label,
				telemetry.Label{Key: "cmd", Value: command}, telemetry.Label{Key: "percentile", Value: q.name})
		}
		return l
	})}
}

// add takes the reply to LATENCY HISTOGRAM: [set, [calls, 1, histogram_usec, [16, 1]], get, …].
func (h *histogram) add(out *telemetry.Batch, reply []any) {
	for i := 0; i+1 < len(reply); i += 2 {
		command, _ := reply[i].(string)
		buckets := parseHistogram(reply[i+1])
		if !isName([]byte(command)) || buckets == nil {
			continue
		}
		l := h.commands.Get(command)
		if l.read {
			l.add(out, buckets)
		}
		l.last, l.read = buckets, true
	}
}

func (l *latencies) add(out *telemetry.Batch, now []bucket) {
	for i, q := range quantiles() {
		if v, ok := between(l.last, now, q.part); ok {
			out.Add(l.series[i], v)
		}
	}
}

// parseHistogram reads what is said about one command, nil where that makes no sense.
func parseHistogram(reply any) []bucket {
	fields, _ := reply.([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "histogram_usec" {
			continue
		}
		pairs, _ := fields[i+1].([]any)
		buckets := make([]bucket, 0, len(pairs)/2)
		for j := 0; j+1 < len(pairs); j += 2 {
			limit, okLimit := pairs[j].(int64)
			calls, okCalls := pairs[j+1].(int64)
			if !okLimit || !okCalls || limit < 0 || calls < 0 || len(buckets) > 0 && float64(limit) <= buckets[len(buckets)-1].limit {
				return nil
			}
			buckets = append(buckets, bucket{float64(limit), float64(calls)})
		}
		return buckets
	}
	return nil
}

// between is how long the given part of the calls took at most that were made between two readings. Ok is false when there
// were none, or when the server began to count anew.
func between(before, now []bucket, part float64) (usec float64, ok bool) {
	if len(now) == 0 {
		return 0, false
	}
	wanted := part * (now[len(now)-1].calls - upTo(before, now[len(now)-1].limit))
	if wanted <= 0 {
		return 0, false
	}
	var calls float64 // of the buckets so far, since the reading before
	for i, b := range now {
		n := b.calls - upTo(before, b.limit)
		if n < calls {
			return 0, false
		}
		if n >= wanted {
			low := b.limit / 2 // buckets double, and empty ones are left out
			if i > 0 {
				low = max(low, now[i-1].limit)
			}
			return low + (b.limit-low)*(wanted-calls)/(n-calls), true
		}
		calls = n
	}
	return 0, false
}

// upTo is how many calls took at most limit microseconds.
func upTo(buckets []bucket, limit float64) (calls float64) {
	for _, b := range buckets {
		if b.limit <= limit {
			calls = b.calls
		}
	}
	return calls
}
