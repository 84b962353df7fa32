package agent

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// A watchdog must not end an agent whose components hang, whose intervals are long, or whose inputs crash.
func TestNothingIsStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		w.cfg.Flush = time.Hour
		ctx, stop := context.WithCancel(t.Context())
		w.addInput("rare", 2*time.Hour, nil)
		w.addInput("hung", time.Second, func(context.Context) error { <-ctx.Done(); return nil })
		w.addInput("crashing", time.Second, func(context.Context) error { panic("again") })
		w.addInput("fine", time.Second, nil)
		w.addOutput("hung output", &fakeServer{decide: func([]*telemetry.Batch) error { <-ctx.Done(); return nil }})
		w.addOutput("output", &fakeServer{})
		a := newAgent(w.cfg)
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		for range 4 * 60 * 2 {
			time.Sleep(30 * time.Second)
			if ids := a.Stalled(10 * time.Second); len(ids) > 0 {
				t.Fatalf("%v are stalled", ids)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if ids := a.Stalled(10 * time.Second); len(ids) > 0 {
			t.Errorf("after the end %v are stalled", ids)
		}
	})
}

// The loops of an agent that was built and does not run stand in for loops that are blocked.
func TestStalledLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		w.addInput("b", time.Second, nil)
		w.addInput("a", time.Second, nil)
		w.addOutput("c", &fakeServer{})
		a := newAgent(w.cfg)
		a.allInputs()[0].poller.pulse.waits(time.Minute)
		a.allInputs()[1].poller.pulse.waits(0)
		a.router.set().writers[0].pulse.waits(0)
		for _, tc := range []struct {
			after time.Duration
			want  []string
		}{{9 * time.Second, nil}, {2 * time.Second, []string{"a", "c"}}, {time.Minute, []string{"a", "b", "c"}}} {
			time.Sleep(tc.after)
			if ids := a.Stalled(10 * time.Second); !slices.Equal(ids, tc.want) {
				t.Errorf("%v are stalled, want %v", ids, tc.want)
			}
		}
	})
}
