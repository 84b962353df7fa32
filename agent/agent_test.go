package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// input is a Gatherer made of a function.
type input func(ctx context.Context, b *telemetry.Batch) error

func (f input) Gather(ctx context.Context, b *telemetry.Batch) error { return f(ctx, b) }

// server stands for a destination that, like RedisTimeSeries with DUPLICATE_POLICY LAST, keeps one value per series
// and time.
type server struct {
	mu      sync.Mutex
	points  map[string]int // "name@ms" → how often it was written
	calls   []time.Time
	open    func() error
	verdict func(batches []*telemetry.Batch) error // nil: accept
}

func (s *server) Open(context.Context) error {
	if s.open != nil {
		return s.open()
	}
	return nil
}
func (s *server) Close() error { return nil }

func (s *server) WriteMetrics(_ context.Context, batches []*telemetry.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if s.verdict != nil {
		if err := s.verdict(batches); err != nil {
			return err
		}
	}
	s.store(batches)
	return nil
}

func (s *server) store(batches []*telemetry.Batch) {
	if s.points == nil {
		s.points = map[string]int{}
	}
	for _, b := range batches {
		for i := range b.Len() {
			series, ms, _ := b.Sample(i)
			s.points[fmt.Sprintf("%s@%d", series.Name(), ms)]++
		}
	}
}

// logbook collects log lines from many goroutines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type world struct {
	cfg  Config
	logs *logbook
	f    *telemetry.Factory
}

func newWorld() *world {
	w := &world{logs: &logbook{}, f: telemetry.NewFactory("h", "test", nil, 4)}
	w.cfg = Config{
		Flush: time.Second, Buffer: 1_000_000, Grace: 10 * time.Second, Self: &selfstat.Registry{},
		Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	return w
}

// poll adds an input that gives one sample of the series called id.
func (w *world) poll(id string, interval time.Duration, also func(ctx context.Context) error) {
	series := w.f.Gauge(id, telemetry.None)
	w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: id, Interval: interval, Live: plugins.Input{
		Gatherer: input(func(ctx context.Context, b *telemetry.Batch) error {
			b.Add(series, 1)
			if also != nil {
				return also(ctx)
			}
			return nil
		}),
	}})
}

func (w *world) write(id string, o outputs.Output) {
	w.cfg.Outputs = append(w.cfg.Outputs, Output{ID: id, Output: o})
}

// runFor runs the agent for d of fake time and returns Run's error.
func (w *world) runFor(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return New(w.cfg).Run(ctx)
}

func (w *world) in(i int) *selfstat.Input   { return w.cfg.Self.Inputs()[i] }
func (w *world) out(i int) *selfstat.Output { return w.cfg.Self.Outputs()[i] }

func (w *world) logged(t *testing.T, text string, times int) {
	t.Helper()
	if n := strings.Count(w.logs.String(), text); n != times {
		t.Errorf("%q was logged %d times, want %d, in:\n%s", text, n, times, w.logs)
	}
}

func TestTenMinutesOfOutageLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		begin := time.Now()
		s.verdict = func(batches []*telemetry.Batch) error {
			since := time.Since(begin)
			if since < time.Minute || since > 11*time.Minute {
				return nil
			}
			s.store(batches[:len(batches)/2]) // the server got some of it before the connection broke
			return fmt.Errorf("write tcp 127.0.0.1:%d->127.0.0.1:6379: broken pipe", 40000+len(s.calls))
		}
		w.poll("a", time.Second, nil)
		w.poll("b", 10*time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(15 * time.Minute); err != nil {
			t.Fatal(err)
		}
		for ms := begin.UnixMilli(); ms < begin.Add(15*time.Minute).UnixMilli(); ms += 1000 {
			if s.points[fmt.Sprintf("a@%d", ms)] == 0 {
				t.Fatalf("sample of a at +%d s is missing", (ms-begin.UnixMilli())/1000)
			}
		}
		if len(s.points) != 900+90 {
			t.Errorf("%d points, want one per series and time: %d", len(s.points), 990)
		}
		if d := w.out(0).Dropped.Load(); d != 0 {
			t.Errorf("%d dropped", d)
		}
		w.logged(t, "output failed", 1)
		w.logged(t, "output works again", 1)
	})
}

func TestFirstGatherAtStartThenAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3300 * time.Millisecond) // the fake clock starts on a full second
		start := time.Now()
		w, s := newWorld(), &server{}
		w.cfg.Flush = 10 * time.Second
		w.poll("a", 10*time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		aligned := start.Truncate(10 * time.Second).Add(10 * time.Second)
		for _, at := range []time.Time{start, aligned} {
			if s.points[fmt.Sprintf("a@%d", at.UnixMilli())] != 1 {
				t.Errorf("no sample at %v in %v", at, s.points)
			}
		}
		if got := s.calls[0].Sub(start); got > 150*time.Millisecond {
			t.Errorf("first write %v after the first gather was due", got)
		}
	})
}

func TestFullBufferDropsOldestAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		begin := time.Now()
		s := &server{}
		s.verdict = func([]*telemetry.Batch) error {
			if time.Since(begin) < time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		w.cfg.Buffer = 10
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(90 * time.Second); err != nil {
			t.Fatal(err)
		}
		dropped := int(w.out(0).Dropped.Load())
		if dropped == 0 || dropped+len(s.points) != 90 {
			t.Errorf("%d dropped and %d written of 90", dropped, len(s.points))
		}
		if s.points[fmt.Sprintf("a@%d", begin.UnixMilli())] != 0 {
			t.Error("the oldest sample was kept")
		}
		w.logged(t, "buffer is full", 1)
	})
}

func TestHungInputBlocksNobodyAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		release := make(chan struct{})
		w.poll("hung", time.Second, func(context.Context) error { <-release; return nil })
		w.poll("fine", time.Second, nil)
		w.write("redis", s)
		err := w.runFor(time.Minute)
		if err == nil || !strings.Contains(err.Error(), "input hung did not stop") {
			t.Errorf("error %v does not name the input", err)
		}
		if n := w.in(1).Gathers.Load(); n != 60 {
			t.Errorf("the other input gathered %d times, want 60", n)
		}
		if n := w.in(0).Timeouts.Load(); n != 1 {
			t.Errorf("%d timeouts, want 1", n)
		}
		w.logged(t, "input does not answer", 1)
		close(release)
	})
}

func TestSlowInputMissesTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.poll("slow", time.Second, func(context.Context) error { time.Sleep(2500 * time.Millisecond); return nil })
		w.write("redis", &server{})
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if g, m := w.in(0).Gathers.Load(), w.in(0).Missed.Load(); g != 10 || m != 20 {
			t.Errorf("%d gathers, %d missed, want 10 and 20", g, m)
		}
	})
}

func TestPanickingInputIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		w.poll("bad", time.Second, func(context.Context) error { panic("index out of range") })
		w.poll("fine", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := w.in(0).Errors.Load(); n != maxPanics {
			t.Errorf("%d panics in a minute, want %d and then a pause", n, maxPanics)
		}
		if n := w.in(1).Gathers.Load(); n != 60 {
			t.Errorf("the other input gathered %d times, want 60", n)
		}
		w.logged(t, "input crashed", 1)
		w.logged(t, "panic: index out of range", 1)
	})
}

func TestFailingInputStillDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		n := 0
		w.poll("part", time.Second, func(context.Context) error {
			if n++; n <= 10 {
				return errors.New("read /proc/x: permission denied")
			}
			return nil
		})
		w.write("redis", s)
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if len(s.points) != 30 {
			t.Errorf("%d points, want 30: what was read beside an error counts", len(s.points))
		}
		w.logged(t, "input failed", 1)
		w.logged(t, "input works again", 1)
	})
}

