package agent

import (
	"testing"
	"time"
)

// The time in which the machine slept is part of the time that rates divide by. The noise of two clocks is not.
func TestTimeAsleep(t *testing.T) {
	var now time.Duration
	p := &poller{suspended: func() time.Duration { return now }}
	for _, step := range []struct{ measured, want time.Duration }{
		{0, 0}, {500, 0}, {time.Hour, time.Hour}, {time.Hour + 700, time.Hour}, {time.Hour - 700, time.Hour}, {2 * time.Hour, 2 * time.Hour},
	} {
		if now = step.measured; p.timeAsleep() != step.want {
			t.Errorf("%v of sleep count as %v, want %v", step.measured, p.slept, step.want)
		}
	}
}
