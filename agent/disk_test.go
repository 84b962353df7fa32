package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// failing returns a decision of a fakeServer that is down between two times after begin.
func failing(begin time.Time, from, until time.Duration) func([]*telemetry.Batch) error {
	return func([]*telemetry.Batch) error {
		if since := time.Since(begin); since < from || since >= until {
			return nil
		}
		return errors.New("connection refused")
	}
}

func useDisk(t *testing.T, w *setup) {
	w.cfg.Disk = Disk{Path: filepath.Join(t.TempDir(), "buffer"), MaxSize: 10 << 20}
	w.cfg.Run = "run-0001"
}

// checkBalance checks that every sample is somewhere: written, dropped, rejected, in memory or on disk.
func checkBalance(t *testing.T, gathered int64, s *selfstat.Output) {
	t.Helper()
	written, dropped, rejected := s.Written.Load(), s.Dropped.Load(), s.Rejected.Load()
	waiting := s.Samples.Count.Load() + s.SampleDisk.Count.Load()
	if written+dropped+rejected+waiting != gathered {
		t.Errorf("%d gathered, but %d written, %d dropped, %d rejected and %d in memory or on disk", gathered, written, dropped, rejected, waiting)
	}
}

func segmentFiles(t *testing.T, w *setup) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.cfg.Disk.Path, "*", "*", "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestOutageLongerThanTheMemoryLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		w.cfg.Buffer = 20
		begin := time.Now()
		s.decide = failing(begin, 10*time.Second, 5*time.Minute)
		w.addInput("a", time.Second, func(context.Context) error {
			if since := time.Since(begin); since < 10*time.Second && len(segmentFiles(t, w)) > 0 {
				t.Error("the disk is used although every write succeeds")
			}
			return nil
		})
		w.addOutput("redis", s)
		if err := w.runFor(6 * time.Minute); err != nil {
			t.Fatal(err)
		}
		for ms := begin.UnixMilli(); ms < begin.Add(6*time.Minute).UnixMilli(); ms += 1000 {
			if n := s.writeCounts[fmt.Sprintf("a@%d", ms)]; n != 1 {
				t.Fatalf("the sample of +%d s was written %d times", (ms-begin.UnixMilli())/1000, n)
			}
		}
		stats := w.outputStats(0)
		if stats.Dropped.Load() != 0 || stats.SampleDisk.Replayed.Load() < 250 || stats.SampleDisk.Count.Load() != 0 {
			t.Errorf("%d dropped, %d replayed", stats.Dropped.Load(), stats.SampleDisk.Replayed.Load())
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), stats)
		if files := segmentFiles(t, w); len(files) > 0 {
			t.Errorf("files are left: %v", files)
		}
		w.checkLogged(t, "output failed", 1)
		w.checkLogged(t, "output works again", 1)
	})
}

// What an agent cannot write before it ends is written by the next one, after its own first samples.
func TestStopDuringAnOutageKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		begin := time.Now()
		s.decide = failing(begin, 5*time.Second, time.Hour)
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Errorf("something is lost: %v", err)
		}
		first := w.inputStats(0).Samples.Load()
		checkBalance(t, first, w.outputStats(0))
		w.checkLogged(t, "kept on disk and will be written at the next start\" output=redis samples=", 1)

		s.decide = nil
		w.cfg.Self = &selfstat.Registry{}
		if err := w.runFor(10 * time.Second); err != nil {
			t.Error(err)
		}
		w.checkLogged(t, "holds data of an earlier run", 1)
		if n := int64(len(s.writeCounts)); n != first+w.inputStats(0).Samples.Load() {
			t.Errorf("%d different samples were written, %d gathered", n, first+w.inputStats(0).Samples.Load())
		}
		for ms := begin.UnixMilli(); ms < begin.Add(time.Minute).UnixMilli(); ms += 1000 {
			if n := s.writeCounts[fmt.Sprintf("a@%d", ms)]; n != 1 {
				t.Fatalf("the sample of +%d s was written %d times", (ms-begin.UnixMilli())/1000, n)
			}
		}
		if files := segmentFiles(t, w); len(files) > 0 {
			t.Errorf("files are left: %v", files)
		}
	})
}

// idLog is an output that notes the identities of events.
type idLog struct {
	eventLog
	run string
	ids map[string]int
	err error
}

