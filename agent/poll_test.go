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

	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

func TestFirstGatherAtStartThenAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3300 * time.Millisecond) // the fake clock starts on a full second
		start := time.Now()
		w, s := newSetup(), &fakeServer{}
		w.cfg.Flush = 10 * time.Second
		w.addInput("a", 10*time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		aligned := start.Truncate(10 * time.Second).Add(10 * time.Second)
		for _, at := range []time.Time{start, aligned} {
			if s.writeCounts[fmt.Sprintf("a@%d", at.UnixMilli())] != 1 {
				t.Errorf("no sample at %v in %v", at, s.writeCounts)
			}
		}
		if got := s.calls[0].Sub(start); got > 150*time.Millisecond {
			t.Errorf("first write %v after the first gather was due", got)
		}
	})
}

func TestHungInputBlocksOnlyItselfAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		release := make(chan struct{})
		w.addInput("hung", time.Second, func(context.Context) error { <-release; return nil })
		w.addInput("fine", time.Second, nil)
		w.addOutput("redis", s)
		err := w.runFor(time.Minute)
		if err == nil || !strings.Contains(err.Error(), "input hung did not stop") {
			t.Errorf("error %v does not name the input", err)
		}
		if n := w.inputStats(1).Gathers.Load(); n != 60 {
			t.Errorf("the other input gathered %d times, want 60", n)
		}
		if n := w.inputStats(0).Timeouts.Load(); n != 1 {
			t.Errorf("%d timeouts, want 1", n)
		}
		w.checkLogged(t, "input takes longer than its timeout", 1)
		close(release)
	})
}

func TestSlowInputMissesTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		w.addInput("slow", time.Second, func(context.Context) error { time.Sleep(2500 * time.Millisecond); return nil })
		w.addOutput("redis", &fakeServer{})
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if g, m := w.inputStats(0).Gathers.Load(), w.inputStats(0).Missed.Load(); g != 10 || m != 20 {
			t.Errorf("%d gathers, %d missed, want 10 and 20", g, m)
		}
	})
}

func TestPanickingInputIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.addInput("bad", time.Second, func(context.Context) error { panic("index out of range") })
		w.addInput("fine", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := w.inputStats(0).Errors.Load(); n != maxPanics {
			t.Errorf("%d panics in a minute, want %d and then a pause", n, maxPanics)
		}
		if n := w.inputStats(1).Gathers.Load(); n != 60 {
			t.Errorf("the other input gathered %d times, want 60", n)
		}
		w.checkLogged(t, "input crashed", 1)
		w.checkLogged(t, "panic: index out of range", 1)
	})
}

func TestFailingInputStillDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		n := 0
		w.addInput("part", time.Second, func(context.Context) error {
			if n++; n <= 10 {
				return errors.New("read /proc/x: permission denied")
			}
			return nil
		})
		w.addOutput("redis", s)
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if len(s.writeCounts) != 30 {
			t.Errorf("%d points, want 30: samples of a failed gather count", len(s.writeCounts))
		}
		w.checkLogged(t, "input failed", 1)
		w.checkLogged(t, "input works again", 1)
	})
}

// runnerFunc is a Runner made of a function.
type runnerFunc func(ctx context.Context, out plugins.Emitter) error

func (f runnerFunc) Run(ctx context.Context, out plugins.Emitter) error { return f(ctx, out) }

func TestRunnerIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		series, runs := w.f.Gauge("push", telemetry.None), 0
		w.cfg.Inputs = []Input{{ID: "push", Build: buildInput(plugins.Input{Runner: runnerFunc(
			func(ctx context.Context, out plugins.Emitter) error {
				runs++
				b := telemetry.NewBatch(time.Now(), time.Now(), 1)
				b.Add(series, 1)
				out.Emit(ctx, b)
				if runs == 1 {
					return errors.New("listen tcp :514: address in use")
				}
				<-ctx.Done()
				return nil
			})})}}
		w.addOutput("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if runs != 2 || len(s.writeCounts) != 2 {
			t.Errorf("%d runs, %d points; want 2 and 2", runs, len(s.writeCounts))
		}
	})
}

func TestOnceGathersTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		rate, total := w.f.Counter("c", telemetry.Bytes), 0.0
		w.cfg.Inputs = []Input{{ID: "c", Interval: 10 * time.Second, Build: buildInput(plugins.Input{
			Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
				total += 500
				rate.Add(b, total)
				return nil
			})})}}
		got := newAgent(w.cfg).Once(t.Context(), time.Second)
		if len(got) != 1 || got[0].Err != nil || got[0].Batch.Len() != 2 {
			t.Fatalf("%+v", got)
		}
		if _, _, v := got[0].Batch.Sample(1); v != 500 {
			t.Errorf("rate %v, want 500", v)
		}
	})
}

