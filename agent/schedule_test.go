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
		"clock was set forward":      {3600, 10, 3610, 359},
	} {
		s := newSchedule(second(tc.due), 10*time.Second, 0)
		if missed := s.advance(second(tc.now)); !s.due.Equal(second(tc.next)) || missed != tc.missed {
			t.Errorf("%s: %v and %d missed, want %v and %d", name, s.due, missed, second(tc.next), tc.missed)
		}
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