func (l *idLog) WriteEvents(_ context.Context, events []telemetry.Event) error {
	if l.err != nil {
		return l.err
	}
	for i := range events {
		l.ids[string(events[i].AppendID(nil, l.run))]++
	}
	return nil
}

func TestEventsKeepTheirIdentityAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		emitted := map[string]int{}
		run := func(id string, err error) *idLog {
			l := &idLog{run: id, ids: map[string]int{}, err: err}
			w.cfg.Run, w.cfg.Self, w.cfg.Inputs, w.cfg.Outputs = id, &selfstat.Registry{}, nil, nil
			w.addRunner("source", runnerFunc(func(ctx context.Context, out plugins.Emitter) error {
				for range 5 {
					b := telemetry.NewBatch(time.Now(), time.Now(), 0)
					twoEvents(b)
					out.Emit(ctx, b)
					for i := range b.Events {
						emitted[string(b.Events[i].AppendID(nil, id))]++
					}
				}
				<-ctx.Done()
				return nil
			}))
			w.addOutput("index", l)
			if err := w.runFor(time.Minute); err != nil {
				t.Error(err)
			}
			return l
		}
		run("run-0001", errors.New("down"))
		run("run-0002", errors.New("down"))
		last := run("run-0003", nil)
		if len(emitted) != 30 || len(last.ids) != 30 {
			t.Errorf("%d identities of events, %d written", len(emitted), len(last.ids))
		}
		for id := range emitted {
			if last.ids[id] != 1 {
				t.Errorf("event %s was written %d times", id, last.ids[id])
			}
		}
	})
}

// hangingOutput fails, and after ten seconds it takes 40 seconds for that.
type hangingOutput struct{ begin time.Time }

func (h *hangingOutput) Open(context.Context) error { return nil }
func (h *hangingOutput) Close() error               { return nil }
func (h *hangingOutput) WriteMetrics(ctx context.Context, _ []*telemetry.Batch) error {
	if time.Since(h.begin) > 10*time.Second {
		pause.Sleep(ctx, 40*time.Second)
	}
	return errors.New("timeout")
}

// While a write hangs, what waits goes to the disk at each flush: a crash loses at most one flush interval.
func TestDiskIsFedWhileAWriteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		begin := time.Now()
		w.addInput("a", time.Second, func(context.Context) error {
			if since := time.Since(begin); since > 5*time.Second {
				if n := w.outputStats(0).Samples.Count.Load(); n > 1 {
					t.Errorf("after %v, %d samples are in memory only", since, n)
				}
			}
			return nil
		})
		w.addOutput("redis", &hangingOutput{begin})
		if err := w.runFor(2 * time.Minute); err != nil {
			t.Error(err)
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), w.outputStats(0))
	})
}

// A write that takes long and does not fail is no reason to drop what waits behind it: before the memory is full, it goes to the disk.
func TestSlowWriteDropsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		w.cfg.Buffer = 20
		begin := time.Now()
		s.decide = func([]*telemetry.Batch) error {
			if since := time.Since(begin); since > 10*time.Second && since < 12*time.Second {
				time.Sleep(2 * time.Minute)
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(5 * time.Minute); err != nil {
			t.Fatal(err)
		}
		stats := w.outputStats(0)
		if stats.Dropped.Load() != 0 || stats.SampleDisk.Replayed.Load() < 90 || stats.SampleDisk.Count.Load() != 0 {
			t.Errorf("%d dropped, %d replayed, %d left on disk", stats.Dropped.Load(), stats.SampleDisk.Replayed.Load(), stats.SampleDisk.Count.Load())
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), stats)
	})
}

// oneKindFails is an output of samples and events, of which one kind cannot be written in the first two minutes.
type oneKindFails struct {
	fakeServer
	kind   itemKind
	begin  time.Time
	events int
}

func (o *oneKindFails) fail(k itemKind) error {
	if k == o.kind && time.Since(o.begin) < 2*time.Minute {
		return errors.New("index is read-only")
	}
	return nil
}

func (o *oneKindFails) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if err := o.fail(kindSamples); err != nil {
		return err
	}
	return o.fakeServer.WriteMetrics(ctx, batches)
}

