package telemetry

import "time"

// Batch is what one gather produced: samples, events and the series that ended. One goroutine fills it. After it is emitted
// it is read-only, so any number of outputs can read it without copies or locks.
type Batch struct {
	Time   int64     // scheduled instant of the gather and time of its samples, in milliseconds since the epoch
	Began  time.Time // when the gather began
	At     time.Time // the same, plus the time in which the machine slept: rates divide by the difference between two of these
	Events []Event

	points []point
	times  []int64 // times of the samples; nil while all are Time

	rejected   int
	rejections []Rejection

	ended []*Series

	refusedEntities, entityLimit int
}

// point takes 16 bytes: a million samples in a queue take 16 MB.
type point struct {
	series *Series
	value  float64
}

// NewBatch returns an empty batch for the scheduled instant, begun at now, with room for size samples.
func NewBatch(scheduled, now time.Time, size int) *Batch {
	b := &Batch{Time: scheduled.UnixMilli(), Began: now, At: now}
	if size > 0 {
		b.points = make([]point, 0, size)
	}
	return b
}

// slab is the number of batches that a [Maker] allocates at once.
const slab = 8

// Maker makes the batches of one input, with room for as many samples as the previous batch had. It allocates several
// batches at once, which are freed together.
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
	b.Time, b.Began, b.At, b.points = scheduled.UnixMilli(), now, now, m.points[:0:m.size]
	m.batches, m.points = m.batches[1:], m.points[m.size:]
	return b
}

// Filled tells the Maker how many samples the last batch had in the end.
func (m *Maker) Filled(samples int) { m.size = samples }

// Add appends a sample at the batch's time. It ignores a nil series, which stands for one that the user does not want. It
// rejects a value outside the bounds of the series and a second sample of the same series.
func (b *Batch) Add(s *Series, v float64) {
	if s == nil {
		return
	}
	if !s.bounds.Contains(v) || b.has(s, b.Time) {
		b.addSuspect(s, v)
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
	if b.times == nil && ms == b.Time {
		b.points = append(b.points, point{s, v})
		return
	}
	if b.times == nil {
		b.times = make([]int64, len(b.points), max(cap(b.points), len(b.points)+1))
		for i := range b.times {
			b.times[i] = b.Time
		}
	}
	b.points = append(b.points, point{s, v})
	b.times = append(b.times, ms)
}

// Len returns the number of samples.
func (b *Batch) Len() int { return len(b.points) }

// Slice returns the samples from the i-th up to, but not including, the j-th as a batch without events. It shares their
// memory with b. The last slice, with j = Len, has the series that ended.
func (b *Batch) Slice(i, j int) *Batch {
	part := &Batch{Time: b.Time, Began: b.Began, At: b.At, points: b.points[i:j:j]}
	if b.times != nil {
		part.times = b.times[i:j:j]
	}
	if j == len(b.points) {
		part.ended = b.ended
	}
	return part
}

// IsEmpty reports whether the batch has neither samples nor events nor series that ended.
func (b *Batch) IsEmpty() bool { return len(b.points) == 0 && len(b.Events) == 0 && len(b.ended) == 0 }

// Sample returns the i-th sample: its series, its time in milliseconds since the epoch and its value.
func (b *Batch) Sample(i int) (s *Series, ms int64, v float64) {
	at := b.Time
	if b.times != nil {
		at = b.times[i]
	}
	return b.points[i].series, at, b.points[i].value
}
