package timeseries

import (
	"bytes"
	"math"
	"strings"
)

type aggregation uint8

const (
	aggNone aggregation = iota
	aggAvg
	aggSum
	aggMin
	aggMax
	aggRange
	aggCount
	aggFirst
	aggLast
	aggStdP
	aggStdS
	aggVarP
	aggVarS
	aggTwa
)

func (a aggregation) String() string {
	return [...]string{"", "avg", "sum", "min", "max", "range", "count", "first", "last",
		"std.p", "std.s", "var.p", "var.s", "twa"}[a]
}

// upper is the name TS.INFO shows for a rule.
func (a aggregation) upper() string { return strings.ToUpper(a.String()) }

func parseAgg(b []byte) (aggregation, bool) {
	for a := aggAvg; a <= aggTwa; a++ {
		if bytes.EqualFold(b, []byte(a.String())) {
			return a, true
		}
	}
	return aggNone, false
}

// accumulator takes the samples of one bucket, in order of time. All kinds are
// kept at once: that is cheaper than an interface call per sample.
type accumulator struct {
	n           int64
	sum         float64
	low, high   float64
	first, last sample
	squares     float64 // sum of
	area        float64 // under the line through the samples, value·ms
	led         bool    // the area begins at the bucket's edge
}

func (a *accumulator) add(s sample) {
	if a.n == 0 {
		a.low, a.high, a.first = min(s.v, math.MaxFloat64), max(s.v, -math.MaxFloat64), s
	} else {
		a.low, a.high = min(a.low, s.v), max(a.high, s.v)
		a.area += (a.last.v + s.v) / 2 * math.Abs(float64(s.ts-a.last.ts))
	}
	a.n++
	a.sum += s.v
	a.squares += float64(s.v * s.v)
	a.last = s
}

// value of everything but twa.
func (a *accumulator) value(kind aggregation) float64 {
	switch kind {
	case aggSum:
		return a.sum
	case aggCount:
		return float64(a.n)
	}
	if a.n == 0 {
		return math.NaN()
	}
	switch kind {
	case aggAvg:
		return a.sum / float64(a.n)
	case aggMin:
		return a.low
	case aggMax:
		return a.high
	case aggRange:
		return a.high - a.low
	case aggFirst:
		return a.first.v
	case aggLast:
		return a.last.v
	}
	return a.spread(kind)
}

// spread loses digits when the values are large and close together. So does Redis, and the same ones; the conversions
// keep processors that could from rounding only once.
func (a *accumulator) spread(kind aggregation) float64 {
	n := float64(a.n)
	mean := a.sum / n
	m2 := float64(a.squares-float64(2*a.sum*a.sum)/n) + float64(float64(mean*mean)*n)
	switch kind {
	case aggVarP:
		return m2 / n
	case aggStdP:
		return math.Sqrt(m2 / n)
	case aggVarS, aggStdS:
		if a.n == 1 {
			return 0
		}
		v := float64(m2/n*n) / (n - 1)
		if kind == aggStdS {
			return math.Sqrt(v)
		}
		return v
	}
	return math.NaN()
}

// lead begins the area where the line from a sample before the bucket comes in: Redis adds in that order, and the last
// digit tells.
func (a *accumulator) lead(edge int64, from, s sample) {
	a.led = true
	v := interpolate(from, s, edge)
	if from.ts > s.ts {
		v = interpolate(s, from, edge)
	}
	a.area = (v + s.v) / 2 * math.Abs(float64(s.ts-edge))
}

// twa is the time-weighted average over [start, end): the line through the
// samples, prolonged to the neighbouring samples where there are such.
func (a *accumulator) twa(start, end int64, prev, next *sample, reverse bool) float64 {
	if a.n == 0 {
		if prev == nil || next == nil {
			return math.NaN()
		}
		return (interpolate(*prev, *next, start) + interpolate(*prev, *next, end)) / 2
	}
	area, from, to := a.area, a.first.ts, a.last.ts
	if prev != nil && a.first.ts > start {
		if !a.led || reverse {
			v := interpolate(*prev, a.first, start)
			area += (v + a.first.v) / 2 * float64(a.first.ts-start)
		}
		from = start
	}
	if next != nil {
		if !a.led || !reverse {
			v := interpolate(a.last, *next, end)
			area += (a.last.v + v) / 2 * float64(end-a.last.ts)
		}
		to = end
	}
	if to == from {
		return a.last.v
	}
	return area / float64(to-from)
}

func interpolate(a, b sample, ts int64) float64 {
	if b.ts == a.ts {
		return a.v
	}
	return a.v + (b.v-a.v)*float64(ts-a.ts)/float64(b.ts-a.ts)
}

// bucketStart is the begin of the bucket that holds ts; it can be negative.
func bucketStart(ts, align, size int64) int64 {
	m := (ts - align) % size
	if m < 0 {
		m += size
	}
	return ts - m
}