func (o *oneKindFails) WriteEvents(_ context.Context, events []telemetry.Event) error {
	if err := o.fail(kindEvents); err != nil {
		return err
	}
	o.events += len(events)
	return nil
}

// When samples cannot be written, events do not go to the disk, and vice versa.
func TestOneFailingKindDoesNotSpillTheOther(t *testing.T) {
	for _, kind := range []itemKind{kindSamples, kindEvents} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, o := newSetup(), &oneKindFails{kind: kind, begin: time.Now()}
				useDisk(t, w)
				w.addInputOfBoth("both")
				w.addOutput("both", o)
				if err := w.runFor(4 * time.Minute); err != nil {
					t.Error(err)
				}
				stats := w.outputStats(0)
				failed, other := &stats.SampleDisk, &stats.EventDisk
				if kind == kindEvents {
					failed, other = other, failed
				}
				if failed.Appended.Load() < 100 || other.Appended.Load() != 0 {
					t.Errorf("%d of what failed and %d of what worked went to the disk", failed.Appended.Load(), other.Appended.Load())
				}
				if len(o.writeCounts) != 240 || o.events != 240 || stats.Dropped.Load() != 0 {
					t.Errorf("%d samples and %d events of 240 are written, %d dropped", len(o.writeCounts), o.events, stats.Dropped.Load())
				}
			})
		})
	}
}

// hangDisk returns two functions: one makes appends to the disk of an agent hang, the other one lets them go on.
func hangDisk(a *Agent) (hang, release func()) {
	var hangs atomic.Bool
	released := make(chan struct{})
	a.store.Sync = func(*os.File) error {
		if hangs.Load() {
			<-released
		}
		return nil
	}
	return func() { hangs.Store(true) }, func() { close(released) }
}

// runUntilStopped runs an agent in the background. stop ends it, and checks that it ends well.
func runUntilStopped(t *testing.T, a *Agent) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// checkUnanswered checks that the error of an agent has the given ones, and says of each output how much was in memory when its disk did not
// answer, and nothing else.
func checkUnanswered(t *testing.T, w *setup, err error, outputs int, before ...error) {
	t.Helper()
	want := before
	for i := range outputs {
		n := w.outputStats(i).Samples.Count.Load()
		if n == 0 {
			t.Errorf("nothing of output %d is in memory", i)
		}
		want = append(want, fmt.Errorf("output %s: the buffer on disk does not answer: %d samples and 0 events in memory are lost", w.cfg.Outputs[i].ID, n))
	}
	if err == nil || err.Error() != errors.Join(want...).Error() {
		t.Errorf("the error is %v\nwant %v", err, errors.Join(want...))
	}
}

// stuckServer is a destination whose writes do not return, whatever their context says.
type stuckServer struct{ released chan struct{} }

func (s *stuckServer) Open(context.Context) error { return nil }
func (s *stuckServer) Close() error               { return nil }
func (s *stuckServer) WriteMetrics(context.Context, []*telemetry.Batch) error {
	<-s.released
	return errors.New("broken pipe")
}

// A disk that hangs delays the end of the agent by diskPatience at most, however many outputs there are: where it hangs while outputs fail, and
// where it hangs only when it gets what is left.
func TestStopDoesNotWaitForADiskThatHangs(t *testing.T) {
	t.Run("while outputs fail", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newSetup()
			useDisk(t, w)
			w.addInput("a", time.Second, nil)
			for i := range 3 {
				w.addOutput(fmt.Sprint("redis#", i), &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
			}
			a := newAgent(w.cfg)
			hang, release := hangDisk(a)
			time.AfterFunc(30*time.Second, hang)
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			begin := time.Now()
			err := a.Run(ctx)
			if took := time.Since(begin) - time.Minute; took > diskPatience+time.Second {
				t.Errorf("the stop took %v", took)
			}
			checkUnanswered(t, w, err, 3)
			release()
			synctest.Wait() // for what used the folder
		})
	})
	t.Run("at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, s := newSetup(), &stuckServer{make(chan struct{})}
			useDisk(t, w)
			w.addInput("a", time.Second, nil)
			for i := range 3 {
				w.addOutput(fmt.Sprint("redis#", i), s)
			}
			a := newAgent(w.cfg)
			hang, release := hangDisk(a)
			hang()
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			begin := time.Now()
			err := a.Run(ctx)
			if took := time.Since(begin) - time.Minute - w.cfg.Grace; took > time.Second+diskPatience { // a second for the outputs
				t.Errorf("the stop took %v longer than the grace", took)
			}
			checkUnanswered(t, w, err, 3, &StuckError{keyOutput, "redis#0"}, &StuckError{keyOutput, "redis#1"}, &StuckError{keyOutput, "redis#2"})
			release()
			close(s.released)
			synctest.Wait()
		})
	})
}

