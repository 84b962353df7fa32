package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

func TestTenMinutesOfOutageLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		begin := time.Now()
		s.decide = func(batches []*telemetry.Batch) error {
			since := time.Since(begin)
			if since < time.Minute || since > 11*time.Minute {
				return nil
			}
			s.countWrites(batches[:len(batches)/2]) // the server stored a part before the connection broke
			return fmt.Errorf("write tcp 127.0.0.1:%d->127.0.0.1:6379: broken pipe", 40000+len(s.calls))
		}
		w.addInput("a", time.Second, nil)
		w.addInput("b", 10*time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(15 * time.Minute); err != nil {
			t.Fatal(err)
		}
		for ms := begin.UnixMilli(); ms < begin.Add(15*time.Minute).UnixMilli(); ms += 1000 {
			if s.writeCounts[fmt.Sprintf("a@%d", ms)] == 0 {
				t.Fatalf("sample of a at +%d s is missing", (ms-begin.UnixMilli())/1000)
			}
		}
		if len(s.writeCounts) != 900+90 {
			t.Errorf("%d points, want one per series and time: %d", len(s.writeCounts), 990)
		}
		if d := w.outputStats(0).Dropped.Load(); d != 0 {
			t.Errorf("%d dropped", d)
		}
		w.checkLogged(t, "first samples are written", 1)
		w.checkLogged(t, "output failed", 1)
		w.checkLogged(t, "output works again", 1)
	})
}

func TestFullBufferDropsOldestAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		begin := time.Now()
		s := &fakeServer{}
		s.decide = func([]*telemetry.Batch) error {
			if time.Since(begin) < time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		w.cfg.Buffer = 10
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(90 * time.Second); err != nil {
			t.Fatal(err)
		}
		dropped := int(w.outputStats(0).Dropped.Load())
		if dropped == 0 || dropped+len(s.writeCounts) != 90 {
			t.Errorf("%d dropped and %d written of 90", dropped, len(s.writeCounts))
		}
		if s.writeCounts[fmt.Sprintf("a@%d", begin.UnixMilli())] != 0 {
			t.Error("the oldest sample was kept")
		}
		w.checkLogged(t, "buffer is full", 1)
	})
}

func TestErrorClasses(t *testing.T) {
	reason := errors.New("TSDB: Timestamp is older than retention")
	for name, tc := range map[string]struct {
		err                                 error
		written, rejected, dropped, retries int64
	}{
		"reject":    {&outputs.RejectError{N: 1, Err: reason, Reasons: map[string]int{"too_old": 1}}, 9, 1, 0, 0},
		"unnamed":   {&outputs.RejectError{N: 1, Err: reason}, 9, 1, 0, 0},
		"permanent": {outputs.Permanent(reason), 9, 0, 1, 0},
		"retry":     {reason, 10, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newSetup(), &fakeServer{}
				first := true
				s.decide = func([]*telemetry.Batch) error {
					if first {
						first = false
						return tc.err
					}
					return nil
				}
				w.addInput("a", time.Second, nil)
				w.addOutput("redis", s)
				if err := w.runFor(10 * time.Second); err != nil {
					t.Fatal(err)
				}
				o := w.outputStats(0)
				got := [4]int64{o.Written.Load(), o.Rejected.Load(), o.Dropped.Load(), o.Retries.Load()}
				if want := [4]int64{tc.written, tc.rejected, tc.dropped, tc.retries}; got != want {
					t.Errorf("written, rejected, dropped, retries: %v, want %v", got, want)
				}
				words := map[string]string{"reject": "too_old", "unnamed": outputs.Other}
				o.EachReason(func(word string, n int64) {
					if word != words[name] || n != tc.rejected {
						t.Errorf("%d rejected as %s", n, word)
					}
					delete(words, name)
				})
				if words[name] != "" {
					t.Errorf("nothing rejected as %s", words[name])
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		s.decide = func([]*telemetry.Batch) error {
			if len(s.calls) == 1 {
				return outputs.RetryAfter(errors.New("busy"), 20*time.Second)
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if pause := s.calls[1].Sub(s.calls[0]); pause < 20*time.Second {
			t.Errorf("written again after %v", pause)
		}
	})
}

func TestOutputMissingAtStartLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		begin := time.Now()
		s.open = func() error {
			if time.Since(begin) < 5*time.Minute {
				return errors.New("dial tcp 127.0.0.1:6379: connect: connection refused")
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(6 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(s.writeCounts) != 360 {
			t.Errorf("%d points, want 360", len(s.writeCounts))
		}
		w.checkLogged(t, "output failed", 1)
	})
}

func TestPanickingOutputDropsTheSampleThatCrashedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bad, good := newSetup(), &fakeServer{}, &fakeServer{}
		bad.decide = func([]*telemetry.Batch) error {
			if len(bad.calls) == 3 {
				panic("nil series")
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("bad", bad)
		w.addOutput("good", good)
		if err := w.runFor(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if d := w.outputStats(0).Dropped.Load(); d != 1 || len(bad.writeCounts) != 9 || len(good.writeCounts) != 10 {
			t.Errorf("%d dropped, %d and %d points; want 1, 9 and 10", d, len(bad.writeCounts), len(good.writeCounts))
		}
	})
}

func TestStopFlushesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.cfg.Flush = time.Hour
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		began := time.Now()
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if len(s.writeCounts) != 30 {
			t.Errorf("%d points after the stop, want 30", len(s.writeCounts))
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("stopping took %v", took-30*time.Second)
		}
	})
}

func TestStopReportsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		s.decide = func([]*telemetry.Batch) error { return errors.New("connection refused") }
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		began := time.Now()
		err := w.runFor(30 * time.Second)
		if err == nil || !strings.Contains(err.Error(), "output redis: 30 samples were still buffered and are lost") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began) - 30*time.Second; took > w.cfg.Grace {
			t.Errorf("stopping took %v, grace is %v", took, w.cfg.Grace)
		}
		if d := w.outputStats(0).Dropped.Load(); d != 30 {
			t.Errorf("%d dropped, want 30", d)
		}
	})
}

func TestFillingBufferIsFlushedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.cfg.Flush, w.cfg.Buffer = time.Minute, 20 // a cycle of 60 samples per flush would not fit
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(3 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if d := w.outputStats(0).Dropped.Load(); d != 0 || len(s.writeCounts) != 180 {
			t.Errorf("%d dropped, %d points; want 0 and 180", d, len(s.writeCounts))
		}
	})
}

// TestEachOutageIsLoggedAndBeginsWithShortPauses has two outages, both long enough to fill the queue.
func TestEachOutageIsLoggedAndBeginsWithShortPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		begin, opened := time.Now(), 0
		down := func(at time.Time) bool { return int(at.Sub(begin)/(2*time.Minute))%2 == 1 } // minutes 2–4 and 6–8
		s.open = func() error { opened++; return nil }
		s.decide = func([]*telemetry.Batch) error {
			if down(time.Now()) {
				return errors.New("connection refused")
			}
			return nil
		}
		w.cfg.Buffer = 10
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(10 * time.Minute); err != nil {
			t.Fatal(err)
		}
		w.checkLogged(t, "buffer is full", 2)
		w.checkLogged(t, "output failed", 2)
		if opened != 1 {
			t.Errorf("opened %d times", opened)
		}
		for i := 1; i < len(s.calls); i++ {
			firstTwo := down(s.calls[i]) && down(s.calls[i-1]) && !down(s.calls[i-2])
			if waited := s.calls[i].Sub(s.calls[i-1]); firstTwo && waited > 2*time.Second {
				t.Errorf("the first pause of an outage is %v", waited)
			}
		}
	})
}

func TestDropsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		s.decide = func([]*telemetry.Batch) error {
			if len(s.calls) <= 10 {
				return outputs.Permanent(errors.New("no space left on device"))
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("stdout", s)
		if err := w.runFor(15 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if d := w.outputStats(0).Dropped.Load(); d != 10 {
			t.Errorf("%d dropped, want 10", d)
		}
		w.checkLogged(t, "level=ERROR msg=\"samples cannot be written and are dropped\"", 1)
		w.checkLogged(t, "nothing is dropped any more", 1)
	})
}

// Rejections are logged once, although most writes have none and the reasons vary.
func TestOccasionalRejectionsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		s.decide = func([]*telemetry.Batch) error {
			if n := len(s.calls); n < 100 && n%3 == 0 {
				return &outputs.RejectError{N: 1, Err: errors.New([]string{"too old", "no series"}[n%2])}
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("stdout", s)
		if err := w.runFor(30 * time.Minute); err != nil {
			t.Fatal(err)
		}
		w.checkLogged(t, "level=WARN msg=\"output rejects samples\"", 2)
		w.checkLogged(t, "nothing is rejected any more", 1)
	})
}
