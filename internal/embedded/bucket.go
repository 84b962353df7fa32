package embedded

import "math"

// maxBuckets bounds a reply: EMPTY over a long gap with a short bucket would
// otherwise make billions of them.
const maxBuckets = 4 << 20

const errTooManyBuckets = replyError("ERR TSDB: too many buckets, use a longer bucketDuration or no EMPTY")

type bucketStamp uint8

const (
	stampStart bucketStamp = iota
	stampMid
	stampEnd
)

// bucketizer turns a stream of samples into one sample per bucket.
type bucketizer struct {
	agg       aggType
	size      int64 // ms
	align     int64
	stamp     bucketStamp
	empty     bool
	limit     int64 // stop after so many buckets; negative: no limit
	out       []sample
	acc       accumulator
	open      bool
	start     int64
	before    sample // the newest sample before the open bucket
	hasBefore bool
	err       replyError
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
	if !b.open || at != b.start {
		b.open, b.start = true, at
		b.acc = accumulator{}
	}
	b.acc.add(s)
	return true
}

func (b *bucketizer) close(next *sample) {
	if !b.open {
		return
	}
	v := b.acc.value(b.agg)
	if b.agg == aggTwa {
		v = b.acc.twa(b.start, b.start+b.size, b.previous(), next)
	}
	b.emit(b.start, v)
	b.before, b.hasBefore = b.acc.last, true
}

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
	if (at-b.start)/b.size > maxBuckets-int64(len(b.out)) {
		b.err = errTooManyBuckets
		return
	}
	var none accumulator
	for t := b.start + b.size; t < at; t += b.size {
		switch b.agg {
		case aggTwa:
			b.emit(t, none.twa(t, t+b.size, b.previous(), next))
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
func reduce(lists [][]sample, kind aggType) []sample {
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
		out = append(out, sample{ts, acc.value(kind)})
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
