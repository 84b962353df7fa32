package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gatherFunc is a function as a Gatherer.
type gatherFunc func(ctx context.Context, b *telemetry.Batch) error

func (f gatherFunc) Gather(ctx context.Context, b *telemetry.Batch) error { return f(ctx, b) }

// fakeServer is a destination that keeps one value per series and time, like RedisTimeSeries with DUPLICATE_POLICY LAST.
type fakeServer struct {
	mu          sync.Mutex
	writeCounts map[string]int // "name@ms" → how often it was written
	calls       []time.Time
	open        func() error
	decide      func(batches []*telemetry.Batch) error // nil: accept
}

func (s *fakeServer) Open(context.Context) error {
	if s.open != nil {
		return s.open()
	}
	return nil
}
func (s *fakeServer) Close() error { return nil }

func (s *fakeServer) WriteMetrics(_ context.Context, batches []*telemetry.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if s.decide != nil {
		if err := s.decide(batches); err != nil {
			return err
		}
	}
	s.countWrites(batches)
	return nil
}

func (s *fakeServer) countWrites(batches []*telemetry.Batch) {
	if s.writeCounts == nil {
		s.writeCounts = map[string]int{}
	}
	for _, b := range batches {
		for i := range b.Len() {
			series, ms, _ := b.Sample(i)
			s.writeCounts[fmt.Sprintf("%s@%d", series.Name(), ms)]++
		}
	}
}

// buildInput returns a Build function that returns an existing input.
func buildInput(in plugins.Input) func() (plugins.Input, error) {
	return func() (plugins.Input, error) { return in, nil }
}

// buildOutput returns a Build function that returns an existing output.
func buildOutput(o outputs.Output) func(telemetry.Slot) (outputs.Output, error) {
	return func(telemetry.Slot) (outputs.Output, error) { return o, nil }
}

// newAgent builds an agent and panics on errors, because the components of these tests cannot fail to build.
func newAgent(c Config) *Agent {
	a, err := New(c)
	if err != nil {
		panic(err)
	}
	return a
}

type setup struct {
	cfg  Config
	logs *servicetest.Log
	f    *telemetry.Factory
}

func newSetup() *setup {
	w := &setup{logs: &servicetest.Log{}, f: telemetry.NewFactory("h", "test", nil)}
	w.cfg = Config{
		Limits: Limits{Flush: time.Second, Buffer: 1_000_000, EventBuffer: 1 << 20}, Grace: 10 * time.Second, Self: &selfstat.Registry{},
		Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	return w
}

// addInput adds an input with one sample per gather. Its series is named id.
func (w *setup) addInput(id string, interval time.Duration, also func(ctx context.Context) error) {
	series := w.f.Gauge(id, telemetry.None)
	w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: id, Interval: interval, Build: buildInput(plugins.Input{
		Gatherer: gatherFunc(func(ctx context.Context, b *telemetry.Batch) error {
			b.Add(series, 1)
			if also != nil {
				return also(ctx)
			}
			return nil
		}),
	})})
}

// addInputOfBoth adds an input that gathers a sample and an event every second.
func (w *setup) addInputOfBoth(id string) {
	series := w.f.Gauge(id, telemetry.None)
	w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: id, Interval: time.Second, Build: buildInput(plugins.Input{
		Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
			b.Add(series, 1)
			b.Events = append(b.Events, newLineEvent(9999))
			return nil
		}),
	})})
}

func (w *setup) addOutput(id string, o outputs.Output) {
	w.cfg.Outputs = append(w.cfg.Outputs, Output{ID: id, Build: buildOutput(o)})
}

// runFor runs the agent for d of fake time and returns Run's error.
func (w *setup) runFor(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return newAgent(w.cfg).Run(ctx)
}

func (w *setup) inputStats(i int) *selfstat.Input   { return w.cfg.Self.Inputs()[i] }
func (w *setup) outputStats(i int) *selfstat.Output { return w.cfg.Self.Outputs()[i] }

func (w *setup) checkLogged(t *testing.T, text string, times int) {
	t.Helper()
	if n := strings.Count(w.logs.String(), text); n != times {
		t.Errorf("%q was logged %d times, want %d, in:\n%s", text, n, times, w.logs)
	}
}
