package timeseries

import (
	"math"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxBuckets bounds a reply. EMPTY over a long gap with short buckets would
// otherwise create billions of them.
const maxBuckets = 4 << 20

const errTooManyBuckets = resp.Error("ERR TSDB: too many buckets, use a longer bucketDuration or no EMPTY")

type timestampPosition uint8

const (
	atBucketStart timestampPosition = iota
	atBucketMiddle
	atBucketEnd
)

// bucketizer aggregates a stream of samples to one sample per bucket. If the
// query runs backwards the newest sample comes first and is the "first" one, as
// in Redis.
type bucketizer struct {
	aggregation aggregation
	bucketSize  int64 // ms
	align       int64
	stamp       timestampPosition
	withEmpty   bool
	reverse     bool
	from, to    int64 // the range of the query, which bounds twa
	limit       int64 // number of buckets to return; negative means all
	out         []sample
	accumulator accumulator
	isOpen      bool
	start       int64
	before      sample // the newest sample before the open bucket
	hasBefore   bool
	err         resp.Error
}

// add aggregates the next sample. It returns false if no more samples are
// needed.
func (b *bucketizer) add(s sample) bool {
	at := bucketStart(s.ts, b.align, b.bucketSize)
	if b.isOpen && at != b.start {
		b.close(&s)
		b.fillGap(at, &s)
		if b.err != "" || b.limit >= 0 && int64(len(b.out)) >= b.limit {
			b.isOpen = false
			return false
		}
	}
	if !b.isOpen {
		b.fillLeadingGap(at, &s)
	}
	if !b.isOpen || at != b.start {
		b.isOpen, b.start = true, at
		b.accumulator = accumulator{}
		if b.aggregation == aggTwa && b.hasBefore {
			edge := b.byDirection(max(at, b.from), min(at+b.bucketSize, b.to))
			b.accumulator.startArea(edge, b.before, s)
		}
	}
	b.accumulator.add(s)
	return true
}

func (b *bucketizer) close(next *sample) {
	if !b.isOpen {
		return
	}
	v, last := b.accumulator.value(b.aggregation), b.accumulator.last
	if b.aggregation == aggTwa {
		v = b.twa(&b.accumulator, b.start, next)
	}
	b.appendBucket(b.start, v)
	b.before, b.hasBefore = last, true
}

func (b *bucketizer) twa(acc *accumulator, start int64, next *sample) float64 {
	older, newer := b.previous(), next
	if b.reverse {
		older, newer = newer, older
		acc.first, acc.last = acc.last, acc.first
	}
	return acc.twa(max(start, b.from), min(start+b.bucketSize, b.to), older, newer, b.reverse)
}

// fillLeadingGap adds the empty buckets from the start of the query to the
// bucket at. That happens for twa with EMPTY, if a sample before the query
// defines the line.
func (b *bucketizer) fillLeadingGap(at int64, next *sample) {
	if b.aggregation == aggTwa && b.hasBefore && len(b.out) == 0 {
		b.start = bucketStart(b.byDirection(b.from, b.to), b.align, b.bucketSize) - b.step()
		b.fillGap(at, next)
	}
}

// finish closes the last bucket. The parameter next is the sample after the
// query. For twa with EMPTY, its line defines the buckets up to the end of the
// query.
func (b *bucketizer) finish(next *sample) {
	beyond := bucketStart(b.byDirection(b.to, b.from), b.align, b.bucketSize) + b.step()
	if b.isOpen {
		b.close(next)
		if next != nil {
			b.fillGap(beyond, next)
		}
	} else if next != nil {
		b.fillLeadingGap(beyond, next)
	}
}

// byDirection returns the first value for a forward query and the second for a
// backward one.
func (b *bucketizer) byDirection(forward, backward int64) int64 {
	if b.reverse {
		return backward
	}
	return forward
}

// step returns the distance to the next bucket in the direction of the query.
func (b *bucketizer) step() int64 { return b.byDirection(b.bucketSize, -b.bucketSize) }

func (b *bucketizer) previous() *sample {
	if !b.hasBefore {
		return nil
	}
	return &b.before
}

// fillGap adds the empty buckets between the closed one and the one at.
func (b *bucketizer) fillGap(at int64, next *sample) {
	if !b.withEmpty {
		return
	}
	step := b.step()
	if (at-b.start)/step > maxBuckets-int64(len(b.out)) {
		b.err = errTooManyBuckets
		return
	}
	var none accumulator
	for t := b.start + step; t != at; t += step {
		switch b.aggregation {
		case aggTwa:
			b.appendBucket(t, b.twa(&none, t, next))
		case aggLast:
			b.appendBucket(t, b.before.v)
		default:
			b.appendBucket(t, none.value(b.aggregation))
		}
	}
}

func (b *bucketizer) appendBucket(start int64, v float64) {
	ts := max(0, start)
	switch b.stamp {
	case atBucketMiddle:
		ts += b.bucketSize / 2
	case atBucketEnd:
		if ts > math.MaxInt64-b.bucketSize {
			ts = math.MaxInt64
		} else {
			ts += b.bucketSize
		}
	}
	b.out = append(b.out, sample{ts, v})
}

// mergeSeries merges the samples of several series. It aggregates samples of the
// same time. The lists must be ascending, and so is the result.
func mergeSeries(lists [][]sample, kind aggregation) []sample {
	var out []sample
	for {
		ts, more := earliest(lists)
		if !more {
			return out
		}
		var acc accumulator
		for i, l := range lists {
			if len(l) == 0 || l[0].ts != ts {
				continue
			}
			if !math.IsNaN(l[0].v) {
				acc.add(l[0])
			}
			lists[i] = l[1:]
		}
		v := acc.value(kind)
		if acc.count == 0 {
			v = math.NaN()
		}
		out = append(out, sample{ts, v})
	}
}

// earliest returns the smallest time at the start of the lists.
func earliest(lists [][]sample) (ts int64, ok bool) {
	for _, l := range lists {
		if len(l) > 0 && (!ok || l[0].ts < ts) {
			ts, ok = l[0].ts, true
		}
	}
	return ts, ok
}
