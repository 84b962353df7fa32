package observe

import (
	"slices"
	"time"
)

// maxChanges is how many changes a timeline can put into order.
const maxChanges = 4096

// timeline finds the highest number of connections at the same time. Events do not come in the order of their times: those of a
// connection wait for the name of its remote end.
type timeline struct {
	before     int      // active before the first change
	peakBefore int      // the peak until then
	changes    []change // by time; of equal ones, those that end come first
}

// change is the moment when the number of connections grew or fell by one.
type change struct {
	at time.Time
	by int
}

func (t *timeline) add(c change) {
	i := len(t.changes)
	for i > 0 && (c.at.Before(t.changes[i-1].at) || c.at.Equal(t.changes[i-1].at) && c.by < t.changes[i-1].by) {
		i--
	}
	t.changes = slices.Insert(t.changes, i, c)
	if len(t.changes) > maxChanges {
		oldest := t.changes[:maxChanges/2]
		t.before, t.peakBefore = highest(oldest, t.before, t.peakBefore)
		t.changes = slices.Delete(t.changes, 0, len(oldest))
	}
}

func (t *timeline) peak() int {
	_, peak := highest(t.changes, t.before, t.peakBefore)
	return peak
}

// highest returns how many are active after the changes, and the peak.
func highest(changes []change, active, peak int) (int, int) {
	for _, c := range changes {
		active += c.by
		peak = max(peak, active)
	}
	return active, peak
}
