package telemetry

import (
	"math"
	"strings"
)

// Bounds are the least and the greatest value that a series can have. Both are possible.
type Bounds struct{ Least, Most float64 }

// Contains reports whether v lies within the bounds. It is false for NaN.
func (r Bounds) Contains(v float64) bool { return v >= r.Least && v <= r.Most }

// maxCount is 2⁶³: no amount of anything reaches it, and every small negative number that a kernel or a server printed as
// an unsigned one exceeds it. Limits of the kernel that mean "unlimited" are 2⁶³−1, which is this number as a float64.
const maxCount = 1 << 63

const (
	absoluteZero = -273.15 // °C
	hottest      = 1000    // °C: no sensor in a computer, and none that is connected to one by hwmon, measures more
)

// maxPerSecond bounds rates: a petabyte per second, or the nanoseconds of a million CPUs.
const maxPerSecond = 1e15

// finite are the bounds of a series about which we know nothing.
func finite() Bounds { return Bounds{-math.MaxFloat64, math.MaxFloat64} }

// Bounds returns what values in this unit can be: not less than nothing, not hotter than any sensor measures, not more
// than 100 %. Where a metric can have other values (the CPU time of several cores in percent of one) it says so with
// [Series.Within].
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
	return Bounds{-maxCount, maxCount} // an amount or a time, which may be a difference
}

// maxRate bounds the rate of a unit. Time does not pass a million times as fast: there are no million CPUs to add up.
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

// roundingError is how far a percentage may leave its bounds because it was computed: 100*x/x can be a little more than 100.
const roundingError = 1e-6

// Within declares what values the series can have, where its unit does not say so. It returns s, which may be nil.
func (s *Series) Within(least, most float64) *Series {
	if s != nil {
		s.bounds = Bounds{least, most}
	}
	return s
}

// Signed declares that the values of the series may be negative, although its unit counts something: a difference of two
// amounts. It returns s, which may be nil.
func (s *Series) Signed() *Series {
	if s != nil {
		s.bounds.Least = -s.bounds.Most
	}
	return s
}

// Bounds are what values the series can have.
func (s *Series) Bounds() Bounds { return s.bounds }

// Unbounded returns a factory whose series can have any value, for numbers that others name and measure: their "percent"
// may be a change, and their "bytes" may be negative.
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

// Why samples are left out.
const (
	reasonImpossible = "the value is not possible"
	reasonTwice      = "the series already has a sample in this gather"
)

// maxRejections is how many rejections a batch describes. All of them are counted.
const maxRejections = 10

// Rejected is the number of samples that were left out because their value is not possible, or because their series
// already has a sample of that time.
func (b *Batch) Rejected() int { return b.rejected }

// Rejections describes samples that were left out: for each series the first ever, and no more than a few per batch.
func (b *Batch) Rejections() []Rejection { return b.rejections }

// Reject counts a sample of s as left out, for callers that know more about what is possible than the bounds of s say.
func (b *Batch) Reject(s *Series, v float64) {
	if s != nil {
		b.reject(s, v, reasonImpossible)
	}
}

// AddUpTo appends a sample that is a part of something, such as the free space of a disk, which cannot exceed the whole.
func (b *Batch) AddUpTo(s *Series, v, whole float64) {
	if v > whole {
		b.Reject(s, v)
		return
	}
	b.Add(s, v)
}

// addDoubtful takes a sample that is outside the bounds of its series or the second one in this batch.
func (b *Batch) addDoubtful(s *Series, v float64) {
	nearest := max(s.bounds.Least, min(s.bounds.Most, v))
	switch {
	case b.has(s, b.Time):
		b.reject(s, v, reasonTwice)
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

// has reports whether the last sample of s is in this batch and has the time ms. The index that the series keeps may be
// about another batch: it counts only if the sample there is of this series.
func (b *Batch) has(s *Series, ms int64) bool {
	i := s.index
	return i < len(b.points) && b.points[i].series == s && (b.times == nil || b.times[i] == ms)
}
