package disk

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostSamples returns ticks batches of a host's series, one per second: counters, percentages, amounts of bytes, and some series that
// never change.
func hostSamples(series, ticks int) (batches []*telemetry.Batch) {
	f := telemetry.NewFactory("host-1", "bench", map[string]string{"environment": "lab"}).Every(time.Second)
	random := rand.New(rand.NewPCG(1, 2))
	all, values := make([]*telemetry.Series, series), make([]float64, series)
	for i := range all {
		all[i] = f.Gauge(fmt.Sprint("metric_", i%40), telemetry.Bytes, telemetry.Label{Key: "device", Value: fmt.Sprint("dev", i/40)})
	}
	for tick := range ticks {
		at := time.UnixMilli(1_700_000_000_000 + int64(tick)*1000)
		b := telemetry.NewBatch(at, at, series)
		for i := range all {
			switch i % 4 {
			case 0: // a counter
				values[i] += float64(random.IntN(10_000))
			case 1: // a percentage or a rate: every bit changes
				values[i] = 100 * random.Float64()
			case 2: // an amount in pages
				values[i] = float64(4096 * random.IntN(1_000_000))
			}
			b.Copy(all[i], values[i], b.Time)
		}
		batches = append(batches, b)
	}
	return batches
}

func openForBench(b *testing.B, path string) (*Queue[*telemetry.Batch], *Store, *selfstat.Disk) {
	stats := &selfstat.Disk{}
	log := slog.New(slog.DiscardHandler)
	store := NewStore(path, 1<<30, log)
	q := NewQueue(store, "redis", SampleCodec(), stats, func(n int) { b.Fatalf("%d dropped", n) }, log)
	if err := q.Open(); err != nil {
		b.Fatal(err)
	}
	return q, store, stats
}

// BenchmarkAppend appends what a host gathers, synced at every flush of 50,000 samples, or of 146 (the sample configuration at 1 s).
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{146, 50_000} {
		b.Run(fmt.Sprint("flush=", size), func(b *testing.B) {
			batches := hostSamples(min(size, 1000), 50)
			q, store, stats := openForBench(b, b.TempDir())
			defer func() { q.Close(); store.Close() }()
			n, flushes := 0, 0
			for b.Loop() {
				some := batches
				if size < 1000 { // one batch per flush
					some = batches[flushes%len(batches):][:1]
				}
				if _, err := q.Append(some); err != nil {
					b.Fatal(err)
				}
				n += size
				flushes++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
			b.ReportMetric(float64(stats.Bytes.Load())/float64(n), "bytes/sample")
		})
	}
}

// BenchmarkRead reads what is on the disk, without writing it anywhere.
func BenchmarkRead(b *testing.B) {
	batches := hostSamples(1000, 50)
	path := b.TempDir()
	q, store, _ := openForBench(b, path)
	for range 40 {
		if _, err := q.Append(batches); err != nil {
			b.Fatal(err)
		}
	}
	q.Close()
	store.Close()
	n := 0
	for b.Loop() {
		q, store, _ := openForBench(b, path)
		for {
			lease, err := q.Take(nil, 50_000)
			if err != nil {
				b.Fatal(err)
			}
			if len(lease.Items) == 0 {
				break
			}
			n += lease.Weight
			lease.Settle()
		}
		q.Close()
		store.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkDay appends 24 hours of the sample configuration, 146 samples a second, as fast as it goes: what a day of outage needs on the
// disk, and how long reading it takes.
func BenchmarkDay(b *testing.B) {
	const perSecond, seconds = 146, 86_400
	batches := hostSamples(perSecond, 3600)
	for b.Loop() {
		path := b.TempDir()
		q, store, stats := openForBench(b, path)
		for range seconds / 3600 {
			if rest, err := q.Append(batches); err != nil || len(rest) > 0 {
				b.Fatal(err)
			}
		}
		q.Close() // the agent restarts
		store.Close()
		b.ReportMetric(float64(stats.Bytes.Load()), "bytes")
		q, store, stats = openForBench(b, path)
		n := 0
		for q.HasBacklog() {
			lease, err := q.Take(nil, 50_000)
			if err != nil {
				b.Fatal(err)
			}
			n += lease.Weight
			q.Settle(lease, lease.Weight, nil)
		}
		if n != perSecond*seconds || stats.Bytes.Load() != 0 {
			b.Errorf("%d samples came back of %d", n, perSecond*seconds)
		}
		q.Close()
		store.Close()
	}
}