// An output that takes no events any more loses those that wait for its predecessor. Apply does not wait for the disk for that.
func TestApplyDoesNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		both := &refusingOutput{refuse: failFor(time.Hour)}
		w.addInputOfBoth("both")
		w.addOutput("redis", both)
		a := newAgent(w.cfg)
		hang, release := hangDisk(a)
		stop := runUntilStopped(t, a)
		time.Sleep(30 * time.Second)
		hang()
		time.Sleep(30 * time.Second)
		c := w.cfg
		c.Outputs = []Output{{ID: "redis", Settings: "samples only", Build: buildOutput(&fakeServer{})}}
		begin := time.Now()
		err := a.Apply(c)
		if took := time.Since(begin); took > diskPatience+time.Second {
			t.Errorf("it took %v", took)
		}
		if n := w.outputStats(0).Events.Count.Load(); n == 0 || err == nil ||
			!strings.Contains(err.Error(), fmt.Sprintf("output redis: the buffer on disk does not answer: 0 samples and %d events in memory are lost", n)) {
			t.Errorf("%d events are in memory, the error is %v", n, err)
		}
		release()
		stop()
		synctest.Wait() // for what used the folder
	})
}

// A disk that hung for a while at the end, and answers again before the other outputs have ended, still gets what is left. An output that left
// nothing loses nothing.
func TestDiskAnswersAgainBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, slow := newSetup(), &stuckServer{make(chan struct{})}
		useDisk(t, w)
		w.addInput("a", time.Second, nil)
		w.addOutput("away", &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
		w.addOutput("slow", slow)
		w.addOutput("works", &fakeServer{})
		a := newAgent(w.cfg)
		hang, release := hangDisk(a)
		time.AfterFunc(30*time.Second, hang)
		time.AfterFunc(time.Minute+3*time.Second, release)                         // nothing else is left of the first output by then
		time.AfterFunc(time.Minute+4*time.Second, func() { close(slow.released) }) // the agent has to wait for this one meanwhile
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			stats := w.outputStats(i)
			if n, left := stats.Written.Load()+stats.SampleDisk.Count.Load(), stats.Samples.Count.Load(); n < 60 || left != 0 || stats.Dropped.Load() != 0 {
				t.Errorf("output %d has written or stored %d samples, %d are in memory, %d dropped", i, n, left, stats.Dropped.Load())
			}
		}
	})
}

// A reload that replaces an output while its disk hangs loses nothing: its successor has the queue. It writes at once, and what the disk holds
// when that answers again.
func TestSuccessorHasWhatADiskThatHangsDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
		a := newAgent(w.cfg)
		hang, release := hangDisk(a)
		stop := runUntilStopped(t, a)
		time.Sleep(30 * time.Second)
		hang()
		time.Sleep(30 * time.Second)
		c, successor := w.cfg, &fakeServer{}
		c.Outputs = []Output{{ID: "redis", Settings: "another", Build: buildOutput(successor)}}
		begin := time.Now()
		if err := a.Apply(c); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the reload took %v", took)
		}
		time.Sleep(15 * time.Second)
		if n := successor.countPoints(); n < 14 {
			t.Errorf("the successor has written %d samples in 15 seconds", n)
		}
		w.checkLogged(t, "the buffer on disk does not answer", 1)
		release()
		time.Sleep(15 * time.Second)
		stop()
		if stats := w.outputStats(0); len(successor.writeCounts) < 90 || stats.Dropped.Load() != 0 {
			t.Errorf("%d samples are written, %d dropped", len(successor.writeCounts), stats.Dropped.Load())
		}
	})
}

