package telemetry

import (
	"math"
	"strings"
)

// Bounds are the smallest and the largest possible value of a series.
type Bounds struct{ Least, Most float64 }

// Contains reports whether v lies within the bounds. It is false for NaN.
func (r Bounds) Contains(v float64) bool { return v >= r.Least && v <= r.Most }

// maxCount is 2⁶³. No real amount reaches it, and a small negative number that a kernel or a server printed as unsigned
// exceeds it. Kernel limits that mean "unlimited" are 2⁶³−1, which as a float64 is this number.
const maxCount = 1 << 63

const (
	absoluteZero = -273.15 // °C
	hottest      = 1000    // °C; no sensor that a computer has measures more
)

// maxPerSecond limits rates: a petabyte per second, or the nanoseconds of a million CPUs.
const maxPerSecond = 1e15

// finite returns the bounds of a series about whose values nothing is known.
func finite() Bounds { return Bounds{-math.MaxFloat64, math.MaxFloat64} }

// Bounds returns the possible values in this unit: amounts are not negative, percentages are at most 100, temperatures are
// in the range of sensors. A metric with other values, such as the CPU time of several cores in percent of one, declares
// them with [Series.Within].
func (u Unit) Bounds(k Kind) Bounds {
	r := u.gaugeBounds()
	if k == Counter {
		r.Least = 0
	}
	return r
}

func (u Unit) gaugeBounds() Bounds {
	switch u {
	case Percent:
		return Bounds{0, 100}
	case Celsius:
		return Bounds{absoluteZero, hottest}
	case Bytes, Packets, Operations, Pages, Joules:
		return Bounds{0, maxCount}
	case Bits:
		return Bounds{0, 8 * maxCount}
	case Hertz:
		return Bounds{0, 1e12}
	case RPM:
		return Bounds{0, 1e6}
	case Volts, Amperes:
		return Bounds{-1e6, 1e6}
	case Watts:
		return Bounds{-1e9, 1e9}
	}
	if of, isRate := strings.CutSuffix(string(u), "per_second"); isRate {
		return Bounds{0, maxRate(Unit(strings.TrimSuffix(of, "_")))}
	}
	return Bounds{-maxCount, maxCount} // an amount or a time; may be a difference
}

// maxRate returns the limit for the rate of a unit. A rate of time is at most a million, the sum over a million CPUs.
func maxRate(of Unit) float64 {
	switch of {
	case Seconds:
		return 1e6
	case Milliseconds:
		return 1e9
	case Microseconds:
		return 1e12
	}
	return maxPerSecond
}

// roundingError is how far a computed percentage may exceed its bounds: 100*x/x can be slightly more than 100.
const roundingError = 1e-6

// Within sets the possible values of the series when its unit does not imply them. It returns s, which may be nil.
func (s *Series) Within(least, most float64) *Series {
	if s != nil {
		s.bounds = Bounds{least, most}
	}
	return s
}

// Signed allows negative values although the unit counts something, for the difference of two amounts. It returns s, which
// may be nil.
func (s *Series) Signed() *Series {
	if s != nil {
		s.bounds.Least = -s.bounds.Most
	}
	return s
}

// Bounds returns the possible values of the series.
func (s *Series) Bounds() Bounds { return s.bounds }

// Unbounded returns a factory whose series can have any finite value, for metrics that users define: their "percent" may be
// a change, and their "bytes" may be negative.
func (f *Factory) Unbounded() *Factory {
	more := *f
	more.unbounded = true
	return &more
}

// Rejection is a sample that was left out of a batch.
type Rejection struct {
	Series *Series
	Value  float64
	Reason string // for people
}

// Reasons for rejections.
const (
	reasonImpossible = "the value is impossible"
	reasonDuplicate  = "the series already has a sample in this gather"
)

// maxRejections is the number of rejections that a batch describes. All of them are counted.
const maxRejections = 10

// Rejected returns the number of samples that were rejected because their value is impossible or because their series
// already has a sample of that time.
func (b *Batch) Rejected() int { return b.rejected }

// Rejections describes rejected samples: the first of each series, and only a few per batch.
func (b *Batch) Rejections() []Rejection { return b.rejections }

// Reject counts a sample of s as rejected, for callers that know more about possible values than the bounds of s.
func (b *Batch) Reject(s *Series, v float64) {
	if s != nil {
		b.reject(s, v, reasonImpossible)
	}
}

// AddUpTo appends a sample that is part of a whole, such as the free space of a disk. It rejects a value above the whole.
func (b *Batch) AddUpTo(s *Series, v, whole float64) {
	if v > whole {
		b.Reject(s, v)
		return
	}
	b.Add(s, v)
}

// addSuspect handles a sample that is outside the bounds of its series or the second one in this batch.
func (b *Batch) addSuspect(s *Series, v float64) {
	nearest := max(s.bounds.Least, min(s.bounds.Most, v))
	switch {
	case b.has(s, b.Time):
		b.reject(s, v, reasonDuplicate)
	case s.unit == Percent && math.Abs(v-nearest) <= roundingError:
		b.Add(s, nearest)
	default:
		b.reject(s, v, reasonImpossible)
	}
}

func (b *Batch) reject(s *Series, v float64, reason string) {
	b.rejected++
	if !s.reported && len(b.rejections) < maxRejections {
		s.reported = true
		b.rejections = append(b.rejections, Rejection{s, v, reason})
	}
}

// has reports whether the last sample of s is in this batch and has the time ms. The index stored in the series may belong
// to another batch, so it counts only if the sample at this index is of s.
func (b *Batch) has(s *Series, ms int64) bool {
	i := s.index
	return i < len(b.points) && b.points[i].series == s && (b.times == nil || b.times[i] == ms)
}
