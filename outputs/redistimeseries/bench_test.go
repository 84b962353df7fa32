package redistimeseries_test

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

const benchSeries = 10_000

// benchmarkWrite writes batches of a sample per series, five at a time, as after a few seconds.
func benchmarkWrite(b *testing.B, c redistimeseries.Config) {
	f := open(b, c)
	var series []*telemetry.Series
	for i := range benchSeries {
		series = append(series, f.gauge("m", "n", string(rune('a'+i%26))+time.Duration(i).String()))
	}
	tick := 0
	round := func() {
		var batches []*telemetry.Batch
		for range 5 {
			tick++
			batches = append(batches, batch(tick, series...))
		}
		if err := f.WriteMetrics(b.Context(), batches); err != nil {
			b.Fatal(err)
		}
	}
	round() // creates the series
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(b.N)*5*benchSeries/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkWriteLocal(b *testing.B) {
	c := newServer(b).config()
	c.Retention = 3_600_000
	benchmarkWrite(b, c)
}

// BenchmarkWriteAt1ms has a network with a round trip of a millisecond in front of the server.
func BenchmarkWriteAt1ms(b *testing.B) {
	n := redistest.NewNetwork(b, newServer(b).Addr())
	n.Poison(b, "latency", "upstream", map[string]int{"latency": 1})
	c := through(b, n)
	c.Retention = 3_600_000
	benchmarkWrite(b, c)
}

// BenchmarkWriteCompactions lets Redis make three compactions of every series. Compare it with BenchmarkWriteLocal.
func BenchmarkWriteCompactions(b *testing.B) {
	c := newServer(b).config()
	c.Retention = 3_600_000
	c.Compactions = []redistimeseries.Compaction{
		{Every: 60_000, Aggregations: []redistimeseries.Aggregation{"avg", "max"}},
		{Every: 3_600_000, Aggregations: []redistimeseries.Aggregation{"avg"}},
	}
	benchmarkWrite(b, c)
}
