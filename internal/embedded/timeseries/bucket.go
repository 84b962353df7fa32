package timeseries

import (
	"math"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxBuckets bounds a reply: EMPTY over a long gap with a short bucket would
// otherwise make billions of them.
const maxBuckets = 4 << 20

const errTooManyBuckets = resp.Error("ERR TSDB: too many buckets, use a longer bucketDuration or no EMPTY")

type bucketStamp uint8

const (
	stampStart bucketStamp = iota
	stampMid
	stampEnd
)

// bucketizer turns a stream of samples into one sample per bucket. Backwards it meets the newest sample first, which is
// then the "first" one, as in Redis.
type bucketizer struct {
	agg       aggregation
	size      int64 // ms
	align     int64
	stamp     bucketStamp
	empty     bool
	reverse   bool
	from, to  int64 // twa looks no further
	limit     int64 // stop after so many buckets; negative: no limit
	out       []sample
	acc       accumulator
	open      bool
	start     int64
	before    sample // the newest sample before the open bucket
	hasBefore bool
	err       resp.Error
}

// add takes the next sample; false means enough.
func (b *bucketizer) add(s sample) bool {
	at := bucketStart(s.ts, b.align, b.size)
	if b.open && at != b.start {
		b.close(&s)
		b.gap(at, &s)
		if b.err != "" || b.limit >= 0 && int64(len(b.out)) >= b.limit {
			b.open = false
			return false
		}
	}
	if !b.open {
		b.lead(at, &s)
	}
	if !b.open || at != b.start {
		b.open, b.start = true, at
		b.acc = accumulator{}
		if b.agg == aggTwa && b.hasBefore {
			edge := b.edge(max(at, b.from), min(at+b.size, b.to))
			b.acc.lead(edge, b.before, s)
		}
	}
	b.acc.add(s)
	return true
}

func (b *bucketizer) close(next *sample) {
	if !b.open {
		return
	}
	v, last := b.acc.value(b.agg), b.acc.last
	if b.agg == aggTwa {
		v = b.twa(&b.acc, b.start, next)
	}
	b.emit(b.start, v)
	b.before, b.hasBefore = last, true
}

func (b *bucketizer) twa(acc *accumulator, start int64, next *sample) float64 {
	older, newer := b.previous(), next
	if b.reverse {
		older, newer = newer, older
		acc.first, acc.last = acc.last, acc.first
	}
	return acc.twa(max(start, b.from), min(start+b.size, b.to), older, newer, b.reverse)
}

// lead fills the buckets from the query's begin to at: EMPTY does so for twa, when a sample before the query is there to
// draw the line from.
func (b *bucketizer) lead(at int64, next *sample) {
	if b.agg == aggTwa && b.hasBefore && len(b.out) == 0 {
		b.start = bucketStart(b.edge(b.from, b.to), b.align, b.size) - b.step()
		b.gap(at, next)
	}
}

// finish closes the last bucket; next is the sample behind the query, up to whose line EMPTY fills on for twa.
func (b *bucketizer) finish(next *sample) {
	beyond := bucketStart(b.edge(b.to, b.from), b.align, b.size) + b.step()
	if b.open {
		b.close(next)
		if next != nil {
			b.gap(beyond, next)
		}
	} else if next != nil {
		b.lead(beyond, next)
	}
}

// edge picks where a walk begins or ends.
func (b *bucketizer) edge(forward, backward int64) int64 {
	if b.reverse {
		return backward
	}
	return forward
}

// step leads to the next bucket in the walk.
func (b *bucketizer) step() int64 { return b.edge(b.size, -b.size) }

func (b *bucketizer) previous() *sample {
	if !b.hasBefore {
		return nil
	}
	return &b.before
}

// gap fills the buckets between the closed one and at.
func (b *bucketizer) gap(at int64, next *sample) {
	if !b.empty {
		return
	}
	step := b.step()
	if (at-b.start)/step > maxBuckets-int64(len(b.out)) {
		b.err = errTooManyBuckets
		return
	}
	var none accumulator
	for t := b.start + step; t != at; t += step {
		switch b.agg {
		case aggTwa:
			b.emit(t, b.twa(&none, t, next))
		case aggLast:
			b.emit(t, b.before.v)
		default:
			b.emit(t, none.value(b.agg))
		}
	}
}

func (b *bucketizer) emit(start int64, v float64) {
	ts := max(0, start)
	switch b.stamp {
	case stampMid:
		ts += b.size / 2
	case stampEnd:
		if ts > math.MaxInt64-b.size {
			ts = math.MaxInt64
		} else {
			ts += b.size
		}
	}
	b.out = append(b.out, sample{ts, v})
}

// reduce merges several series' samples into one: samples of equal time meet
// in one accumulator. The lists must be ascending; so is the result.
func reduce(lists [][]sample, kind aggregation) []sample {
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
		if acc.n == 0 {
			v = math.NaN()
		}
		out = append(out, sample{ts, v})
	}
}

func earliest(lists [][]sample) (ts int64, ok bool) {
	for _, l := range lists {
		if len(l) > 0 && (!ok || l[0].ts < ts) {
			ts, ok = l[0].ts, true
		}
	}
	return ts, ok
}