// Outputs that are removed wait for their disk side by side.
func TestRemovedOutputsWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		w.addInput("a", time.Second, nil)
		for i := range 3 {
			w.addOutput(fmt.Sprint("redis#", i), &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
		}
		a := newAgent(w.cfg)
		hang, release := hangDisk(a)
		stop := runUntilStopped(t, a)
		time.Sleep(30 * time.Second)
		hang()
		time.Sleep(30 * time.Second)
		c := w.cfg
		c.Outputs = nil
		begin := time.Now()
		err := a.Apply(c)
		if took := time.Since(begin); took > diskPatience+time.Second {
			t.Errorf("the reload took %v", took)
		}
		for i := range 3 {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("output redis#%d: the buffer on disk does not answer", i)) {
				t.Errorf("the error is %v", err)
			}
		}
		release()
		stop()
		synctest.Wait() // for what used the folder
	})
}

// An output that replaces one whose write never returns has the disk for itself.
func TestSuccessorOfAStuckOutputHasTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stuck := newSetup(), &stuckServer{make(chan struct{})}
		useDisk(t, w)
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", stuck)
		a := newAgent(w.cfg)
		stop := runUntilStopped(t, a)
		time.Sleep(30 * time.Second)
		c := w.cfg
		c.Outputs = []Output{{ID: "redis", Settings: "another", Build: buildOutput(&fakeServer{decide: failing(time.Now(), 0, time.Hour)})}}
		var left *StuckError
		if err := a.Apply(c); !errors.As(err, &left) {
			t.Errorf("the error is %v", err)
		}
		time.Sleep(30 * time.Second)
		if n := w.outputStats(0).SampleDisk.Count.Load(); n < 25 {
			t.Errorf("%d samples are on the disk", n)
		}
		close(stuck.released)
		stop()
		checkBalance(t, w.inputStats(0).Samples.Load(), w.outputStats(0))
	})
}

// What is left at the end goes to another file if the first one is damaged meanwhile. A disk that keeps failing is not tried for ever.
func TestRestIsStoredBesideADamagedFile(t *testing.T) {
	for failures, lost := range []int{0, 0, 5} {
		w := newSetup()
		useDisk(t, w)
		w.addOutput("redis", &fakeServer{})
		a := newAgent(w.cfg)
		syncs := 0
		a.store.Sync = func(f *os.File) error {
			if syncs++; syncs <= failures {
				return f.Truncate(3) // as another program does
			}
			return nil
		}
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		for i := range 5 {
			b.Add(w.f.Gauge(fmt.Sprint("m", i), telemetry.None), 1)
		}
		out := a.router.set().writers[0]
		out.samples.queue.add(t.Context(), b, plugins.Block)
		if errs, _ := a.giveUp(out.remains()); (len(errs) > 0) != (lost > 0) {
			t.Errorf("after %d failures: %v", failures, errs)
		}
		a.store.Close()
		if n := out.stats.Dropped.Load(); n != int64(lost) || syncs > 2 {
			t.Errorf("after %d failures, %d are lost, want %d; %d attempts", failures, n, lost, syncs)
		}
		if appended := out.stats.SampleDisk.Appended.Load(); appended != int64(5-lost) {
			t.Errorf("after %d failures, %d are stored", failures, appended)
		}
	}
}

// A disk that has failed rests before the next append, also if samples that wait fill the memory.
func TestFailedAppendIsNotRepeatedBeforeThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		w.cfg.Buffer = 20
		w.addInput("a", 100*time.Millisecond, nil)
		w.addOutput("redis", &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
		a := newAgent(w.cfg)
		var attempts atomic.Int64
		var recovered atomic.Bool
		var last time.Time // belongs to the keeper
		a.store.Sync = func(f *os.File) error {
			if recovered.Load() {
				return nil
			}
			if since := time.Since(last); attempts.Add(1) > 1 && since < diskRetry {
				t.Errorf("an attempt is only %v after the one before", since)
			}
			last = time.Now()
			return f.Truncate(3)
		}
		stop := runUntilStopped(t, a)
		time.Sleep(65 * time.Second)
		if n := attempts.Load(); n < 6 {
			t.Errorf("%d attempts", n)
		}
		recovered.Store(true)
		stop()
	})
}

