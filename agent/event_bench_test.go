package agent

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// countingOutput is an output that counts events and keeps none.
type countingOutput struct{ events atomic.Int64 }

func (s *countingOutput) Open(context.Context) error { return nil }
func (s *countingOutput) Close() error               { return nil }
func (s *countingOutput) WriteEvents(_ context.Context, events []telemetry.Event) error {
	s.events.Add(int64(len(events)))
	return nil
}

// BenchmarkEvents measures the path of an event from an input to an output. It sends 50,000 events with six fields each, in batches of
// 100, like an input that drains a ring buffer. One operation is one event. The allocations are those of the data: one slice of events
// and one of fields per batch.
func BenchmarkEvents(b *testing.B) {
	const perBatch, fields = 100, 6
	sink := &countingOutput{}
	start := make(chan plugins.Emitter)
	w := &setup{f: telemetry.NewFactory("h", "test", nil)}
	w.cfg = Config{
		Limits: Limits{Flush: 10 * time.Millisecond, Buffer: 1000, EventBuffer: 16 << 20}, Grace: time.Second,
		Self: &selfstat.Registry{}, Log: slog.New(slog.DiscardHandler),
	}
	w.addRunner("source", runnerFunc(func(ctx context.Context, out plugins.Emitter) error {
		start <- out
		<-ctx.Done()
		return nil
	}))
	w.addOutput("sink", sink)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- newAgent(w.cfg).Run(ctx) }()
	out := <-start
	b.ReportAllocs()
	b.ResetTimer()
	sent := 0
	for sent < b.N {
		batch := telemetry.NewBatch(time.Now(), time.Now(), 0)
		batch.Events = make([]telemetry.Event, perBatch)
		all := make([]telemetry.Field, perBatch*fields)
		for i := range batch.Events {
			e := &batch.Events[i]
			e.Message, e.Severity, e.Time = "connection closed", telemetry.Informational, batch.At
			f := all[i*fields : (i+1)*fields : (i+1)*fields]
			f[0], f[1] = telemetry.Int("pid", int64(i)), telemetry.Text("process", "curl")
			f[2], f[3] = telemetry.Text("remote_ip", "192.0.2.1"), telemetry.Int("remote_port", 443)
			f[4], f[5] = telemetry.Int("bytes", 1234), telemetry.Float("seconds", 0.25)
			e.Fields = f
		}
		out.Emit(ctx, batch)
		sent += perBatch
	}
	for sink.events.Load() < int64(sent) {
		runtime.Gosched()
	}
	b.StopTimer()
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
