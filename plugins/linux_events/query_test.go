package linuxevents

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// stored returns the samples of batches as a Redis has them.
func stored(batches []*telemetry.Batch) (all []querytest.Sample) {
	for _, b := range batches {
		for i := range b.Len() {
			s, ms, v := b.Sample(i)
			builder := labels.NewBuilder(labels.FromStrings("__name__", s.Name()))
			for _, l := range s.Labels() {
				builder.Set(l.Key, l.Value)
			}
			all = append(all, querytest.Sample{Labels: builder.Labels(), Time: ms, Value: v})
		}
	}
	return all
}

// PromQL's histogram_quantile gives the latency that was measured.
func TestQuantiles(t *testing.T) {
	m := &recordedMeter{latencies: []bpf.BlockLatency{{Disk: bpf.Disk{Major: 254}, Op: bpf.BlockWrite}}}
	p := plugintest.Start(t, withMeter(m, nil), "run_queue: true", plugintest.Env("linux_events", "testdata/host"))
	var batches []*telemetry.Batch
	for i := range 7 {
		// In every interval, ten requests of 0.6 ms and ten of 40 ms; a thread waits 3 µs.
		for range 10 {
			fast, slow := histogramOf(600*time.Microsecond), histogramOf(40*time.Millisecond)
			add(&m.latencies[0].Histogram, &fast)
			add(&m.latencies[0].Histogram, &slow)
		}
		wait := histogramOf(3 * time.Microsecond)
		add(&m.waits, &wait)
		batches = append(batches, p.Batches(float64(10*i))...)
	}
	client := querytest.Open(t)
	querytest.Add(t, client, stored(batches))
	e := query.New(client, query.Limits{})
	t.Cleanup(e.Close)
	at := time.UnixMilli(batches[6].Time)
	for expr, want := range map[string]float64{
		`histogram_quantile(0.25, rate(block_latency_bucket{device="vda",op="write"}[1m]))`: 0.00075, // the middle of 0.5 to 1 ms
		`histogram_quantile(0.75, sum by (le) (rate(block_latency_bucket[1m])))`:            0.035,   // the middle of 20 to 50 ms
		`rate(block_latency_sum[1m]) / rate(block_latency_count[1m])`:                       0.0203,
		`histogram_quantile(0.5, rate(run_queue_latency_bucket[1m]))`:                       3.5e-6,
	} {
		r, err := e.Instant(t.Context(), expr, at, query.Params{})
		if err != nil {
			t.Fatal(expr, err)
		}
		vector, ok := r.Value.(promql.Vector)
		if !ok || len(vector) != 1 || math.Abs(vector[0].F-want) > want*1e-9 {
			t.Errorf("%s: %v, want %v", expr, r.Value, want)
		}
	}
}

func add(to, h *bpf.Histogram) {
	for i, n := range h.Count {
		to.Count[i] += n
	}
	to.Sum += h.Sum
}
