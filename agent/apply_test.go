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

// runningAgent runs an agent, applies changes to it and records which inputs and outputs are opened and closed.
type runningAgent struct {
	*setup
	agent *Agent
	stop  func() error

	mu  sync.Mutex
	log []string
}

func (s *runningAgent) addNote(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// takeNotes returns the notes since the last call.
func (s *runningAgent) takeNotes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.log, " ")
	s.log = nil
	return text
}

// start runs an agent with the inputs and outputs of the setup.
func (s *runningAgent) start(t *testing.T) {
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

// apply applies the current setup.
func (s *runningAgent) apply(t *testing.T) {
	t.Helper()
	if err := s.agent.Apply(s.cfg); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

// polledInput is an input with one sample per gather.
type polledInput struct {
	stage  *runningAgent
	name   string
	series *telemetry.Series
}

func (d *polledInput) Open(context.Context) error { d.stage.addNote("open:%s", d.name); return nil }
func (d *polledInput) Close() error               { d.stage.addNote("close:%s", d.name); return nil }
func (d *polledInput) Gather(_ context.Context, b *telemetry.Batch) error {
	b.Add(d.series, 1)
	return nil
}

// setInput adds an input, or replaces the input with this ID. Its series is named after the settings.
func (s *runningAgent) setInput(id, settings string) {
	in := Input{ID: id, Settings: settings, Interval: time.Second, Build: func() (plugins.Input, error) {
		if settings == "wrong" {
			return plugins.Input{}, errors.New("no such device")
		}
		return plugins.Input{Gatherer: &polledInput{stage: s, name: settings, series: s.f.Gauge(settings, telemetry.None)}}, nil
	}}
	s.cfg.Inputs = append(removeByID(s.cfg.Inputs, id, func(i Input) string { return i.ID }), in)
}

// storingOutput is an output that stores samples in a fakeServer, which can make it fail.
type storingOutput struct {
	*fakeServer
	stage *runningAgent
	name  string
}

func (o *storingOutput) Open(context.Context) error { o.stage.addNote("open:%s", o.name); return nil }
func (o *storingOutput) Close() error               { o.stage.addNote("close:%s", o.name); return nil }

// setOutput adds an output, or replaces the output with this ID.
func (s *runningAgent) setOutput(id, settings string, to *fakeServer) {
	out := Output{ID: id, Settings: settings, Build: func(telemetry.Slot) (outputs.Output, error) {
		if settings == "wrong" {
			return nil, errors.New("no such server")
		}
		return &storingOutput{to, s, settings}, nil
	}}
	s.cfg.Outputs = append(removeByID(s.cfg.Outputs, id, func(o Output) string { return o.ID }), out)
}

func removeByID[T any](list []T, id string, idOf func(T) string) (rest []T) {
	for _, item := range list {
		if idOf(item) != id {
			rest = append(rest, item)
		}
	}
	return rest
}

func newRunningAgent() *runningAgent { return &runningAgent{setup: newSetup()} }

func expectNotes(t *testing.T, s *runningAgent, want string) {
	t.Helper()
	if diff := cmp.Diff(want, s.takeNotes()); diff != "" {
		t.Error(diff)
	}
}

// checkPoints checks that the server has exactly one sample of the series for each second from begin to end.
func (s *runningAgent) checkPoints(t *testing.T, from *fakeServer, series string, begin, end time.Time) {
	t.Helper()
	for at := begin; at.Before(end); at = at.Add(time.Second) {
		if n := from.writeCounts[fmt.Sprintf("%s@%d", series, at.UnixMilli())]; n != 1 {
			t.Errorf("%s at +%v: %d samples, want 1", series, at.Sub(begin), n)
		}
	}
}

func TestUnchangedPartsContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		s.setInput("a", "a1")
		s.setInput("b", "b1")
		s.setOutput("out", "o1", to)
		begin := time.Now()
		s.start(t)
		s.takeNotes()
		for i := range 50 { // in every phase of a second, also during gathers and writes
			time.Sleep(990 * time.Millisecond)
			s.setInput("b", fmt.Sprint("b", i+2))
			s.apply(t)
		}
		if got := s.takeNotes(); strings.Contains(got, "a1") || strings.Contains(got, "o1") || strings.Count(got, "open:b") != 50 {
			t.Errorf("opened and closed: %s", got)
		}
		end := time.Now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.checkPoints(t, to, "a1", begin, end)
		if n := s.inputStats(0).Missed.Load(); n != 0 {
			t.Errorf("%d ticks missed", n)
		}
	})
}

func TestInputsAreAddedRemovedAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		s.setInput("a", "a1")
		s.setOutput("out", "o1", to)
		s.start(t)
		s.takeNotes()

		s.setInput("b", "b1")
		s.apply(t)
		expectNotes(t, s, "open:b1")

		s.setInput("a", "a2")
		s.apply(t)
		expectNotes(t, s, "close:a1 open:a2") // in this order, because both may listen on the same port

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

// The successor of a replaced output writes the samples that are still queued.
func TestQueueIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, broken, works := newRunningAgent(), &fakeServer{}, &fakeServer{}
		broken.decide = func([]*telemetry.Batch) error { return errors.New("WRONGPASS") }
		s.setInput("a", "a1")
		s.setOutput("out", "wrong password", broken)
		begin := time.Now()
		s.start(t)
		time.Sleep(time.Minute)
		s.setOutput("out", "right password", works)
		s.apply(t)
		if got := s.takeNotes(); !strings.HasSuffix(got, " close:wrong password open:right password") {
			t.Errorf("opened and closed: %s", got)
		}
		time.Sleep(10 * time.Second)
		end := time.Now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.checkPoints(t, works, "a1", begin, end)
		if o := s.outputStats(0); len(s.cfg.Self.Outputs()) != 1 || o.Dropped.Load() != 0 || o.Written.Load() != 70 || o.Samples.Count.Load() != 0 {
			t.Errorf("%d written, %d dropped, %d in the queue", o.Written.Load(), o.Dropped.Load(), o.Samples.Count.Load())
		}
	})
}

// An output is replaced during a write. Its successor writes the samples that were not settled.
func TestHandOverDuringWriteLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, first, second := newRunningAgent(), &limitedOutput{through: 1_000_000, took: 700 * time.Millisecond}, &limitedOutput{through: 1_000_000}
		s.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(s.f, 100_000, 0)}}
		s.cfg.Outputs = []Output{{ID: "out", Settings: "1", Build: buildOutput(first)}}
		s.start(t)
		time.Sleep(time.Second)
		s.cfg.Outputs = []Output{{ID: "out", Settings: "2", Build: buildOutput(second)}}
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

func TestRemovedOutputFlushesItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, kept, removed := newRunningAgent(), &fakeServer{}, &fakeServer{}
		s.cfg.Flush = time.Minute
		s.setInput("a", "a1")
		s.setOutput("kept", "k1", kept)
		s.setOutput("removed", "r1", removed)
		begin := time.Now()
		s.start(t)
		time.Sleep(30 * time.Second)
		s.cfg.Outputs = s.cfg.Outputs[:1]
		s.apply(t)
		if got := s.takeNotes(); !strings.HasSuffix(got, "close:r1") || strings.Contains(got, "close:k1") {
			t.Errorf("opened and closed: %s", got)
		}
		s.checkPoints(t, removed, "a1", begin, begin.Add(30*time.Second))
		if all := s.cfg.Self.Outputs(); len(all) != 1 || all[0].ID != "kept" {
			t.Errorf("statistics of %d outputs", len(all))
		}
		time.Sleep(10 * time.Second)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if len(removed.writeCounts) != 30 || len(kept.writeCounts) != 40 {
			t.Errorf("%d and %d samples", len(removed.writeCounts), len(kept.writeCounts))
		}
	})
}

// Samples that a removed output cannot write are counted and reported. Apply does not wait longer than the grace period.
func TestRemovedOutputCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, away := newRunningAgent(), &fakeServer{}
		away.decide = func([]*telemetry.Batch) error { return errors.New("connection refused") }
		s.setInput("a", "a1")
		s.setOutput("away", "a1", away)
		s.start(t)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		stats := s.outputStats(0)
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

