package telemetry

import "time"

// minElapsed is the shortest time between two readings from which a rate is computed. The clocks of the sources are
// coarser than that.
const minElapsed = time.Millisecond

// Rate turns readings of a counter into a rate per second. The state lives in the handle: nothing is written where
// [Growth] does not know how much the counter grew.
type Rate struct {
	series *Series
	growth Growth
	at     time.Time
}

// Add takes a reading made at b.At and appends the rate since the reading before.
func (r *Rate) Add(b *Batch, counter float64) {
	if v, ok := r.Step(b.At, counter); ok {
		b.Add(r.series, v)
	}
}

// staleness is how old the number may be that a counter shows: network cards report theirs to the kernel every second
// or two, so that a reading may have what went through the line in a longer time than passed since the last one.
const staleness = 2 * time.Second

// AddUpTo is Add for a counter that grows by at most perSecond; 0 means that the limit is not known. A rate above it is
// rejected.
func (r *Rate) AddUpTo(b *Batch, counter, perSecond float64) {
	elapsed := b.At.Sub(r.at)
	v, ok := r.Step(b.At, counter)
	switch {
	case !ok:
	case perSecond > 0 && v*elapsed.Seconds() > perSecond*(elapsed+staleness).Seconds():
		b.Reject(r.series, v)
	default:
		b.Add(r.series, v)
	}
}

// Step takes a reading and returns the rate per second since the one before; ok is false when there is none.
func (r *Rate) Step(at time.Time, counter float64) (perSecond float64, ok bool) {
	elapsed := at.Sub(r.at)
	if !r.at.IsZero() && elapsed < minElapsed || !isReading(counter) {
		return 0, false
	}
	r.at = at
	growth, ok := r.growth.Step(counter)
	if !ok {
		return 0, false
	}
	return growth / elapsed.Seconds(), true
}

// Forget makes the next reading the first: what is counted has begun anew, although its number may be larger.
func (r *Rate) Forget() {
	r.growth.Forget()
	r.at = time.Time{}
}

// Total is a counter that is written raw and as a rate per second.
type Total struct {
	raw  *Series
	rate Rate
}

// Add appends the reading and, from the second one on, the rate since the one before.
func (t *Total) Add(b *Batch, counter float64) { t.AddUpTo(b, counter, 0) }

// AddUpTo is Add for a counter that grows by at most perSecond; 0 means that the limit is not known.
func (t *Total) AddUpTo(b *Batch, counter, perSecond float64) {
	b.Add(t.raw, counter)
	t.rate.AddUpTo(b, counter, perSecond)
}

// Forget makes the next reading the first, as [Rate.Forget] does.
func (t *Total) Forget() { t.rate.Forget() }