func TestErrorClasses(t *testing.T) {
	reason := errors.New("TSDB: Timestamp is older than retention")
	for name, tc := range map[string]struct {
		err                                 error
		written, rejected, dropped, retries int64
	}{
		"reject":    {&outputs.RejectError{N: 1, Err: reason}, 9, 1, 0, 0},
		"permanent": {outputs.Permanent(reason), 9, 0, 1, 0},
		"retry":     {reason, 10, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWorld(), &server{}
				first := true
				s.verdict = func([]*telemetry.Batch) error {
					if first {
						first = false
						return tc.err
					}
					return nil
				}
				w.poll("a", time.Second, nil)
				w.write("redis", s)
				if err := w.runFor(10 * time.Second); err != nil {
					t.Fatal(err)
				}
				o := w.out(0)
				got := [4]int64{o.Written.Load(), o.Rejected.Load(), o.Dropped.Load(), o.Retries.Load()}
				if want := [4]int64{tc.written, tc.rejected, tc.dropped, tc.retries}; got != want {
					t.Errorf("written, rejected, dropped, retries: %v, want %v", got, want)
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		s.verdict = func([]*telemetry.Batch) error {
			if len(s.calls) == 1 {
				return outputs.RetryAfter(errors.New("busy"), 20*time.Second)
			}
			return nil
		}
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if pause := s.calls[1].Sub(s.calls[0]); pause < 20*time.Second {
			t.Errorf("written again after %v", pause)
		}
	})
}

func TestOutputThatIsAbsentAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		begin := time.Now()
		s.open = func() error {
			if time.Since(begin) < 5*time.Minute {
				return errors.New("dial tcp 127.0.0.1:6379: connect: connection refused")
			}
			return nil
		}
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(6 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(s.points) != 360 {
			t.Errorf("%d points, want 360", len(s.points))
		}
		w.logged(t, "output failed", 1)
	})
}

func TestCrashingOutputDropsWhatCrashedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bad, good := newWorld(), &server{}, &server{}
		bad.verdict = func([]*telemetry.Batch) error {
			if len(bad.calls) == 3 {
				panic("nil series")
			}
			return nil
		}
		w.poll("a", time.Second, nil)
		w.write("bad", bad)
		w.write("good", good)
		if err := w.runFor(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if d := w.out(0).Dropped.Load(); d != 1 || len(bad.points) != 9 || len(good.points) != 10 {
			t.Errorf("%d dropped, %d and %d points; want 1, 9 and 10", d, len(bad.points), len(good.points))
		}
	})
}

func TestStopWritesOutTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		w.cfg.Flush = time.Hour
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		began := time.Now()
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if len(s.points) != 30 {
			t.Errorf("%d points after the stop, want 30", len(s.points))
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("stopping took %v", took-30*time.Second)
		}
	})
}

func TestStopSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		s.verdict = func([]*telemetry.Batch) error { return errors.New("connection refused") }
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		began := time.Now()
		err := w.runFor(30 * time.Second)
		if err == nil || !strings.Contains(err.Error(), "output redis: 30 samples were still buffered and are lost") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began) - 30*time.Second; took > w.cfg.Grace {
			t.Errorf("stopping took %v, grace is %v", took, w.cfg.Grace)
		}
		if d := w.out(0).Dropped.Load(); d != 30 {
			t.Errorf("%d dropped, want 30", d)
		}
	})
}

func TestFillingBufferIsWrittenBeforeItIsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		w.cfg.Flush, w.cfg.Buffer = time.Minute, 20 // a cycle of 60 samples per flush would not fit
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(3 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if d := w.out(0).Dropped.Load(); d != 0 || len(s.points) != 180 {
			t.Errorf("%d dropped, %d points; want 0 and 180", d, len(s.points))
		}
	})
}

// service is a Runner made of a function.
type service func(ctx context.Context, out plugins.Emitter) error

func (f service) Run(ctx context.Context, out plugins.Emitter) error { return f(ctx, out) }

func TestRunnerIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		series, runs := w.f.Gauge("push", telemetry.None), 0
		w.cfg.Inputs = []Input{{ID: "push", Live: plugins.Input{Runner: service(
			func(ctx context.Context, out plugins.Emitter) error {
				runs++
				b := telemetry.NewBatch(time.Now(), time.Now(), 1)
				b.Add(series, 1)
				_ = out.Emit(ctx, b)
				if runs == 1 {
					return errors.New("listen tcp :514: address in use")
				}
				<-ctx.Done()
				return nil
			})}}}
		w.write("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if runs != 2 || len(s.points) != 2 {
			t.Errorf("%d runs, %d points; want 2 and 2", runs, len(s.points))
		}
	})
}

func TestOnceAsksTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		rate, total := w.f.Counter("c", telemetry.Bytes), 0.0
		w.cfg.Inputs = []Input{{ID: "c", Interval: 10 * time.Second, Live: plugins.Input{
			Gatherer: input(func(_ context.Context, b *telemetry.Batch) error {
				total += 500
				rate.Add(b, total)
				return nil
			})}}}
		got := New(w.cfg).Once(t.Context(), time.Second)
		if len(got) != 1 || got[0].Err != nil || got[0].Batch.Len() != 2 {
			t.Fatalf("%+v", got)
		}
		if _, _, v := got[0].Batch.Sample(1); v != 500 {
			t.Errorf("rate %v, want 500", v)
		}
	})
}

func TestNextTick(t *testing.T) {
	second := func(s float64) time.Time {
		return time.Unix(1_700_000_000, 0).Add(time.Duration(s * float64(time.Second)))
	}
	for name, tc := range map[string]struct{ now, last, want float64 }{
		"in time":                    {0.03, 0, 10},
		"first, unaligned":           {3.3, 3.3, 10},
		"slow":                       {25, 0, 30},
		"timer fired a little early": {9.999, 10, 20},
		"clock was set back":         {-3600, 10, -3590},
	} {
		if got := nextTick(second(tc.now), second(tc.last), 10*time.Second); !got.Equal(second(tc.want)) {
			t.Errorf("%s: %v, want %v", name, got, second(tc.want))
		}
	}
}

func TestPanicsNowAndThenDoNotPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := 0
		w.poll("odd", time.Second, func(context.Context) error {
			if n++; n%5 != 0 {
				panic("now and then")
			}
			return nil
		})
		w.write("redis", &server{})
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if g := w.in(0).Gathers.Load(); g != 60 {
			t.Errorf("%d gathers, want 60", g)
		}
	})
}

// TestEachOutageIsSaidAndBeginsWithShortPauses has two outages, both long enough to fill the buffer.
func TestEachOutageIsSaidAndBeginsWithShortPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &server{}
		begin, opened := time.Now(), 0
		down := func(at time.Time) bool { return int(at.Sub(begin)/(2*time.Minute))%2 == 1 } // minutes 2–4 and 6–8
		s.open = func() error { opened++; return nil }
		s.verdict = func([]*telemetry.Batch) error {
			if down(time.Now()) {
				return errors.New("connection refused")
			}
			return nil
		}
		w.cfg.Buffer = 10
		w.poll("a", time.Second, nil)
		w.write("redis", s)
		if err := w.runFor(10 * time.Minute); err != nil {
			t.Fatal(err)
		}
		w.logged(t, "buffer is full", 2)
		w.logged(t, "output failed", 2)
		if opened != 1 {
			t.Errorf("opened %d times", opened)
		}
		for i := 1; i < len(s.calls); i++ {
			firstTwo := down(s.calls[i]) && down(s.calls[i-1]) && !down(s.calls[i-2])
			if pause := s.calls[i].Sub(s.calls[i-1]); firstTwo && pause > 2*firstPause {
				t.Errorf("the first pause of an outage is %v", pause)
			}
		}
	})
}
