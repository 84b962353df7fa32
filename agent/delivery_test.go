package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// limitedOutput is an output that accepts a limited number of samples or events of each write and then fails. It keeps their order of
// arrival.
type limitedOutput struct {
	through int
	samples []string // "value" of each, in the order of arrival
	events  []string
	sizes   []int // samples in each write
	took    time.Duration
}

func (o *limitedOutput) Open(context.Context) error { return nil }
func (o *limitedOutput) Close() error               { return nil }

func (o *limitedOutput) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if !pause.Sleep(ctx, o.took) {
		return ctx.Err()
	}
	var all []string
	for _, b := range batches {
		for i := range b.Len() {
			_, _, v := b.Sample(i)
			all = append(all, fmt.Sprint(v))
		}
	}
	o.sizes = append(o.sizes, len(all))
	n, err := o.acceptPrefix(len(all))
	o.samples = append(o.samples, all[:n]...)
	return err
}

func (o *limitedOutput) WriteEvents(_ context.Context, events []telemetry.Event) error {
	n, err := o.acceptPrefix(len(events))
	for _, e := range events[:n] {
		o.events = append(o.events, e.Message)
	}
	return err
}

func (o *limitedOutput) acceptPrefix(n int) (int, error) {
	if n <= o.through {
		return n, nil
	}
	return o.through, &outputs.PartialError{Settled: o.through, Err: errors.New("connection reset by peer")}
}

// numberedInput returns the Build function of an input whose first gather has this many samples and events, numbered from 0.
func numberedInput(f *telemetry.Factory, samples, events int) func() (plugins.Input, error) {
	series, given := f.Gauge("n", telemetry.None), false
	return buildInput(plugins.Input{Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
		if given {
			return nil
		}
		given = true
		for i := range samples {
			b.AddAt(series, float64(i), int64(i))
		}
		for i := range events {
			b.Events = append(b.Events, telemetry.Event{Message: fmt.Sprint(i)})
		}
		return nil
	})})
}

func numberTexts(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// A settled prefix is not written again, even if it ends within a batch. A settled prefix is progress, so the next attempt follows soon.
func TestSettledPrefixIsNotWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := newSetup(), &limitedOutput{through: 30}
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 10_000, 1000)}}
		w.addOutput("narrow", o)
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(o.samples, numberTexts(10_000)) || !slices.Equal(o.events, numberTexts(1000)) {
			t.Errorf("%d samples and %d events arrived, want 10000 and 1000, each once and in order", len(o.samples), len(o.events))
		}
		out := w.outputStats(0)
		if out.Written.Load() != 11_000 || out.Dropped.Load() != 0 || out.Samples.Count.Load() != 0 || out.Samples.Size.Load() != 0 || out.Events.Size.Load() != 0 {
			t.Errorf("%d written, %d dropped, %d samples of size %d and %d bytes of events are counted as queued", out.Written.Load(), out.Dropped.Load(),
				out.Samples.Count.Load(), out.Samples.Size.Load(), out.Events.Size.Load())
		}
		w.checkLogged(t, "output failed", 1)
	})
}

// The failures of a flapping output are logged a few times, and then as one long failure.
func TestFlappingOutputIsLoggedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		begin := time.Now()
		s.decide = func([]*telemetry.Batch) error {
			if n := len(s.calls); n%3 == 0 && time.Since(begin) < 10*time.Minute {
				return &outputs.PartialError{Err: errors.New("connection reset by peer")}
			}
			return nil
		}
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(15 * time.Minute); err != nil {
			t.Fatal(err)
		}
		w.checkLogged(t, "output failed", maxFlaps+1)
		w.checkLogged(t, "output works again", maxFlaps+1)
	})
}

func TestRejectedInPrefixIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		s.decide = func(batches []*telemetry.Batch) error {
			if len(s.calls) > 1 {
				return nil
			}
			return &outputs.PartialError{
				Settled: 10, Err: errors.New("reset"),
				Rejected: &outputs.RejectError{N: 3, Err: errors.New("too old"), Reasons: map[string]int{"too_old": 3}},
			}
		}
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 100, 0)}}
		w.addOutput("redis", s)
		if err := w.runFor(time.Minute); err != nil {
			t.Fatal(err)
		}
		if o := w.outputStats(0); o.Written.Load() != 97 || o.Rejected.Load() != 3 || o.Retries.Load() != 1 {
			t.Errorf("%d written, %d rejected, %d retries", o.Written.Load(), o.Rejected.Load(), o.Retries.Load())
		}
	})
}

// A failed write halves the portion, down to a limit. A fast write doubles it.
func TestPortionAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		var sizes []int
		begin := time.Now()
		s.decide = func(batches []*telemetry.Batch) error {
			n := 0
			for _, b := range batches {
				n += b.Len()
			}
			sizes = append(sizes, n)
			if time.Since(begin) < 5*time.Minute {
				return errors.New("i/o timeout")
			}
			return nil
		}
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 100_000, 0)}}
		w.addOutput("redis", s)
		if err := w.runFor(10 * time.Minute); err != nil {
			t.Fatal(err)
		}
		down := []int{50_000, 25_000, 12_500, 6250, 3125, 1562, 781, 390, 195, 97, 64, 64}
		if !slices.Equal(sizes[:len(down)], down) {
			t.Errorf("sizes of the failing writes: %v", sizes[:len(down)])
		}
		for i := len(down); i+1 < len(sizes); i++ {
			if sizes[i+1] != sizes[i] && sizes[i+1] != 2*sizes[i] && i+2 != len(sizes) {
				t.Errorf("sizes %v", sizes)
			}
		}
		if len(s.writeCounts) != 100_000 {
			t.Errorf("%d points", len(s.writeCounts))
		}
	})
}

