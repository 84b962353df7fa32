package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// stage runs an agent to which changes are applied, and notes which inputs and outputs are opened and closed.
type stage struct {
	*world
	agent *Agent
	stop  func() error

	mu  sync.Mutex
	log []string
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// took returns the notes since the last call.
func (s *stage) took() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.log, " ")
	s.log = nil
	return text
}

// start runs an agent with what was added to the world.
func (s *stage) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s.agent = newAgent(s.cfg)
	done := make(chan error)
	go func() { done <- s.agent.Run(ctx) }()
	s.stop = func() error {
		cancel()
		return <-done
	}
	synctest.Wait()
}

// apply applies the world as it is now.
func (s *stage) apply(t *testing.T) {
	t.Helper()
	if err := s.agent.Apply(s.cfg); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

// device is an input that gives one sample per gather.
type device struct {
	stage  *stage
	name   string
	series *telemetry.Series
}

func (d *device) Open(context.Context) error { d.stage.note("open:%s", d.name); return nil }
func (d *device) Close() error               { d.stage.note("close:%s", d.name); return nil }
func (d *device) Gather(_ context.Context, b *telemetry.Batch) error {
	b.Add(d.series, 1)
	return nil
}

// device adds an input, or replaces the one with this ID. Its series has the name of the settings.
func (s *stage) device(id, settings string) {
	in := Input{ID: id, Settings: settings, Interval: time.Second, Build: func() (plugins.Input, error) {
		if settings == "wrong" {
			return plugins.Input{}, errors.New("no such device")
		}
		return plugins.Input{Gatherer: &device{stage: s, name: settings, series: s.f.Gauge(settings, telemetry.None)}}, nil
	}}
	s.cfg.Inputs = append(without(s.cfg.Inputs, id, func(i Input) string { return i.ID }), in)
}

// target is an output that stores what it gets, unless it is told to fail.
type target struct {
	*server
	stage *stage
	name  string
}

func (o *target) Open(context.Context) error { o.stage.note("open:%s", o.name); return nil }
func (o *target) Close() error               { o.stage.note("close:%s", o.name); return nil }

// target adds an output, or replaces the one with this ID.
func (s *stage) target(id, settings string, to *server) {
	out := Output{ID: id, Settings: settings, Build: func(telemetry.Slot) (outputs.Output, error) {
		if settings == "wrong" {
			return nil, errors.New("no such server")
		}
		return &target{to, s, settings}, nil
	}}
	s.cfg.Outputs = append(without(s.cfg.Outputs, id, func(o Output) string { return o.ID }), out)
}

func without[T any](list []T, id string, idOf func(T) string) (rest []T) {
	for _, item := range list {
		if idOf(item) != id {
			rest = append(rest, item)
		}
	}
	return rest
}

func newStage() *stage { return &stage{world: newWorld()} }

func expectNotes(t *testing.T, s *stage, want string) {
	t.Helper()
	if diff := cmp.Diff(want, s.took()); diff != "" {
		t.Error(diff)
	}
}

// points returns how many instants of a series arrived, and fails if one is missing or arrived twice.
func (s *stage) points(t *testing.T, from *server, series string, begin, end time.Time) {
	t.Helper()
	for at := begin; at.Before(end); at = at.Add(time.Second) {
		if n := from.points[fmt.Sprintf("%s@%d", series, at.UnixMilli())]; n != 1 {
			t.Errorf("%s at +%v: %d samples, want 1", series, at.Sub(begin), n)
		}
	}
}

func TestUnchangedPartsContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newStage(), &server{}
		s.device("a", "a1")
		s.device("b", "b1")
		s.target("out", "o1", to)
		begin := time.Now()
		s.start(t)
		s.took()
		for i := range 50 { // once in every phase of a second, and while gathers and writes are under way
			time.Sleep(990 * time.Millisecond)
			s.device("b", fmt.Sprint("b", i+2))
			s.apply(t)
		}
		if got := s.took(); strings.Contains(got, "a1") || strings.Contains(got, "o1") || strings.Count(got, "open:b") != 50 {
			t.Errorf("opened and closed: %s", got)
		}
		end := time.Now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.points(t, to, "a1", begin, end)
		if n := s.in(0).Missed.Load(); n != 0 {
			t.Errorf("%d ticks missed", n)
		}
	})
}

func TestInputsAreAddedRemovedAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newStage(), &server{}
		s.device("a", "a1")
		s.target("out", "o1", to)
		s.start(t)
		s.took()

		s.device("b", "b1")
		s.apply(t)
		expectNotes(t, s, "open:b1")

		s.device("a", "a2")
		s.apply(t)
		expectNotes(t, s, "close:a1 open:a2") // in this order: both may listen on the same port

		time.Sleep(time.Second)
		s.cfg.Inputs = s.cfg.Inputs[1:]
		s.apply(t)
		expectNotes(t, s, "close:b1")
		if all := s.cfg.Self.Inputs(); len(all) != 1 || all[0].ID != "a" || all[0].Gathers.Load() == 0 {
			t.Errorf("statistics of %d inputs, %d gathers", len(all), all[0].Gathers.Load())
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		expectNotes(t, s, "close:a2 close:o1")
	})
}

// The samples that a replaced output could not write yet are written by its successor.
func TestQueueIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, broken, works := newStage(), &server{}, &server{}
		broken.verdict = func([]*telemetry.Batch) error { return errors.New("WRONGPASS") }
		s.device("a", "a1")
		s.target("out", "wrong password", broken)
		begin := time.Now()
		s.start(t)
		time.Sleep(time.Minute)
		s.target("out", "right password", works)
		s.apply(t)
		if got := s.took(); !strings.HasSuffix(got, " close:wrong password open:right password") {
			t.Errorf("opened and closed: %s", got)
		}
		time.Sleep(10 * time.Second)
		end := time.Now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.points(t, works, "a1", begin, end)
		if o := s.out(0); len(s.cfg.Self.Outputs()) != 1 || o.Dropped.Load() != 0 || o.Written.Load() != 70 || o.Samples.Count.Load() != 0 {
			t.Errorf("%d written, %d dropped, %d in the queue", o.Written.Load(), o.Dropped.Load(), o.Samples.Count.Load())
		}
	})
}

// An output is replaced while a write is under way: what was not settled is written by its successor.
func TestHandOverDuringAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, first, second := newStage(), &narrow{through: 1_000_000, took: 700 * time.Millisecond}, &narrow{through: 1_000_000}
		s.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: counting(s.f, 100_000, 0)}}
		s.cfg.Outputs = []Output{{ID: "out", Settings: "1", Build: ready(first)}}
		s.start(t)
		time.Sleep(time.Second)
		s.cfg.Outputs = []Output{{ID: "out", Settings: "2", Build: ready(second)}}
		s.apply(t)
		time.Sleep(time.Second)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if got := len(first.samples) + len(second.samples); got != 100_000 || len(first.samples) == 0 || len(second.samples) == 0 {
			t.Errorf("%d and %d samples", len(first.samples), len(second.samples))
		}
	})
}

func TestRemovedOutputWritesItsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, kept, removed := newStage(), &server{}, &server{}
		s.cfg.Flush = time.Minute
		s.device("a", "a1")
		s.target("kept", "k1", kept)
		s.target("removed", "r1", removed)
		begin := time.Now()
		s.start(t)
		time.Sleep(30 * time.Second)
		s.cfg.Outputs = s.cfg.Outputs[:1]
		s.apply(t)
		if got := s.took(); !strings.HasSuffix(got, "close:r1") || strings.Contains(got, "close:k1") {
			t.Errorf("opened and closed: %s", got)
		}
		s.points(t, removed, "a1", begin, begin.Add(30*time.Second))
		if all := s.cfg.Self.Outputs(); len(all) != 1 || all[0].ID != "kept" {
			t.Errorf("statistics of %d outputs", len(all))
		}
		time.Sleep(10 * time.Second)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if len(removed.points) != 30 || len(kept.points) != 40 {
			t.Errorf("%d and %d samples", len(removed.points), len(kept.points))
		}
	})
}