// A file that cannot be read blocks what is on the disk, because a series is written in its order: the log says so, and so does how much is on
// disk. New data is written meanwhile. After minutes the file is set aside.
func TestUnreadableFileBlocksOnlyTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		begin := time.Now()
		s.decide = failing(begin, 0, time.Minute)
		var path string
		var blocked int64
		w.addInput("a", time.Second, func(context.Context) error {
			switch since := time.Since(begin).Round(time.Second); since {
			case 50 * time.Second:
				path = segmentFiles(t, w)[0]
				if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil { // a folder opens, and cannot be read
					t.Error(err)
				}
			case 3 * time.Minute, 5 * time.Minute:
				n, written := w.outputStats(0).SampleDisk.Count.Load(), w.outputStats(0).Written.Load()
				if n < 50 || n > 100 || blocked > 0 && n != blocked {
					t.Errorf("after %v, %d samples are on disk, before %d", since, n, blocked)
				}
				if gathered := int64(since / time.Second); written+n < gathered-2 {
					t.Errorf("after %v, %d of %d samples are written and %d are on disk", since, written, gathered, n)
				}
				blocked = n
				const message = "the buffer on disk cannot be read, so what it holds waits"
				w.checkLogged(t, message, 1)
				_, line, _ := strings.Cut(w.logs.String(), message)
				if line, _, _ = strings.Cut(line, "\n"); !strings.Contains(line, " on_disk=") {
					t.Errorf("the log does not say how much is blocked: %s", line)
				}
			}
			return nil
		})
		w.addOutput("redis", s)
		if err := w.runFor(10 * time.Minute); err != nil {
			t.Error(err)
		}
		stats := w.outputStats(0)
		if stats.SampleDisk.Corrupt.Load() != 1 || stats.Dropped.Load() < 45 || stats.SampleDisk.Count.Load() != 0 {
			t.Errorf("%d files set aside, %d samples dropped, %d left",
				stats.SampleDisk.Corrupt.Load(), stats.Dropped.Load(), stats.SampleDisk.Count.Load())
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), stats)
	})
}

// slowServer takes time for every sample.
type slowServer struct {
	perSample time.Duration
	down      time.Duration // from the start
	begin     time.Time

	mu      sync.Mutex
	samples int
	latest  time.Duration // of a sample that was gathered when the server was up
	order   map[*telemetry.Series]int64
	swapped int
}

func (s *slowServer) Open(context.Context) error { return nil }
func (s *slowServer) Close() error               { return nil }

func (s *slowServer) WriteMetrics(_ context.Context, batches []*telemetry.Batch) error {
	if time.Since(s.begin) < s.down {
		return errors.New("down")
	}
	n := 0
	for _, b := range batches {
		n += b.Len()
	}
	time.Sleep(time.Duration(n) * s.perSample)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples += n
	for _, b := range batches {
		for i := range b.Len() {
			series, ms, _ := b.Sample(i)
			if ms < s.order[series] {
				s.swapped++
			}
			s.order[series] = ms
			if at := time.UnixMilli(ms); at.Sub(s.begin) > s.down+31*time.Second {
				s.latest = max(s.latest, time.Since(at))
			}
		}
	}
	return nil
}

// A disk that cannot be used rests between two attempts, also if the memory is so full that every new item would be a reason to try.
func TestFailingDiskRests(t *testing.T) {
	d := &diskPart[int]{health: health{log: slog.New(slog.DiscardHandler)}, crowded: make(chan struct{}, 1)}
	q := &outputQueue[int]{disk: d, items: buffer.New(10, 1, func(int) int { return 1 }, func(i, _ int) (int, int, bool) { return i, 0, false })}
	q.spilling.Store(true)
	del := &delivery[int]{queue: q}
	if del.spillReady() == nil {
		t.Error("a full memory does not wake the keeper")
	}
	d.fail(errors.New("no space"))
	if again := q.keep(); !again || del.spillReady() != nil || q.moveToDisk() || del.canKeep() {
		t.Error("the disk is used at once after an error")
	}
}

// addManySeries adds an input with n series, which it gathers every second.
func addManySeries(w *setup, n int) {
	all := make([]*telemetry.Series, n)
	for i := range all {
		all[i] = w.f.Gauge("metric", telemetry.None, telemetry.Label{Key: "n", Value: fmt.Sprint(i)})
	}
	w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "many", Interval: time.Second, Build: buildInput(plugins.Input{
		Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
			for _, series := range all {
				b.Add(series, 1)
			}
			return nil
		}),
	})})
}

