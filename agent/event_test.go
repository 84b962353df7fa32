package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// eventLog is an output that keeps events. It fails the first write, so that everything is written again.
type eventLog struct {
	mu     sync.Mutex
	calls  int
	events []telemetry.Event
}

func (l *eventLog) Open(context.Context) error { return nil }
func (l *eventLog) Close() error               { return nil }

func (l *eventLog) WriteEvents(_ context.Context, events []telemetry.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.events = append(l.events, events...)
	if l.calls == 1 {
		return context.DeadlineExceeded
	}
	return nil
}

// twoEvents adds two events to a batch: one without and one with a time and a source.
func twoEvents(b *telemetry.Batch) {
	b.Events = append(b.Events, telemetry.Event{Message: "bare"},
		telemetry.Event{Message: "full", Time: time.UnixMilli(1), Source: "device"})
}

type pushingInput struct{}

func (pushingInput) Run(ctx context.Context, out plugins.Emitter) error {
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	twoEvents(b)
	out.Emit(ctx, b)
	<-ctx.Done()
	return nil
}

func eventAgent(outputs ...*eventLog) *Agent {
	c := Config{
		Limits: Limits{Flush: time.Second, Buffer: 100, EventBuffer: 1 << 20}, Grace: time.Second, Self: &selfstat.Registry{}, Log: slog.New(slog.DiscardHandler),
		Inputs: []Input{
			{ID: "polled#alias", Interval: time.Hour, Build: buildInput(plugins.Input{Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
				twoEvents(b)
				return nil
			})})},
			{ID: "pushed", Build: buildInput(plugins.Input{Runner: pushingInput{}})},
		},
	}
	for i, o := range outputs {
		c.Outputs = append(c.Outputs, Output{ID: fmt.Sprint("log#", i), Build: buildOutput(o)})
	}
	return newAgent(c)
}

// An event has the same number, time and source in every output and every attempt.
func TestEventsAreStampedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &eventLog{}, &eventLog{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- eventAgent(first, second).Run(ctx) }()
		time.Sleep(10 * time.Second)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		known := map[uint64]telemetry.Event{}
		for _, e := range slices.Concat(first.events, second.events) {
			before, seen := known[e.Seq]
			if seen && (e.Message != before.Message || e.Source != before.Source || !e.Time.Equal(before.Time)) {
				t.Errorf("number %d is %v and %v", e.Seq, before, e)
			}
			known[e.Seq] = e
			if e.Message == "full" && (e.Source != "device" || e.Time.UnixMilli() != 1) {
				t.Errorf("values that the input set are lost: %v", e)
			}
			if e.Message == "bare" && (e.Source != "polled" && e.Source != "pushed" || e.Time.IsZero()) {
				t.Errorf("not completed: %v", e)
			}
		}
		if len(known) != 4 || known[0].Message != "" || len(first.events) != 8 {
			t.Errorf("%d events, %d written: %v", len(known), len(first.events), known)
		}
	})
}

func TestOnceStampsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := eventAgent().Once(t.Context(), time.Second)
		if len(g) != 2 || len(g[0].Batch.Events) != 4 || g[1].Batch != nil || g[1].Err != nil {
			t.Fatal(g)
		}
		bare, full := g[0].Batch.Events[0], g[0].Batch.Events[1]
		if bare.Seq != 1 || full.Seq != 2 || bare.Source != "polled" || bare.Time.IsZero() || full.Source != "device" {
			t.Errorf("%v, %v", bare, full)
		}
	})
}

// Events that no output accepts are counted. Inputs that only have events are reported as unclaimed. Samples are still written.
func TestUnclaimedEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.addOutput("stdout", s)
		w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "pushed", Build: buildInput(plugins.Input{Runner: pushingInput{}})})
		w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "polled", Interval: time.Second, Build: buildInput(plugins.Input{
			Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error { twoEvents(b); return nil }),
		})})
		if err := w.runFor(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if n := w.cfg.Self.Inputs()[0].Unclaimed.Load(); n != 2 {
			t.Errorf("%d events counted", n)
		}
		if n := w.cfg.Self.Inputs()[1].Unclaimed.Load(); n < 2 {
			t.Errorf("%d events counted of an input that also has samples", n)
		}
		w.cfg.Self = &selfstat.Registry{}
		if ids := newAgent(w.cfg).Unclaimed(); !slices.Equal(ids, []string{"pushed"}) {
			t.Errorf("unclaimed: %v", ids)
		}
		w.checkLogged(t, "events are dropped, no output accepts them", 1)
	})
}