// If one component cannot be built, Apply changes nothing.
func TestFailedApplyChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		s.setInput("a", "a1")
		s.setOutput("out", "o1", to)
		s.start(t)
		s.takeNotes()
		before := s.cfg
		s.setInput("a", "a2")
		s.setInput("b", "wrong")
		if err := s.agent.Apply(s.cfg); err == nil || err.Error() != "input b: no such device" {
			t.Errorf("error %v", err)
		}
		s.cfg = before
		s.setOutput("out", "o2", to)
		s.setOutput("other", "wrong", to)
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

func TestNewQueueLimitIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		begin := time.Now()
		to.decide = func([]*telemetry.Batch) error {
			if time.Since(begin) < time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		s.setInput("a", "a1")
		s.setOutput("out", "o1", to)
		s.start(t)
		time.Sleep(30 * time.Second)
		s.cfg.Buffer = 10
		s.apply(t)
		if o := s.outputStats(0); o.Samples.Limit.Load() != 10 || o.Samples.Count.Load() != 10 || o.Dropped.Load() != 20 {
			t.Errorf("limit %d, %d in the queue, %d dropped", o.Samples.Limit.Load(), o.Samples.Count.Load(), o.Dropped.Load())
		}
		if err := s.stop(); err == nil {
			t.Error("nothing was dropped, although the output fails")
		}
	})
}

// pushedAndPolled is a Runner that is also a Gatherer.
type pushedAndPolled struct {
	polledInput
	runs int
}

func (p *pushedAndPolled) Run(ctx context.Context, _ plugins.Emitter) error {
	p.runs++
	<-ctx.Done()
	p.stage.addNote("ran")
	return nil
}

// A Runner that is also polled is opened and closed once. It is closed after both Run and Gather have ended.
func TestRunnerIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		p := &pushedAndPolled{polledInput: polledInput{stage: s, name: "both", series: s.f.Gauge("both", telemetry.None)}}
		s.cfg.Inputs = []Input{{ID: "both", Interval: time.Second, Build: buildInput(plugins.Input{Runner: p, Gatherer: p})}}
		s.setOutput("out", "o1", to)
		begin := time.Now()
		s.start(t)
		time.Sleep(10 * time.Second)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if got := s.takeNotes(); !strings.HasSuffix(got, " ran close:both close:o1") || strings.Count(got, "open:both") != 1 {
			t.Errorf("opened and closed: %s", got)
		}
		s.checkPoints(t, to, "both", begin, begin.Add(10*time.Second))
		if p.runs != 1 {
			t.Errorf("Run was called %d times, want 1", p.runs)
		}
	})
}

// The deadline of a gather is before the timeout, so that the values read until then are delivered in time.
func TestGatherEndsBeforeItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.addInput("slow", time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.addOutput("redis", s)
		if err := w.runFor(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if n := w.inputStats(0).Timeouts.Load(); n != 0 || w.inputStats(0).Missed.Load() != 0 {
			t.Errorf("%d gathers exceeded the timeout, %d ticks missed", n, w.inputStats(0).Missed.Load())
		}
		if len(s.writeCounts) != 10 {
			t.Errorf("%d points, want 10", len(s.writeCounts))
		}
	})
}

// hungInput ignores the end of its context for an hour.
type hungInput struct{}

func (hungInput) Gather(context.Context, *telemetry.Batch) error {
	time.Sleep(time.Hour)
	return nil
}

// A signal during Apply does not wait for what Apply waits for: Run ends within its grace.
func TestStopDuringApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newRunningAgent(), &fakeServer{}
		for i := range 5 {
			s.cfg.Inputs = append(s.cfg.Inputs, Input{ID: fmt.Sprint("hung", i), Interval: time.Second, Build: buildInput(plugins.Input{Gatherer: hungInput{}})})
		}
		s.setOutput("out", "o1", to)
		s.start(t)
		time.Sleep(time.Second)
		s.cfg.Inputs = nil
		applied := make(chan error)
		go func() { applied <- s.agent.Apply(s.cfg) }()
		synctest.Wait()
		begin := time.Now()
		err := s.stop()
		if took := time.Since(begin); took > s.cfg.Grace+time.Second {
			t.Errorf("Run ended after %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), "input hung4 did not stop") {
			t.Errorf("error %v", err)
		}
		if err := <-applied; err == nil || !strings.Contains(err.Error(), "input hung0 did not stop") {
			t.Errorf("error of Apply: %v", err)
		}
		time.Sleep(2 * time.Hour) // the inputs return
	})
}
