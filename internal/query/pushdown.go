package query

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// minPushed is the shortest bucket that is worth an aggregation in Redis, in milliseconds. It must contain several samples.
const minPushed = 60_000

// aggregation is what Redis makes of the samples of a selector, so that fewer have to be sent. The result of the query is the same.
//
// The buckets of Redis begin at their time and exclude their end; windows of PromQL exclude their start and include their end. So the
// buckets begin 1 ms after the times at which windows begin and end, and a sample of a bucket gets the last time that the bucket includes.
// Each window consists of whole buckets then. The last sample of the last bucket is the last of the window; so with maximum and minimum.
// Sums and averages would be added in another order, and counts would have to be added, so Redis does not compute these.
type aggregation struct {
	function string
	bucket   int64 // in milliseconds
	begin    int64 // of a bucket
}

// pushDown returns the aggregation that can replace the samples of a selector. ok is false if there is none.
func pushDown(hints *storage.SelectHints, lookback int64, nested bool) (a aggregation, ok bool) {
	window := hints.Range
	switch {
	case nested: // a subquery evaluates the selector at other times
		return a, false
	case window == 0 && hints.Func == "timestamp": // of the sample itself
		return a, false
	case window == 0:
		window, a.function = lookback, "last"
	case hints.Func == "max_over_time", hints.Func == "min_over_time", hints.Func == "last_over_time":
		a.function = hints.Func[:len(hints.Func)-len("_over_time")]
	default:
		return a, false
	}
	g := newGrid(hints, lookback, false)
	a.bucket = window
	if g.last > g.first {
		a.bucket = gcd(window, g.step)
	}
	a.begin = (g.first + 1) % a.bucket
	return a, a.bucket >= minPushed && a.begin >= 0
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// apply makes a range return buckets instead of samples.
func (a aggregation) apply(r *tsread.Range) {
	r.Aggregation, r.Bucket, r.Align = a.function, a.bucket, a.begin
}

// moveToEnds gives the samples of buckets the times at which the buckets end.
func (a aggregation) moveToEnds(samples []tsread.Sample) {
	for i := range samples {
		samples[i].Time += a.bucket - 1
	}
}

// haveTwins reports whether two series have the same labels. Their samples are merged by time, so they must not be aggregated before.
func haveTwins(all []found) bool {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b found) int { return labels.Compare(a.labels, b.labels) })
	for i := 1; i < len(sorted); i++ {
		if labels.Equal(sorted[i-1].labels, sorted[i].labels) {
			return true
		}
	}
	return false
}
