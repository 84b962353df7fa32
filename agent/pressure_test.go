package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// refusingOutput is an output that keeps samples and events, unless refuse returns an error.
type refusingOutput struct {
	fakeServer
	mu     sync.Mutex
	refuse func() error // nil: never
	events []string
}

func (s *refusingOutput) WriteEvents(_ context.Context, events []telemetry.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	for i := range events {
		s.events = append(s.events, events[i].Message)
	}
	return nil
}

// newLineEvent returns an event of 1,000 bytes with the number n.
func newLineEvent(n int) telemetry.Event {
	text := fmt.Sprintf("%04d", n)
	return telemetry.Event{Message: text + strings.Repeat(".", 1000-emptyEventSize-len(text))}
}

var emptyEvent = telemetry.Event{}

var emptyEventSize = emptyEvent.Size()

// sendLines returns a Runner that emits this many lines, one at a time and without pauses. It counts them in sent.
func sendLines(sent *atomic.Int64, lines int64) runnerFunc {
	return func(ctx context.Context, out plugins.Emitter) error {
		for sent.Load() < lines && ctx.Err() == nil {
			b := telemetry.NewBatch(time.Now(), time.Now(), 0)
			b.Events = []telemetry.Event{newLineEvent(int(sent.Add(1)) - 1)}
			out.Emit(ctx, b)
		}
		<-ctx.Done()
		return nil
	}
}

// failFor returns a function that returns an error until d has passed.
func failFor(d time.Duration) func() error {
	begin := time.Now()
	return func() error {
		if time.Since(begin) < d {
			return errors.New("connection refused")
		}
		return nil
	}
}

func (w *setup) addRunner(id string, r plugins.Runner) {
	w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: id, Build: buildInput(plugins.Input{Runner: r})})
}

func TestSendersWaitAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, sent := newSetup(), new(atomic.Int64)
		s := &refusingOutput{refuse: failFor(time.Minute)}
		w.cfg.EventBuffer = 64_000
		w.addRunner("syslog", sendLines(sent, 1000))
		w.addOutput("both", s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- newAgent(w.cfg).Run(ctx) }()
		time.Sleep(30 * time.Second)
		if n := sent.Load(); n != 65 { // the 65th is being emitted
			t.Errorf("%d sent while the output fails, want 65: 64 fit", n)
		}
		if o := w.outputStats(0); o.Events.Count.Load() != 65 || o.Events.Size.Load() != 64_000 {
			t.Errorf("%d events of %d bytes are counted as queued", o.Events.Count.Load(), o.Events.Size.Load())
		}
		time.Sleep(90 * time.Second)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(s.events) != 1000 || w.outputStats(0).Dropped.Load() != 0 {
			t.Fatalf("%d of 1000 written, %d dropped", len(s.events), w.outputStats(0).Dropped.Load())
		}
		for i, text := range s.events {
			if !strings.HasPrefix(text, fmt.Sprintf("%04d", i)) {
				t.Fatalf("event %d is %.4s", i, text)
			}
		}
		if waited := time.Duration(w.outputStats(0).WaitTime.Load()); waited < time.Minute-time.Second {
			t.Errorf("waited %v", waited)
		}
		if o := w.outputStats(0); o.Events.Count.Load() != 0 || o.Events.Size.Load() != 0 {
			t.Errorf("%d events of %d bytes are still counted as queued", o.Events.Count.Load(), o.Events.Size.Load())
		}
		w.checkLogged(t, "buffer of events is full, senders have to wait", 1)
	})
}

// The event of a sender that waits at stop is written, or counted and reported as lost.
func TestStopReleasesWaitingSender(t *testing.T) {
	for _, works := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, sent := newSetup(), new(atomic.Int64)
			s := &refusingOutput{refuse: failFor(30 * time.Second)}
			if !works {
				s.refuse = failFor(time.Hour)
			}
			w.cfg.EventBuffer, w.cfg.Grace = 10_000, time.Minute
			w.addRunner("syslog", sendLines(sent, 1000))
			w.addOutput("both", s)
			err := w.runFor(20 * time.Second)
			if works && (err != nil || len(s.events) != 11) {
				t.Errorf("%v, %d written, want 11: 10 fit and one was being emitted", err, len(s.events))
			}
			if !works && (err == nil || !strings.Contains(err.Error(), "output both: 11 events were still buffered and are lost") || w.outputStats(0).Dropped.Load() != 11) {
				t.Errorf("%v, %d dropped", err, w.outputStats(0).Dropped.Load())
			}
		})
	}
}

