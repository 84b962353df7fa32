package telemetry

import "time"

// minElapsed is the shortest time between two readings for which a rate is computed. The clocks of the sources are coarser.
const minElapsed = time.Millisecond

// Rate turns readings of a counter into a rate per second. It writes nothing while [Growth] does not know how much the counter
// grew.
type Rate struct {
	series *Series
	growth Growth
	at     time.Time
}

// Add takes a reading made at b.At and appends the rate since the previous reading.
func (r *Rate) Add(b *Batch, counter float64) {
	if v, ok := r.Step(b.At, counter); ok {
		b.Add(r.series, v)
	}
}

// staleness is the greatest age of a reading. Network cards report their counters to the kernel every one or two seconds, so a
// reading can contain the traffic of a longer time than the time between two readings.
const staleness = 2 * time.Second

// AddUpTo is Add for a counter that grows by at most perSecond. It rejects a higher rate. 0 means that there is no known limit.
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

// Step takes a reading and returns the rate per second since the previous one. Ok is false when there is no rate.
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

// Forget makes the next reading count as the first: the counter restarted, although its value may be larger.
func (r *Rate) Forget() {
	r.growth.Forget()
	r.at = time.Time{}
}

// Total is a counter that is written raw and as a rate per second.
type Total struct {
	raw  *Series
	rate Rate
}

// Add appends the reading and, from the second one on, the rate since the previous reading.
func (t *Total) Add(b *Batch, counter float64) { t.AddUpTo(b, counter, 0) }

// AddUpTo is Add for a counter that grows by at most perSecond. 0 means that there is no known limit.
func (t *Total) AddUpTo(b *Batch, counter, perSecond float64) {
	b.Add(t.raw, counter)
	t.rate.AddUpTo(b, counter, perSecond)
}

// IsWanted reports whether the user wants the counter or its rate.
func (t *Total) IsWanted() bool { return t.raw != nil || t.rate.series != nil }

// Forget makes the next reading count as the first, as [Rate.Forget] does.
func (t *Total) Forget() { t.rate.Forget() }
