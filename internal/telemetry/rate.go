package telemetry

import "time"

// Rate turns readings of a counter into a rate per second. The state lives in the handle: nothing is written for the
// first reading, nor after the counter went backwards (its source restarted or wrapped).
type Rate struct {
	series *Series
	last   float64
	at     time.Time
}

// Add takes a reading made at b.At and appends the rate since the reading before.
func (r *Rate) Add(b *Batch, counter float64) {
	if v, ok := r.Step(b.At, counter); ok {
		b.Add(r.series, v)
	}
}

// Step takes a reading and returns the rate per second since the one before; ok is false when there is none.
func (r *Rate) Step(at time.Time, counter float64) (perSecond float64, ok bool) {
	elapsed := at.Sub(r.at).Seconds()
	delta := counter - r.last
	first := r.at.IsZero()
	if !first && elapsed <= 0 {
		return 0, false
	}
	r.last, r.at = counter, at
	if first || !(delta >= 0) { // also refuses NaN
		return 0, false
	}
	return delta / elapsed, true
}

// Forget makes the next reading the first: what is counted has begun anew, although its number may be larger.
func (r *Rate) Forget() { r.last, r.at = 0, time.Time{} }

// Total is a counter that is written raw and as a rate per second.
type Total struct {
	raw  *Series
	rate Rate
}

// Add appends the reading and, from the second one on, the rate since the one before.
func (t *Total) Add(b *Batch, counter float64) {
	b.Add(t.raw, counter)
	t.rate.Add(b, counter)
}

// Forget makes the next reading the first, as [Rate.Forget] does.
func (t *Total) Forget() { t.rate.Forget() }
