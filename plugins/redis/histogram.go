package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// latencyHistogram computes the latencies of commands between two gathers from LATENCY HISTOGRAM (Redis 7). The latencies
// in INFO cover the time since the server started.
type latencyHistogram struct {
	commands *telemetry.Vec[string, commandLatencies]
}

// commandLatencies are the latencies of one command.
type commandLatencies struct {
	series      [numQuantiles]*telemetry.Series
	previous    []bucket // of the previous gather
	hasPrevious bool     // previous is set
}

// bucket counts the calls since the server started that took at most limit microseconds.
type bucket struct{ limit, calls float64 }

const numQuantiles = 3

// quantiles returns the quantiles that are written, with the names that INFO uses.
func quantiles() [numQuantiles]quantile {
	return [...]quantile{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}
}

type quantile struct {
	name     string
	fraction float64
}

func newHistogram(m seriesMaker, label telemetry.Label) *latencyHistogram {
	return &latencyHistogram{telemetry.NewVec(m.factory, func(f *telemetry.Factory, command string) commandLatencies {
		m := m.withFactory(f)
		var l commandLatencies
		for i, q := range quantiles() {
			l.series[i] = m.newGauge("latency_usec", telemetry.Microseconds, label,
				telemetry.Label{Key: "cmd", Value: command}, telemetry.Label{Key: "percentile", Value: q.name})
		}
		return l
	})}
}

// addReply adds the samples of a reply to LATENCY HISTOGRAM: [set, [calls, 1, histogram_usec, [16, 1]], get, …].
func (h *latencyHistogram) addReply(out *telemetry.Batch, reply []any) {
	for i := 0; i+1 < len(reply); i += 2 {
		command, _ := reply[i].(string)
		buckets := parseHistogram(reply[i+1])
		if !isValidName([]byte(command)) || buckets == nil {
			continue
		}
		l := h.commands.Get(command)
		if l.hasPrevious {
			l.addQuantiles(out, buckets)
		}
		l.previous, l.hasPrevious = buckets, true
	}
}

func (l *commandLatencies) addQuantiles(out *telemetry.Batch, now []bucket) {
	for i, q := range quantiles() {
		if v, ok := quantileBetween(l.previous, now, q.fraction); ok {
			out.Add(l.series[i], v)
		}
	}
}

// parseHistogram returns the buckets of one command, or nil if the reply is malformed.
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

// quantileBetween returns a quantile, in microseconds, of the calls that were made between two readings: fraction of them
// took at most that long. Ok is false if there were no calls, or if the server restarted its counters.
func quantileBetween(before, now []bucket, fraction float64) (usec float64, ok bool) {
	if len(now) == 0 {
		return 0, false
	}
	wanted := fraction * (now[len(now)-1].calls - callsUpTo(before, now[len(now)-1].limit))
	if wanted <= 0 {
		return 0, false
	}
	var calls float64 // since the previous reading, in the buckets so far
	for i, b := range now {
		n := b.calls - callsUpTo(before, b.limit)
		if n < calls {
			return 0, false
		}
		if n >= wanted {
			low := b.limit / 2 // each bucket is twice as large as the one before, and Redis leaves out empty ones
			if i > 0 {
				low = max(low, now[i-1].limit)
			}
			return low + (b.limit-low)*(wanted-calls)/(n-calls), true
		}
		calls = n
	}
	return 0, false
}

// callsUpTo returns the number of calls that took at most limit microseconds.
func callsUpTo(buckets []bucket, limit float64) (calls float64) {
	for _, b := range buckets {
		if b.limit <= limit {
			calls = b.calls
		}
	}
	return calls
}
