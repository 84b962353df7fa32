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

// upperName returns the name that TS.INFO shows for a rule.
func (a aggregation) upperName() string { return strings.ToUpper(a.String()) }

func parseAggregation(b []byte) (aggregation, bool) {
	for a := aggAvg; a <= aggTwa; a++ {
		if bytes.EqualFold(b, []byte(a.String())) {
			return a, true
		}
	}
	return aggNone, false
}

// accumulator collects the samples of one bucket in the order of time. It keeps
// what all aggregations need, which is cheaper than an interface call per
// sample.
type accumulator struct {
	count        int64
	sum          float64
	min, max     float64
	first, last  sample
	squares      float64 // sum of the squared values
	area         float64 // below the line through the samples, in value·ms
	startsAtEdge bool    // area starts at the edge of the bucket
}

func (a *accumulator) add(s sample) {
	if a.count == 0 {
		a.min, a.max, a.first = min(s.v, math.MaxFloat64), max(s.v, -math.MaxFloat64), s
	} else {
		if s.v < a.min { // of equal ones the first stays, which matters for the sign of zero
			a.min = s.v
		}
		if s.v > a.max {
			a.max = s.v
		}
		a.area += (a.last.v + s.v) / 2 * math.Abs(float64(s.ts-a.last.ts))
	}
	a.count++
	a.sum += s.v
	a.squares += float64(s.v * s.v)
	a.last = s
}

// value returns the result of any aggregation except twa.
func (a *accumulator) value(kind aggregation) float64 {
	switch kind {
	case aggSum:
		return a.sum
	case aggCount:
		return float64(a.count)
	}
	if a.count == 0 {
		return math.NaN()
	}
	switch kind {
	case aggAvg:
		return a.sum / float64(a.count)
	case aggMin:
		return a.min
	case aggMax:
		return a.max
	case aggRange:
		return a.max - a.min
	case aggFirst:
		return a.first.v
	case aggLast:
		return a.last.v
	}
	return a.spread(kind)
}

// spread returns a variance or standard deviation. It computes like Redis,
// which loses digits for large values that are close together. The conversions
// to float64 prevent fused operations, which would change the last digit.
func (a *accumulator) spread(kind aggregation) float64 {
	n := float64(a.count)
	mean := a.sum / n
	m2 := float64(a.squares-float64(2*a.sum*a.sum)/n) + float64(float64(mean*mean)*n)
	switch kind {
	case aggVarP:
		return m2 / n
	case aggStdP:
		return math.Sqrt(m2 / n)
	case aggVarS, aggStdS:
		if a.count == 1 {
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

// startArea starts the area at the edge of the bucket, on the line from an
// earlier sample. Redis adds the parts of the area in this order, and the order
// determines the last digit.
func (a *accumulator) startArea(edge int64, from, s sample) {
	a.startsAtEdge = true
	v := interpolate(from, s, edge)
	if from.ts > s.ts {
		v = interpolate(s, from, edge)
	}
	a.area = (v + s.v) / 2 * math.Abs(float64(s.ts-edge))
}

// twa returns the time-weighted average over [start, end): the average of the
// line through the samples. The line continues to the neighbouring samples if
// they exist.
func (a *accumulator) twa(start, end int64, prev, next *sample, reverse bool) float64 {
	if a.count == 0 {
		if prev == nil || next == nil {
			return math.NaN()
		}
		return (interpolate(*prev, *next, start) + interpolate(*prev, *next, end)) / 2
	}
	area, from, to := a.area, a.first.ts, a.last.ts
	if prev != nil && a.first.ts > start {
		if !a.startsAtEdge || reverse {
			v := interpolate(*prev, a.first, start)
			area += (v + a.first.v) / 2 * float64(a.first.ts-start)
		}
		from = start
	}
	if next != nil {
		if !a.startsAtEdge || !reverse {
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

// interpolate returns the value at ts on the line through a and b.
func interpolate(a, b sample, ts int64) float64 {
	if b.ts == a.ts {
		return a.v
	}
	return a.v + (b.v-a.v)*float64(ts-a.ts)/float64(b.ts-a.ts)
}

// bucketStart returns the start of the bucket that contains ts. It can be
// negative.
func bucketStart(ts, align, size int64) int64 {
	m := (ts - align) % size
	if m < 0 {
		m += size
	}
	return ts - m
}