// What a removed output cannot write is counted and reported, and Apply does not wait for ever.
func TestRemovedOutputThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, away := newStage(), &server{}
		away.verdict = func([]*telemetry.Batch) error { return errors.New("connection refused") }
		s.device("a", "a1")
		s.target("away", "a1", away)
		s.start(t)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		stats := s.out(0)
		s.cfg.Outputs = nil
		begin := time.Now()
		err := s.agent.Apply(s.cfg)
		if err == nil || !strings.Contains(err.Error(), "output away: 11 samples were still buffered and are lost") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took > s.cfg.Grace {
			t.Errorf("took %v", took)
		}
		if stats.Dropped.Load() != 11 || stats.Samples.Count.Load() != 0 {
			t.Errorf("%d dropped, %d in the queue", stats.Dropped.Load(), stats.Samples.Count.Load())
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// One part that cannot be built leaves everything as it is.
func TestNothingChangesAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newStage(), &server{}
		s.device("a", "a1")
		s.target("out", "o1", to)
		s.start(t)
		s.took()
		before := s.cfg
		s.device("a", "a2")
		s.device("b", "wrong")
		if err := s.agent.Apply(s.cfg); err == nil || err.Error() != "input b: no such device" {
			t.Errorf("error %v", err)
		}
		s.cfg = before
		s.target("out", "o2", to)
		s.target("other", "wrong", to)
		if err := s.agent.Apply(s.cfg); err == nil || err.Error() != "output other: no such server" {
			t.Errorf("error %v", err)
		}
		expectNotes(t, s, "")
		s.cfg = before
		s.apply(t)
		expectNotes(t, s, "")
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if err := s.agent.Apply(before); err == nil {
			t.Error("a stopped agent can be changed")
		}
	})
}

func TestNewLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newStage(), &server{}
		begin := time.Now()
		to.verdict = func([]*telemetry.Batch) error {
			if time.Since(begin) < time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		s.device("a", "a1")
		s.target("out", "o1", to)
		s.start(t)
		time.Sleep(30 * time.Second)
		s.cfg.Buffer = 10
		s.apply(t)
		if o := s.out(0); o.Samples.Limit.Load() != 10 || o.Samples.Count.Load() != 10 || o.Dropped.Load() != 20 {
			t.Errorf("limit %d, %d in the queue, %d dropped", o.Samples.Limit.Load(), o.Samples.Count.Load(), o.Dropped.Load())
		}
		if err := s.stop(); err == nil {
			t.Error("nothing was lost, although the output is away")
		}
	})
}

// pushedAndPolled is a Runner that is also a Gatherer.
type pushedAndPolled struct {
	device
	runs int
}

func (p *pushedAndPolled) Run(ctx context.Context, _ plugins.Emitter) error {
	p.runs++
	<-ctx.Done()
	p.stage.note("ran")
	return nil
}

// A Runner that is also polled is opened and closed once, and closed after both have ended.
func TestRunnerIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newStage(), &server{}
		p := &pushedAndPolled{device: device{stage: s, name: "both", series: s.f.Gauge("both", telemetry.None)}}
		s.cfg.Inputs = []Input{{ID: "both", Interval: time.Second, Build: live(plugins.Input{Runner: p, Gatherer: p})}}
		s.target("out", "o1", to)
		begin := time.Now()
		s.start(t)
		time.Sleep(10 * time.Second)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if got := s.took(); !strings.HasSuffix(got, " ran close:both close:o1") || strings.Count(got, "open:both") != 1 {
			t.Errorf("opened and closed: %s", got)
		}
		s.points(t, to, "both", begin, begin.Add(10*time.Second))
		if p.runs != 1 {
			t.Errorf("run %d times", p.runs)
		}
	})
}

// The deadline of a gather lies before the timeout, so that what was read by then is delivered in time.
func TestGatherEndsEarlyEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		w.poll("slow", time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.write("redis", s)
		if err := w.runFor(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if n := w.in(0).Timeouts.Load(); n != 0 || w.in(0).Missed.Load() != 0 {
			t.Errorf("%d gathers exceeded the timeout, %d ticks missed", n, w.in(0).Missed.Load())
		}
		if len(s.points) != 10 {
			t.Errorf("%d points, want 10", len(s.points))
		}
	})
}