// The backlog is written between the flushes, in portions that the path can carry, so that new data is not late.
func TestNewDataIsNotLateDuringReplay(t *testing.T) {
	for _, perSample := range []time.Duration{3 * time.Microsecond, 300 * time.Microsecond} {
		synctest.Test(t, func(t *testing.T) {
			w := newSetup()
			useDisk(t, w)
			s := &slowServer{perSample: perSample, down: 3 * time.Minute, begin: time.Now(), order: map[*telemetry.Series]int64{}}
			addManySeries(w, 1000)
			w.addOutput("redis", s)
			if err := w.runFor(6 * time.Minute); err != nil {
				t.Error(err)
			}
			if gathered := w.inputStats(0).Samples.Load(); int64(s.samples) != gathered || gathered < 350_000 {
				t.Errorf("%d samples written, %d gathered", s.samples, gathered)
			}
			if s.latest > 2*time.Second {
				t.Errorf("with %v per sample, new data was %v late", perSample, s.latest)
			}
			if s.swapped > 0 {
				t.Errorf("%d samples of a handle were written in another order", s.swapped)
			}
			checkBalance(t, w.inputStats(0).Samples.Load(), w.outputStats(0))
		})
	}
}

// Without a usable folder everything is as without the disk, and it is tried again.
func TestUnusableDiskIsSaidOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		if err := os.WriteFile(w.cfg.Disk.Path, nil, 0o600); err != nil { // a file where the folder should be
			t.Fatal(err)
		}
		w.cfg.Buffer = 100
		begin := time.Now()
		s.decide = failing(begin, 0, 10*time.Minute)
		w.addInput("a", time.Second, func(context.Context) error {
			if info, err := os.Stat(w.cfg.Disk.Path); err == nil && !info.IsDir() && time.Since(begin) > 5*time.Minute {
				return os.Remove(w.cfg.Disk.Path)
			}
			return nil
		})
		w.addOutput("redis", s)
		if err := w.runFor(11 * time.Minute); err != nil {
			t.Error(err)
		}
		stats := w.outputStats(0)
		if d := stats.Dropped.Load(); d < 190 || d > 215 { // five minutes without the 100 that fit
			t.Errorf("%d dropped", d)
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), stats)
		w.checkLogged(t, "the buffer on disk cannot be used", 1)
		w.checkLogged(t, "buffer on disk can be used", 1)
	})
}

func TestFullDiskBufferDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		useDisk(t, w)
		w.cfg.Disk.MaxSize = 200 << 10
		begin := time.Now()
		s.decide = failing(begin, 0, 200*time.Second)
		value := 0.0
		series := make([]*telemetry.Series, 500)
		for i := range series {
			series[i] = w.f.Gauge(fmt.Sprint("m", i), telemetry.None)
		}
		w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "many", Interval: time.Second, Build: buildInput(plugins.Input{
			Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
				for _, s := range series {
					value += 1.0 / 3
					b.Add(s, value)
				}
				return nil
			}),
		})})
		w.addOutput("redis", s)
		if err := w.runFor(250 * time.Second); err != nil {
			t.Error(err)
		}
		stats := w.outputStats(0)
		if stats.Dropped.Load() == 0 || stats.Dropped.Load() != stats.SampleDisk.Dropped.Load() {
			t.Errorf("%d dropped, %d from the disk", stats.Dropped.Load(), stats.SampleDisk.Dropped.Load())
		}
		if n := s.writeCounts[fmt.Sprintf("m0@%d", begin.Add(199*time.Second).Truncate(time.Second).UnixMilli())]; n != 1 {
			t.Errorf("the newest sample of the outage was written %d times", n)
		}
		checkBalance(t, w.inputStats(0).Samples.Load(), stats)
		w.checkLogged(t, "buffer on disk is full", 1)
	})
}

