package telemetry

import "time"

// Batch is what one gather produced. One goroutine fills it; after it is emitted nobody changes it, so that any
// number of outputs can read it without copies or locks.
type Batch struct {
	Time   int64     // scheduled instant of the gather, milliseconds since the epoch: the time of its samples
	At     time.Time // when the gather really began; rates divide by the distance of these
	Events []Event

	points []point
	times  []int64 // nil while every sample carries Time

	rejected   int
	rejections []Rejection

	ended []*Series

	refusedThings, thingLimit int
}

// point is 16 bytes: a million of them in a buffer are 16 MB.
type point struct {
	series *Series
	value  float64
}

// NewBatch returns an empty batch for the scheduled instant, begun at now, with room for size samples.
func NewBatch(scheduled, now time.Time, size int) *Batch {
	b := &Batch{Time: scheduled.UnixMilli(), At: now}
	if size > 0 {
		b.points = make([]point, 0, size)
	}
	return b
}

// slab is how many batches one allocation of a [Maker] serves.
const slab = 8

// Maker makes the batches of one input, with room for as many samples as the last one had. It allocates for several
// at once; they are freed when the last of them is.
type Maker struct {
	size    int
	batches []Batch
	points  []point
}

// New returns an empty batch for the scheduled instant, begun at now.
func (m *Maker) New(scheduled, now time.Time) *Batch {
	if len(m.batches) == 0 {
		m.batches = make([]Batch, slab)
	}
	if len(m.points) < m.size {
		m.points = make([]point, slab*m.size)
	}
	b := &m.batches[0]
	b.Time, b.At, b.points = scheduled.UnixMilli(), now, m.points[:0:m.size]
	m.batches, m.points = m.batches[1:], m.points[m.size:]
	return b
}

// Filled tells how many samples the last batch had, once it has them all.
func (m *Maker) Filled(samples int) { m.size = samples }

// Add appends a sample at the batch's time. It leaves out the samples of a nil series, which the user does not want, and
// rejects those that cannot be: a value outside the bounds of the series, and a second sample of one series.
func (b *Batch) Add(s *Series, v float64) {
	if s == nil {
		return
	}
	if !s.bounds.Contains(v) || b.has(s, b.Time) {
		b.addDoubtful(s, v)
		return
	}
	if s.idle != nil && b.withhold(s, v, b.Time) {
		return
	}
	s.index, s.begun = len(b.points), true
	b.points = append(b.points, point{s, v})
	if b.times != nil {
		b.times = append(b.times, b.Time)
	}
}

// AddAt appends a sample that has a time of its own, in milliseconds since the epoch. It does not check the value.
func (b *Batch) AddAt(s *Series, v float64, ms int64) {
	if s == nil || s.idle != nil && b.withhold(s, v, ms) {
		return
	}
	s.begun = true
	b.Copy(s, v, ms)
}

// Copy appends a sample of another batch. Unlike the methods that inputs use, it does not change the series, so outputs may
// call it.
func (b *Batch) Copy(s *Series, v float64, ms int64) {
	if b.times == nil {
		b.times = make([]int64, len(b.points), max(cap(b.points), len(b.points)+1))
		for i := range b.times {
			b.times[i] = b.Time
		}
	}
	b.points = append(b.points, point{s, v})
	b.times = append(b.times, ms)
}

// Len is the number of samples.
func (b *Batch) Len() int { return len(b.points) }

// Slice returns the samples from the i-th up to, but not including, the j-th as a batch without events. It shares their
// memory with b. The last slice, with j = Len, has the series that ended.
func (b *Batch) Slice(i, j int) *Batch {
	part := &Batch{Time: b.Time, At: b.At, points: b.points[i:j:j]}
	if b.times != nil {
		part.times = b.times[i:j:j]
	}
	if j == len(b.points) {
		part.ended = b.ended
	}
	return part
}

// Weight is what the batch counts for in a buffer: its samples and events.
func (b *Batch) Weight() int { return len(b.points) + len(b.Events) }

// Sample returns the i-th sample: its series, its time in milliseconds since the epoch and its value.
func (b *Batch) Sample(i int) (s *Series, ms int64, v float64) {
	at := b.Time
	if b.times != nil {
		at = b.times[i]
	}
	return b.points[i].series, at, b.points[i].value
}