// Once includes samples and events that only the first of the two gathers has, such as values that are read once a minute. A series with
// samples from both gathers has the newer one.
func TestOnceKeepsBothGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, second := range map[string]error{"works": nil, "fails": errors.New("connection refused")} {
			w := newSetup()
			rare, often := w.f.Gauge("rare", telemetry.None), w.f.Gauge("often", telemetry.None)
			n := 0
			w.cfg.Inputs = []Input{{ID: "a", Interval: 10 * time.Second, Build: buildInput(plugins.Input{
				Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
					if n++; n == 1 {
						b.Add(rare, 7)
						b.Events = append(b.Events, telemetry.Event{Message: "disk full"})
					}
					b.Add(often, float64(n))
					if n == 2 {
						return second
					}
					return nil
				})})}}
			begin := time.Now().UnixMilli()
			got := newAgent(w.cfg).Once(t.Context(), time.Second)[0]
			if !errors.Is(got.Err, second) || got.Batch.Len() != 2 || len(got.Batch.Events) != 1 || got.Batch.Events[0].Seq != 1 {
				t.Fatalf("%s: %+v", name, got)
			}
			s, ms, v := got.Batch.Sample(0)
			if s != rare || ms != begin || v != 7 {
				t.Errorf("%s: the first is %s %d %v", name, s.Name(), ms-begin, v)
			}
			if s, ms, v := got.Batch.Sample(1); s != often || ms != begin+1000 || v != 2 {
				t.Errorf("%s: the second is %s %d %v", name, s.Name(), ms-begin, v)
			}
		}
	})
}

func TestOnceUsesFirstGatherIfSecondFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newSetup(), 0
		release := make(chan struct{})
		w.addInput("a", time.Second, func(context.Context) error {
			if n++; n == 2 {
				<-release
			}
			return nil
		})
		got := newAgent(w.cfg).Once(t.Context(), time.Second)[0]
		if got.Err == nil || got.Batch == nil || got.Batch.Len() != 1 {
			t.Errorf("%+v", got)
		}
		close(release)
	})
}

// A gather that runs when the agent stops may complete within a limit. A gather that is cut short delivers what it has.
func TestStopLetsRunningGatherComplete(t *testing.T) {
	for name, takes := range map[string]time.Duration{"completes": 2 * time.Second, "is cut short": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newSetup(), &fakeServer{}
				var cut error
				w.addInput("slow", time.Minute, func(ctx context.Context) error {
					if !pause.Sleep(ctx, takes) {
						cut = ctx.Err()
					}
					return cut
				})
				w.addOutput("redis", s)
				begin := time.Now()
				time.Sleep(time.Minute - 10*time.Second) // the next gather takes 10 s; the agent stops in the middle of it
				if err := w.runFor(11 * time.Second); err != nil {
					t.Fatal(err)
				}
				if len(s.writeCounts) != 2 && name == "completes" || (cut != nil) != (name == "is cut short") {
					t.Errorf("%d samples arrived, cut short: %v", len(s.writeCounts), cut)
				}
				if len(s.writeCounts) == 0 {
					t.Error("no sample arrived")
				}
				if took := time.Since(begin) - 50*time.Second; took > 11*time.Second+w.cfg.Grace/4 {
					t.Errorf("stopped after %v", took)
				}
				w.checkLogged(t, "input failed", 0)
			})
		})
	}
}

func TestOccasionalPanicsDoNotPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		n := 0
		w.addInput("odd", time.Second, func(context.Context) error {
			if n++; n%5 != 0 {
				panic("now and then")
			}
			return nil
		})
		w.addOutput("redis", &fakeServer{})
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if g := w.inputStats(0).Gathers.Load(); g != 60 {
			t.Errorf("%d gathers, want 60", g)
		}
	})
}

func TestLateInputIsLoggedOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		n := 0
		w.addInput("late", time.Second, func(context.Context) error {
			if n++; n <= 5 || n > 10 && n <= 15 {
				time.Sleep(1500 * time.Millisecond)
			}
			return nil
		})
		w.addOutput("redis", &fakeServer{})
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := w.inputStats(0).Timeouts.Load(); n != 10 {
			t.Errorf("%d timeouts, want 10", n)
		}
		w.checkLogged(t, "input takes longer than its timeout", 2)
		w.checkLogged(t, "input answers in time again", 2)
	})
}

// gatherTimes records the instants at which inputs are polled.
type gatherTimes struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (a *gatherTimes) recordAs(name string) gatherFunc {
	return func(context.Context, *telemetry.Batch) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.at[name] = time.Now()
		return nil
	}
}

type observer struct{ gatherFunc }

func (observer) Observes() {}

// Inputs of one agent are polled at the same moment, and those of another host a little apart. An input that reports on the others is
// polled after them.
func TestInputsOfOneAgentGatherTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moments := map[string]time.Duration{}
		for _, host := range []string{"atila", "bela"} {
			w, a := newSetup(), &gatherTimes{at: map[string]time.Time{}}
			w.cfg.Host = host
			for _, name := range []string{"a", "b"} {
				w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: name, Interval: time.Second, Build: buildInput(plugins.Input{Gatherer: a.recordAs(name)})})
			}
			w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "internal", Interval: time.Second, Build: buildInput(plugins.Input{Gatherer: observer{a.recordAs("internal")}})})
			if err := w.runFor(5500 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			moments[host] = a.at["a"].Sub(a.at["a"].Truncate(time.Second))
			if !a.at["a"].Equal(a.at["b"]) || a.at["internal"].Sub(a.at["a"]) != observerLag {
				t.Errorf("%s: polled at %v", host, a.at)
			}
		}
		if moments["atila"] == moments["bela"] || max(moments["atila"], moments["bela"]) > maxPhase {
			t.Errorf("two hosts: %v", moments)
		}
	})
}
