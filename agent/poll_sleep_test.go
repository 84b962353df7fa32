package agent

import (
	"testing"
	"time"
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

func TestWallLead(t *testing.T) {
	start := time.Now()
	if lead := wallLead(start, time.Now()); lead.Abs() > time.Second/4 {
		t.Errorf("without a clock that was set: %v", lead)
	}
	if lead := wallLead(start.Round(0), start.Add(time.Hour)); lead != 0 {
		t.Errorf("without a monotonic clock: %v", lead)
	}
}
