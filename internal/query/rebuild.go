package query

import (
	"slices"

	"github.com/prometheus/prometheus/storage"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// Compactions have one sample per bucket, with the time at which the bucket begins. The engine must not take it for a raw sample: it may
// be older than the lookback, or the only one in a window. So samples are made where the engine looks for them: at the times at which it
// evaluates the selector, and at both ends of its windows.

// plan says which compactions serve a function.
type plan struct {
	uses []use // the best first
}

// use says how to make samples of compactions.
type use struct {
	aggregations []string // all of them are needed
	rebuild      func(*rebuilder, []bucket) []tsread.Sample
	meaning      string // for users: how precise the result is
	isWrong      bool   // it may be wrong by more than the size of a bucket
	isLate       bool   // the values are those at the ends of the buckets
}

// aggregations returns all aggregations that may be used.
func (p *plan) aggregations() (all []string) {
	for _, u := range p.uses {
		all = append(all, u.aggregations...)
	}
	return sortedUnique(all)
}

// planFor returns how compactions can serve a selector.
func planFor(hints *storage.SelectHints) *plan {
	const (
		exact   = "the older part of the result is right to within one bucket"
		lossy   = "resets of the counter between two buckets are not seen, so the older part may be too small: compact counters with first and last"
		unfit   = "the older part cannot be computed: compact counters with first and last"
		inexact = "the older part is only a guess: keep raw samples for longer, or add the aggregation of this function to compactions"
	)
	each := func(rebuild func(*rebuilder, []bucket) []tsread.Sample, meaning string, isWrong bool, aggregations ...string) (uses []use) {
		for _, a := range aggregations {
			uses = append(uses, use{[]string{a}, rebuild, meaning, isWrong, false})
		}
		return uses
	}
	late := func(uses []use) []use {
		for i := range uses {
			uses[i].isLate = true
		}
		return uses
	}
	general := []string{"avg", "twa", "first", "last", "max", "min"}
	if hints.Range == 0 {
		return &plan{slices.Concat(
			each((*rebuilder).repeat, exact, false, "avg", "twa", "first"),
			late(each((*rebuilder).repeat, exact, false, "last")),
			each((*rebuilder).repeat, exact, false, "max", "min"))}
	}
	switch hints.Func {
	case "rate", "increase", "irate", "resets": // never avg, sum or twa, which mix what was before a reset and after it
		best := use{[]string{"first", "last"}, (*rebuilder).connectCounter, exact, false, false}
		return &plan{slices.Concat([]use{best},
			late(each((*rebuilder).connectCounter, lossy, true, "last", "max")),
			each((*rebuilder).connectCounter, lossy, true, "first", "min"),
			each((*rebuilder).omit, unfit, true, "avg", "twa", "sum"))}
	case "delta", "idelta": // the series may be a counter
		return &plan{slices.Concat(
			each((*rebuilder).connect, exact, false, "first"),
			late(each((*rebuilder).connect, exact, false, "last")),
			each((*rebuilder).omit, unfit, true, "avg", "twa", "sum", "max", "min"))}
	case "deriv", "predict_linear", "double_exponential_smoothing":
		return &plan{each((*rebuilder).connect, exact, false, general...)}
	case "max_over_time", "min_over_time", "avg_over_time", "sum_over_time", "last_over_time", "first_over_time": // a sum also needs windows as long as a bucket
		fitting := hints.Func[:len(hints.Func)-len("_over_time")]
		return &plan{append(each((*rebuilder).spread, exact, false, fitting), each((*rebuilder).spread, inexact, true, general...)...)}
	case "present_over_time", "absent_over_time":
		return &plan{each((*rebuilder).spread, exact, false, general...)}
	}
	return &plan{each((*rebuilder).spread, inexact, true, general...)}
}

// grid holds the times at which the engine evaluates a selector: first, first + step … up to last.
type grid struct {
	first, last, step int64
	guessed           bool // these are not the times at which windows end
}

// newGrid returns the grid of a selector. In a subquery its times are not known; then the grid is so dense that each window has an element.
func newGrid(hints *storage.SelectHints, lookback int64, nested bool) grid {
	window, dense := hints.Range, hints.Range/10 // as dense as raw samples usually are
	if window == 0 {
		window, dense = lookback, lookback/2
	}
	if nested {
		return grid{hints.Start, hints.End, max(1, dense), true}
	}
	g := grid{hints.Start + window - 1, hints.End, hints.Step, false}
	if g.step == 0 {
		g.step = max(1, g.last-g.first)
	}
	return g
}

// bucket is one sample of a compaction, with a value for each aggregation.
type bucket struct {
	start  int64
	values [2]float64
}

// joinBuckets returns the buckets that all aggregations have, shifted by some time.
func joinBuckets(all [][]tsread.Sample, shift int64) []bucket {
	out := make([]bucket, 0, len(all[0]))
	others := all[len(all)-1] // the same if there is one aggregation
	for _, s := range all[0] {
		for len(others) > 0 && others[0].Time < s.Time {
			others = others[1:]
		}
		if len(others) > 0 && others[0].Time == s.Time {
			out = append(out, bucket{start: s.Time + shift, values: [2]float64{s.Value, others[0].Value}})
		}
	}
	return out
}

// rebuilder makes samples that are older than the raw ones.
type rebuilder struct {
	grid   grid
	window int64 // of a range selector, 0 without one
	bucket int64 // size in milliseconds
	raw    []tsread.Sample
	seam   int64 // time of the first raw sample, or the end of the range
}

// omit returns nothing.
func (*rebuilder) omit([]bucket) []tsread.Sample { return nil }

// repeat returns the value of the bucket for each time of the grid that it contains. So a graph shows a step for each bucket, and the
// lookback makes no gaps.
func (r *rebuilder) repeat(buckets []bucket) (samples []tsread.Sample) {
	for _, b := range buckets {
		for t := r.grid.next(b.start); t < min(b.start+r.bucket, r.seam) && t <= r.grid.last; t += r.grid.step {
			samples = append(samples, tsread.Sample{Time: t, Value: b.values[0]})
		}
	}
	return samples
}

// next returns the first time of the grid that is not before t.
func (g grid) next(t int64) int64 {
	if t <= g.first {
		return g.first
	}
	return g.first + (t-g.first+g.step-1)/g.step*g.step
}

// spread returns the value of each bucket at the end of the bucket, so that a window with the same ends contains exactly its buckets. If
// the windows are shorter than the buckets, it repeats them.
func (r *rebuilder) spread(buckets []bucket) (samples []tsread.Sample) {
	if r.window < r.bucket {
		samples = r.repeat(buckets)
		if n := len(buckets); n > 0 && len(r.raw) > 0 && buckets[n-1].start < r.seam-1 && r.seam-1 < buckets[n-1].start+r.bucket {
			samples = mergeSamples(samples, []tsread.Sample{{Time: r.seam - 1, Value: buckets[n-1].values[0]}}) // for windows that end later
		}
		return samples
	}
	for _, b := range buckets {
		end := b.start + r.bucket
		if len(r.raw) > 0 {
			end = min(end, r.seam)
		}
		if b.start < r.seam {
			samples = append(samples, tsread.Sample{Time: end - 1, Value: b.values[0]})
		}
	}
	return samples
}

// line is a sequence of samples that are connected by straight lines, except where there is a gap.
type line struct {
	samples []tsread.Sample
	gaps    map[int]bool // after the sample with this number
}

func (l *line) add(t int64, v float64) {
	l.samples = append(l.samples, tsread.Sample{Time: t, Value: v})
}

// firstIn returns the time of the first raw sample of a bucket, as far as it can be told from the raw samples that are left.
func (r *rebuilder) firstIn(b bucket) int64 {
	if len(r.raw) == 0 {
		return b.start
	}
	phase := (r.raw[0].Time - b.start) % r.interval()
	if phase >= r.bucket {
		return b.start
	}
	return b.start + phase
}

// connect returns samples on the lines between the buckets.
func (r *rebuilder) connect(buckets []bucket) []tsread.Sample {
	l := line{gaps: map[int]bool{}}
	for i, b := range buckets {
		if b.start >= r.seam {
			break
		}
		l.add(r.firstIn(b), b.values[0])
		if i+1 < len(buckets) && buckets[i+1].start > b.start+r.bucket {
			l.gaps[len(l.samples)-1] = true
		}
	}
	return r.sample(&l)
}

// connectCounter is like connect for a counter, of which it knows the first and the last value of each bucket. A counter that restarted
// grew from zero: in the bucket if its last value is less than the first, or else between two buckets.
func (r *rebuilder) connectCounter(buckets []bucket) []tsread.Sample {
	l := line{gaps: map[int]bool{}}
	for i, b := range buckets {
		if b.start >= r.seam {
			break
		}
		first, last, end := b.values[0], b.values[1], b.start+r.bucket
		next, adjacent := 0.0, false // what follows the bucket at its end
		switch {
		case i+1 < len(buckets) && buckets[i+1].start < r.seam:
			next, adjacent = buckets[i+1].values[0], buckets[i+1].start == end
		case len(r.raw) > 0 && r.seam < end: // a part of the bucket is there as raw samples
			last, next, adjacent = r.raw[0].Value, r.raw[0].Value, true
			end = r.seam
		case len(r.raw) > 0:
			next, adjacent = r.raw[0].Value, r.seam <= end+r.bucket
		}
		begin := r.firstIn(b)
		l.add(begin, first)
		if last < first && end > begin+1 {
			l.add(begin+1, 0) // so the growth after the reset spreads over the bucket
		}
		if !adjacent || next < last {
			l.add(max(end-1, l.samples[len(l.samples)-1].Time+1), last)
			l.gaps[len(l.samples)-1] = !adjacent
		}
	}
	return r.sample(&l)
}

// interval returns the time between raw samples, or 1 ms if it is not known.
func (r *rebuilder) interval() int64 {
	if len(r.raw) < 2 {
		return 1
	}
	return max(1, r.raw[1].Time-r.raw[0].Time)
}

// sample returns the samples of a line and its values at the ends of the windows.
func (r *rebuilder) sample(l *line) []tsread.Sample {
	if len(r.raw) > 0 && len(l.samples) > 0 {
		l.add(r.seam, r.raw[0].Value) // only as the end of a line
	}
	var ends []int64
	for t := r.grid.first; t <= r.grid.last && t-r.window < r.seam; t += r.grid.step {
		if ends = append(ends, t); !r.grid.guessed {
			ends = append(ends, t-r.window+1)
		}
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	var out []tsread.Sample
	for i, s := range l.samples {
		for len(ends) > 0 && ends[0] <= s.Time {
			if t := ends[0]; i > 0 && t < s.Time && t > l.samples[i-1].Time && !l.gaps[i-1] {
				out = append(out, tsread.Sample{Time: t, Value: between(l.samples[i-1], s, t)})
			}
			ends = ends[1:]
		}
		if s.Time < r.seam {
			out = append(out, s)
		}
	}
	return out
}

// between returns the value at a time on the line between two samples. It is never outside their values, which would look like a reset.
func between(a, b tsread.Sample, t int64) float64 {
	v := a.Value + (b.Value-a.Value)*(float64(t-a.Time)/float64(b.Time-a.Time))
	return min(max(v, min(a.Value, b.Value)), max(a.Value, b.Value))
}
