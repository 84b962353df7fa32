package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/buffer/disk"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
	"github.com/rtcollector/rtcollector/plugins"
)

// fill stores ticks of a host's series, one per second, as an agent does in an outage. It returns the number of samples.
func fill(t testing.TB, folder, output string, series, ticks int) (samples int) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store := disk.NewStore(folder, 4<<30, log)
	q := disk.NewQueue(store, output, disk.SampleCodec(), &selfstat.Disk{}, func(int) {}, log)
	f := telemetry.NewFactory("bench", "bench", nil).Every(time.Second)
	all := make([]*telemetry.Series, series)
	for i := range all {
		all[i] = f.Gauge(fmt.Sprint("outage_", i%40), telemetry.Bytes, telemetry.Label{Key: "device", Value: fmt.Sprint("dev", i/40)})
	}
	start := time.Now().Add(-time.Duration(ticks+10) * time.Second).Truncate(time.Second)
	var some []*telemetry.Batch
	for tick := range ticks {
		at := start.Add(time.Duration(tick) * time.Second)
		b := telemetry.NewBatch(at, at, series)
		for i, s := range all {
			b.Copy(s, float64(tick*i), b.Time)
			samples++
		}
		if some = append(some, b); len(some) == 1000 || tick == ticks-1 {
			if _, err := q.Append(some); err != nil {
				t.Fatal(err)
			}
			some = nil
		}
	}
	q.Close()
	store.Close()
	return samples
}

// freshness is an output that measures how late the samples of the series "fresh" are when they are written.
type freshness struct {
	*redistimeseries.Writer
	latest atomic.Int64 // nanoseconds
}

func (f *freshness) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	err := f.Writer.WriteMetrics(ctx, batches)
	for _, b := range batches {
		for i := range b.Len() {
			if s, ms, _ := b.Sample(i); s.Name() == "fresh" {
				f.latest.Store(max(f.latest.Load(), int64(time.Since(time.UnixMilli(ms)))))
			}
		}
	}
	return err
}

// BenchmarkReplay writes what an outage left on disk to Redis (RTC_TEST_REDIS, or the embedded server in this process), while the agent
// gathers 146 samples a second. Late is how late the newest of these are at most, with an interval of one second.
func BenchmarkReplay(b *testing.B) {
	config := redistimeseries.Defaults()
	address, found := strings.CutPrefix(os.Getenv("RTC_TEST_REDIS"), "redis://")
	if !found {
		server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
		if err != nil {
			b.Fatal(err)
		}
		defer server.Close()
		address = server.Addr()
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		b.Fatal(err)
	}
	config.Host = host
	config.Port, _ = strconv.Atoi(port)
	folder := filepath.Join(b.TempDir(), "buffer")
	samples := 0
	for b.Loop() {
		b.StopTimer()
		samples += fill(b, folder, "redis", 1000, 5000)
		self := &selfstat.Registry{}
		out := &freshness{}
		c := agent.Config{
			Limits: agent.Limits{Flush: time.Second, Buffer: 100_000, EventBuffer: 1 << 20}, Host: "bench", Grace: 8 * time.Second, Self: self,
			Log: slog.New(slog.DiscardHandler), Disk: agent.Disk{Path: folder, MaxSize: 4 << 30},
		}
		c.Outputs = []agent.Output{{ID: "redis", Build: func(slot telemetry.Slot) (outputs.Output, error) {
			w, err := redistimeseries.New(outputs.Env{ID: "redis", Slot: slot, Host: "bench", Instance: "bench000", Log: c.Log}, config)
			out.Writer = w
			return out, err
		}}}
		f := telemetry.NewFactory("bench", "fresh", nil).Every(time.Second)
		fresh := make([]*telemetry.Series, 146)
		for i := range fresh {
			fresh[i] = f.Gauge("fresh", telemetry.None, telemetry.Label{Key: "n", Value: strconv.Itoa(i)})
		}
		c.Inputs = []agent.Input{{ID: "fresh", Interval: time.Second, Build: func() (plugins.Input, error) {
			return plugins.Input{Gatherer: gatherer(func(_ context.Context, batch *telemetry.Batch) error {
				for _, s := range fresh {
					batch.Add(s, 1)
				}
				return nil
			})}, nil
		}}}
		a, err := agent.New(c)
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		done := make(chan error)
		stats := self.Outputs()[0]
		b.StartTimer()
		go func() { done <- a.Run(ctx) }()
		for stats.SampleDisk.Replayed.Load() < 5_000_000 {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		stop()
		if err := <-done; err != nil || stats.Dropped.Load()+stats.Rejected.Load() > 0 {
			b.Errorf("%v, %d dropped, %d rejected", err, stats.Dropped.Load(), stats.Rejected.Load())
		}
		b.ReportMetric(time.Duration(out.latest.Load()).Seconds(), "s-late")
		b.StartTimer()
	}
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
}

type gatherer func(context.Context, *telemetry.Batch) error

func (g gatherer) Gather(ctx context.Context, b *telemetry.Batch) error { return g(ctx, b) }
