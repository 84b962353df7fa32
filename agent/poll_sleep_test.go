package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// The time in which the machine slept is part of the time that rates divide by. The noise of two clocks is not.
func TestTimeAsleep(t *testing.T) {
	var slept time.Duration
	p := &poller{suspended: func() time.Duration { return slept }}
	for _, step := range []struct{ lead, measured, want time.Duration }{
		{0, 0, 0},
		{time.Second, 500, 0}, // the wall clock was set
		{time.Hour, time.Hour, time.Hour},
		{time.Hour, 2 * time.Hour, time.Hour}, // nobody asks while the wall clock goes on evenly
		{2 * time.Hour, time.Hour + 700, time.Hour},
		{3 * time.Hour, time.Hour - 700, time.Hour},
		{2 * time.Hour, 2 * time.Hour, 2 * time.Hour},
	} {
		if slept = step.measured; p.timeAsleep(step.lead) != step.want {
			t.Errorf("%v of sleep, with a wall clock that leads by %v, count as %v, want %v", step.measured, step.lead, p.slept, step.want)
		}
	}
}

// Rates of a gather after a sleep divide by the time of the sleep as well.
func TestGatherKnowsTheTimeAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after []time.Duration // from now until the time that rates use
		w := newSetup()
		w.cfg.Inputs = []Input{{ID: "a", Interval: time.Second, Build: buildInput(plugins.Input{
			Gatherer: gatherFunc(func(_ context.Context, b *telemetry.Batch) error {
				after = append(after, time.Until(b.At))
				return nil
			}),
		})}}
		w.addOutput("redis", &fakeServer{})
		a := newAgent(w.cfg)
		begin, p := time.Now(), a.allInputs()[0].poller
		asleep := func(now time.Time) time.Duration {
			if now.Sub(begin) > 1500*time.Millisecond {
				return time.Hour
			}
			return 0
		}
		p.wallLead, p.suspended, p.slept = asleep, func() time.Duration { return asleep(time.Now()) }, 0
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		if len(after) < 3 || after[0] != 0 || after[len(after)-1] != time.Hour {
			t.Errorf("times are %v from now", after)
		}
	})
}

func TestLeadSince(t *testing.T) {
	start := time.Now()
	if lead := leadSince(start)(time.Now()); lead.Abs() > time.Second/4 {
		t.Errorf("without a clock that was set: %v", lead)
	}
	if lead := leadSince(start.Round(0))(start.Add(time.Hour)); lead != 0 {
		t.Errorf("without a monotonic clock: %v", lead)
	}
}
