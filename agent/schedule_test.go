package agent

import (
	"testing"
	"time"
)

func TestScheduleAdvances(t *testing.T) {
	second := func(s float64) time.Time {
		return time.Unix(1_700_000_000, 0).Add(time.Duration(s * float64(time.Second)))
	}
	for name, tc := range map[string]struct {
		now, due, next float64
		missed         int
	}{
		"in time":                    {0.03, 0, 10, 0},
		"first, unaligned":           {3.3, 3.3, 10, 0},
		"slow":                       {25, 0, 30, 2},
		"timer fired a little early": {9.999, 10, 20, 0},
		"clock was set back":         {-3600, 10, -3590, 0},
	} {
		s := newSchedule(second(tc.due), 10*time.Second, 0)
		if missed := s.advance(second(tc.now)); !s.due.Equal(second(tc.next)) || missed != tc.missed {
			t.Errorf("%s: %v and %d missed, want %v and %d", name, s.due, missed, second(tc.next), tc.missed)
		}
	}
}

// The wall clock is set while an input waits for its next instant. Its sample has a time of the new clock, and no tick counts as missed.
func TestScheduleFollowsTheClock(t *testing.T) {
	start := time.Now() // has a monotonic reading, as the times of the agent do
	start = start.Add(start.Truncate(10 * time.Second).Sub(start.Round(0)))
	for name, tc := range map[string]struct {
		set, late       time.Duration // by how much the clock was set, and how late the work starts
		due, next, miss int           // seconds after the start, by the new clock
	}{
		"not":                {0, 0, 10, 20, 0},
		"not, but late":      {0, 25 * time.Second, 10, 40, 2},
		"a little forward":   {3 * time.Second, 0, 10, 20, 0},
		"a little back":      {-3 * time.Second, 0, 10, 20, 0},
		"an hour forward":    {time.Hour, 0, 3610, 3620, 0},
		"an hour back":       {-time.Hour, 0, -3590, -3580, 0},
		"slept for a minute": {time.Minute, 0, 70, 80, 0}, // the monotonic clock stands still
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchedule(start, 10*time.Second, 0)
			s.advance(start.Add(time.Millisecond))
			// Both clocks move by the time that the wall clock was set, and with them what the monotonic clock is compared with.
			now := start.Add(10*time.Second + time.Millisecond + tc.late + tc.set)
			s.reached = s.reached.Add(tc.set)
			s.follow(now)
			at := func(seconds int) time.Time { return start.Round(0).Add(time.Duration(seconds) * time.Second) }
			if !s.due.Equal(at(tc.due)) {
				t.Errorf("the sample has the time %v, want %v", s.due, at(tc.due))
			}
			if missed := s.advance(now); missed != tc.miss || !s.due.Equal(at(tc.next)) {
				t.Errorf("%d missed and the next at %v, want %d and %v", missed, s.due, tc.miss, at(tc.next))
			}
		})
	}
}

// The first gather is skipped if it is so close to the next instant that rates between the two would be noise.
func TestScheduleSkipsShortFirstInterval(t *testing.T) {
	for start, want := range map[int64]int64{9_700: 9_700, 9_800: 10_000, 10_000: 10_000} {
		s := newSchedule(time.UnixMilli(start), 10*time.Second, 0)
		if s.skipShortFirst(); s.due.UnixMilli() != want {
			t.Errorf("start at %d ms: first at %d, want %d", start, s.due.UnixMilli(), want)
		}
	}
}

func TestHostPhasesDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, host := range []string{"a", "b", "c", "db-1.example.com", "db-2.example.com"} {
		phase := hostPhase(host, 10*time.Second)
		if phase != hostPhase(host, 10*time.Second) || phase < 0 || phase > maxPhase {
			t.Errorf("%s: %v", host, phase)
		}
		if short := hostPhase(host, 100*time.Millisecond); short > 5*time.Millisecond {
			t.Errorf("%s: %v of an interval of 100ms", host, short)
		}
		seen[phase] = true
	}
	if len(seen) < 4 {
		t.Errorf("the phases of five hosts are %v", seen)
	}
}