// Each input chooses what happens to its events when the queue is full.
func TestInputsChooseWhatAFullQueueDrops(t *testing.T) {
	for policy, want := range map[plugins.WhenFull]struct{ message, first, last string }{
		plugins.DropOldest: {"buffer of events is full, the oldest are dropped", "", "0999"},
		plugins.DropNewest: {"buffer of events is full, the newest are dropped", "0000", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, sent := newSetup(), new(atomic.Int64)
			s := &refusingOutput{refuse: failFor(time.Minute)}
			w.cfg.EventBuffer = 64_000
			w.addRunner("syslog", sendLines(sent, 1000))
			w.cfg.Inputs[0].WhenFull = policy
			w.addOutput("both", s)
			if err := w.runFor(2 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if d := int(w.outputStats(0).Dropped.Load()); sent.Load() != 1000 || d == 0 || d+len(s.events) != 1000 {
				t.Errorf("%s: %d sent, %d dropped, %d written", policy, sent.Load(), d, len(s.events))
			}
			if first, last := s.events[0], s.events[len(s.events)-1]; !strings.HasPrefix(first, want.first) || !strings.HasPrefix(last, want.last) {
				t.Errorf("%s: from %.4s to %.4s are written", policy, first, last)
			}
			w.checkLogged(t, want.message, 1)
		})
	}
}

// A polled input delivers its samples on time. Its events are dropped if the queue is full. Samples and events have separate queues and
// do not displace each other.
func TestPolledInputDoesNotWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, sent := newSetup(), new(atomic.Int64)
		s := &refusingOutput{refuse: failFor(time.Minute)}
		w.cfg.EventBuffer, w.cfg.Buffer = 10_000, 1000
		w.addRunner("syslog", sendLines(sent, 20))
		w.addInputOfBoth("exec")
		w.addOutput("both", s)
		if err := w.runFor(2 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(s.writeCounts) != 120 || w.inputStats(1).Missed.Load() != 0 {
			t.Errorf("%d of 120 samples, %d gathers missed", len(s.writeCounts), w.inputStats(1).Missed.Load())
		}
		if d := int(w.outputStats(0).Dropped.Load()); d == 0 || d+len(s.events) != 120+20 {
			t.Errorf("%d dropped and %d written of 140 events", d, len(s.events))
		}
		for n := range 20 {
			found := false
			for _, text := range s.events {
				found = found || strings.HasPrefix(text, fmt.Sprintf("%04d", n))
			}
			if !found {
				t.Errorf("line %d of the waiting sender is lost", n)
			}
		}
	})
}

// Failures and recoveries of inputs are written as events.
func TestInputErrorsBecomeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newSetup(), &eventLog{calls: 1}
		w.cfg.Host = "atila"
		begin := time.Now()
		w.addInput("disk#a", time.Second, func(context.Context) error {
			if since := time.Since(begin); since > 10*time.Second && since < 20*time.Second {
				return errors.New("read /proc/mounts: permission denied")
			}
			return nil
		})
		w.addRunner("syslog", runnerFunc(func(context.Context, plugins.Emitter) error { return errors.New("listen udp :514: address in use") }))
		w.addOutput("log", log)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range log.events {
			got = append(got, fmt.Sprint(e.Severity, " ", e.Host, " ", e.App, " ", e.Source, " ", e.Message))
		}
		all := strings.Join(got, "\n")
		for _, want := range []string{
			"error atila rtcollector disk disk#a: input failed: read /proc/mounts: permission denied",
			"info atila rtcollector disk disk#a: input works again",
			"error atila rtcollector syslog syslog: input ended, will be started again: listen udp :514: address in use",
		} {
			if strings.Count(all, want) != 1 {
				t.Errorf("%q does not appear once in\n%s", want, all)
			}
		}
	})
}

// Whoever sees that an item has left the queue also sees that it was dropped. Otherwise, a sum over both could say that something is missing.
func TestDropsAreCountedFirst(t *testing.T) {
	q := newSampleQueue(Limits{Buffer: 10}, &selfstat.Output{}, slog.New(slog.DiscardHandler))
	w := newSetup()
	b := telemetry.NewBatch(time.Now(), time.Now(), 1)
	b.Add(w.f.Gauge("m", telemetry.None), 1)
	const rounds = 200_000
	var added atomic.Int64
	var dropping sync.WaitGroup
	defer dropping.Wait()
	dropping.Go(func() {
		for range rounds {
			q.fill.Count.Add(1)
			added.Add(1)
			q.drop([]*telemetry.Batch{b}, "the oldest are dropped")
		}
	})
	for added.Load() < rounds {
		all := added.Load()
		queued := q.fill.Count.Load()
		if known := queued + q.stats.Dropped.Load(); known < all {
			t.Fatalf("%d of %d are queued or dropped", known, all)
		}
	}
}