// A slow write shrinks the portion as well, so that each write settles soon.
func TestSlowWriteShrinksPortion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := newSetup(), &limitedOutput{through: 1 << 30, took: 20 * time.Second}
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 100_000, 0)}}
		w.addOutput("slow", o)
		if err := w.runFor(3 * time.Minute); err != nil && !strings.Contains(err.Error(), "are lost") {
			t.Fatal(err)
		}
		if len(o.sizes) < 3 || o.sizes[0] != 50_000 || o.sizes[1] != 25_000 || o.sizes[2] != 12_500 {
			t.Errorf("sizes %v", o.sizes)
		}
	})
}

// If the queue overflows during a hung write, the oldest samples are dropped, which are those of that write.
func TestOverflowDuringHungWriteDropsOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		begin := time.Now()
		s.decide = func([]*telemetry.Batch) error {
			if time.Since(begin) < 9*time.Second {
				return nil
			}
			if time.Since(begin) < 50*time.Second {
				time.Sleep(50 * time.Second)
				return errors.New("i/o timeout")
			}
			return nil
		}
		w.cfg.Buffer = 30
		w.addInput("a", time.Second, nil)
		w.addOutput("redis", s)
		if err := w.runFor(90 * time.Second); err != nil {
			t.Fatal(err)
		}
		dropped := int(w.outputStats(0).Dropped.Load())
		if dropped == 0 || dropped+len(s.writeCounts) != 90 {
			t.Errorf("%d dropped and %d written of 90", dropped, len(s.writeCounts))
		}
		first := begin.Add(9 * time.Second)
		for i := range 81 {
			at := first.Add(time.Duration(i) * time.Second)
			if written := s.writeCounts[fmt.Sprintf("a@%d", at.UnixMilli())] > 0; written != (i >= dropped) {
				t.Fatalf("%d dropped; sample %d s after the first hung one: written %t", dropped, i, written)
			}
		}
		w.checkLogged(t, "buffer is full", 1)
	})
}

// At stop, the output settles as much as possible. The error and the counters state the exact rest.
func TestStopCountsWhatItCannotSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := newSetup(), &slowOutput{perSecond: 100}
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 10_000, 0)}}
		w.addOutput("trickle", o)
		w.cfg.Grace = 8 * time.Second
		err := w.runFor(10 * time.Second)
		left := 10_000 - len(o.got)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(" %d samples were still buffered and are lost", left)) {
			t.Errorf("error %v, %d not settled", err, left)
		}
		if len(o.got) < 1600 || w.outputStats(0).Written.Load() != int64(len(o.got)) || w.outputStats(0).Dropped.Load() != int64(left) {
			t.Errorf("%d arrived, %d counted as written, %d as dropped", len(o.got), w.outputStats(0).Written.Load(), w.outputStats(0).Dropped.Load())
		}
	})
}

// slowOutput accepts a fixed number of samples per second until its context is done.
type slowOutput struct {
	perSecond int
	got       []float64
}

func (o *slowOutput) Open(context.Context) error { return nil }
func (o *slowOutput) Close() error               { return nil }

func (o *slowOutput) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	settled := 0
	for _, b := range batches {
		for i := range b.Len() {
			if !pause.Sleep(ctx, time.Second/time.Duration(o.perSecond)) {
				return &outputs.PartialError{Settled: settled, Err: ctx.Err()}
			}
			_, _, v := b.Sample(i)
			o.got = append(o.got, v)
			settled++
		}
	}
	return nil
}

// halfFailingOutput always fails to write samples, and accepts events.
type halfFailingOutput struct {
	fakeServer
	events int
}

func (o *halfFailingOutput) WriteEvents(_ context.Context, events []telemetry.Event) error {
	o.events += len(events)
	return nil
}

// Failing writes of samples do not delay events.
func TestFailingSamplesDoNotDelayEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := newSetup(), &halfFailingOutput{}
		o.decide = func([]*telemetry.Batch) error { return errors.New("WRONGTYPE") }
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Hour, Build: numberedInput(w.f, 10, 1000)}}
		w.addOutput("halves", o)
		_ = w.runFor(time.Minute)
		if o.events != 1000 {
			t.Errorf("%d of 1000 events written", o.events)
		}
	})
}

// endedLog is an output that keeps the names of the series that ended.
type endedLog struct {
	fakeServer
	ended []string
}

func (o *endedLog) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if err := o.fakeServer.WriteMetrics(ctx, batches); err != nil {
		return err
	}
	for _, b := range batches {
		for _, s := range b.Ended() {
			o.ended = append(o.ended, s.Name())
		}
	}
	return nil
}

// Outputs learn that a series ended, also from a gather without samples and after a failed write.
func TestEndedSeriesReachTheOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := newSetup(), &endedLog{}
		begin := time.Now()
		o.decide = func([]*telemetry.Batch) error {
			if time.Since(begin) < 10*time.Second {
				return errors.New("connection refused")
			}
			return nil
		}
		series, gathers := w.f.Gauge("container", telemetry.None), 0
		w.cfg.Inputs = []Input{{ID: "n", Interval: time.Second, Build: buildInput(plugins.Input{
			Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
				if gathers++; gathers == 1 {
					b.Add(series, 1)
				} else {
					b.End(series)
				}
				return nil
			}),
		})}}
		w.addOutput("out", o)
		if err := w.runFor(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(o.ended, []string{"container"}) || len(o.writeCounts) != 1 {
			t.Errorf("ended: %v, %d samples", o.ended, len(o.writeCounts))
		}
	})
}