// A second agent with the same folder keeps everything in memory and says why. When the first one has ended, it uses the folder.
func TestTwoAgentsDoNotShareAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSetup(), newSetup()
		useDisk(t, first)
		second.cfg.Disk = first.cfg.Disk
		begin := time.Now()
		s1, s2 := &fakeServer{decide: failing(begin, 0, time.Hour)}, &fakeServer{decide: failing(begin, 0, 5*time.Minute)}
		first.addInput("a", time.Second, nil)
		first.addOutput("redis", s1)
		second.addInput("b", time.Second, nil)
		second.addOutput("redis", s2)
		var wg sync.WaitGroup
		wg.Go(func() { _ = first.runFor(2 * time.Minute) })
		time.Sleep(500 * time.Millisecond)
		if err := second.runFor(6 * time.Minute); err != nil {
			t.Error(err)
		}
		wg.Wait()
		second.checkLogged(t, "another agent uses", 1)
		second.checkLogged(t, "holds data of an earlier run", 1)
		checkBalance(t, first.inputStats(0).Samples.Load(), first.outputStats(0))
		kept := first.inputStats(0).Samples.Load()
		if n := int64(len(s2.writeCounts)); n != kept+second.inputStats(0).Samples.Load() || kept < 120 {
			t.Errorf("%d samples were written; the first agent left %d, the second one gathered %d", n, kept, second.inputStats(0).Samples.Load())
		}
	})
}

// countPoints returns how many different samples the server has.
func (s *fakeServer) countPoints() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writeCounts)
}

// A replaced output continues with what its predecessor left on the disk; what a removed one leaves stays there.
func TestApplyHandsOverTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		down, up := &fakeServer{decide: failing(time.Now(), 0, time.Hour)}, &fakeServer{}
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", down)
		a := newAgent(w.cfg)
		stop := runUntilStopped(t, a)
		time.Sleep(time.Minute)
		on := func(id string, s *fakeServer) Config {
			c := w.cfg
			c.Outputs = []Output{{ID: id, Settings: fmt.Sprintf("%p", s), Build: buildOutput(s)}}
			return c
		}
		if err := a.Apply(on("redis", up)); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if n := up.countPoints(); n < 65 {
			t.Errorf("%d samples were written after a minute of outage and ten seconds", n)
		}
		if err := a.Apply(on("redis", down)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		before := up.countPoints()
		if err := a.Apply(on("other", &fakeServer{})); err != nil {
			t.Error(err)
		}
		w.checkLogged(t, "the output was removed; what it could not write is kept on disk", 1)
		time.Sleep(10 * time.Second)
		if err := a.Apply(on("redis", up)); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if n := up.countPoints() - before; n < 65 {
			t.Errorf("%d samples were written after the output was configured again", n)
		}
		stop()
	})
}

// What is kept for an output that is not configured any more is left alone, and said once.
func TestFilesOfUnknownOutputsAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		useDisk(t, w)
		w.addInput("a", time.Second, nil)
		w.addOutput("redis#old", &fakeServer{decide: failing(time.Now(), 0, time.Hour)})
		if err := w.runFor(10 * time.Second); err != nil {
			t.Error(err)
		}
		before := segmentFiles(t, w)
		w.cfg.Outputs, w.cfg.Self = nil, &selfstat.Registry{}
		w.addOutput("redis#new", &fakeServer{})
		if err := w.runFor(10 * time.Second); err != nil {
			t.Error(err)
		}
		if after := segmentFiles(t, w); len(before) == 0 || !slices.Equal(before, after) {
			t.Errorf("files were %v and are %v", before, after)
		}
		w.checkLogged(t, "for an output that is not configured", 1)
	})
}

// The rule of docs/operating.md for the memory: samples per second × (seconds of outage + 30). Nothing is on disk here.
func TestMemoryForAnOutageOf30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		w.cfg.Buffer = 10_000 * (30 + 30)
		s := &slowServer{perSample: time.Microsecond, down: 30 * time.Second, begin: time.Now(), order: map[*telemetry.Series]int64{}}
		addManySeries(w, 10_000)
		w.addOutput("redis", s)
		if err := w.runFor(90 * time.Second); err != nil {
			t.Error(err)
		}
		if n := w.outputStats(0).Dropped.Load(); n > 0 || int64(s.samples) != w.inputStats(0).Samples.Load() {
			t.Errorf("%d dropped, %d written of %d", n, s.samples, w.inputStats(0).Samples.Load())
		}
		if s.swapped > 0 {
			t.Errorf("%d samples were written in another order", s.swapped)
		}
	})
}
