package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// bucketLabel is the label of compactions with the time that they make into one sample.
const bucketLabel = "bucket"

// target is a series whose samples have been read from a key.
type target struct {
	*series
	key string
}

// prependCompacted adds samples from compactions to series whose raw samples do not reach back to hints.Start, because they are not kept
// that long. Raw samples stay as they are. The warnings say what was made of compactions.
func (q *queryable) prependCompacted(ctx context.Context, s *selector, hints *storage.SelectHints, all []*target) (annotations.Annotations, error) {
	short := slices.DeleteFunc(slices.Clone(all), func(t *target) bool { return reachesBack(t.samples, hints.Start) })
	if len(short) == 0 || s.compactions {
		return nil, nil
	}
	p := planFor(hints)
	available, err := q.findCompactions(ctx, s, p)
	if err != nil || len(available) == 0 {
		return nil, err
	}
	o := older{queryable: q, hints: hints, plan: p}
	for _, t := range short {
		if buckets := available[t.labels.String()]; len(buckets) > 0 {
			o.add(t, buckets)
		}
	}
	if err := o.chooseBuckets(ctx); err != nil {
		return nil, err
	}
	if err := o.read(ctx); err != nil {
		return nil, err
	}
	return o.warnings(), nil
}

// reachesBack reports whether samples begin so close to start that there are probably none before the first.
func reachesBack(samples []tsread.Sample, start int64) bool {
	switch len(samples) {
	case 0:
		return false
	case 1:
		return samples[0].Time == start
	}
	return samples[0].Time-start <= 2*(samples[1].Time-samples[0].Time)
}

// compaction is what Redis keeps of a series for one size of buckets.
type compaction struct {
	bucket int64             // in milliseconds
	name   string            // value of the label bucket
	keys   map[string]string // by aggregation
}

// findCompactions returns the compactions of the series that a selector selects, by the labels of the series.
func (q *queryable) findCompactions(ctx context.Context, s *selector, p *plan) (map[string][]compaction, error) {
	matchers := slices.DeleteFunc(slices.Clone(s.matchers), func(m *labels.Matcher) bool { return m.Name == aggLabel })
	matchers = append(matchers, labels.MustNewMatcher(labels.MatchRegexp, aggLabel, strings.Join(p.aggregations(), "|")))
	finder := &queryable{engine: q.engine, limits: q.limits}
	finder.limits.Series = maxIndexed
	found, err := finder.find(ctx, newSelector(matchers))
	if err != nil {
		return nil, err
	}
	all := map[string][]compaction{}
	builder := labels.NewBuilder(labels.EmptyLabels())
	for _, f := range found {
		name, agg := f.labels.Get(bucketLabel), f.labels.Get(aggLabel)
		bucket, err := model.ParseDuration(name)
		if err != nil || bucket <= 0 {
			continue // made by somebody else
		}
		builder.Reset(f.labels)
		source := builder.Del(aggLabel, bucketLabel).Labels().String()
		same := all[source]
		i := slices.IndexFunc(same, func(c compaction) bool { return c.name == name })
		if i < 0 {
			i, same = len(same), append(same, compaction{time.Duration(bucket).Milliseconds(), name, map[string]string{}})
		}
		same[i].keys[agg] = f.key
		all[source] = same
	}
	return all, nil
}

// older reads what is older than the raw samples.
type older struct {
	*queryable
	hints *storage.SelectHints
	plan  *plan
	work  []*olderSeries
}

// olderSeries is a series with the compactions that may serve it, the finest first.
type olderSeries struct {
	*target
	use     use
	buckets []compaction
	chosen  *compaction // nil: none has older samples
}

// add notes the compactions of a series that the best possible use needs.
func (o *older) add(t *target, available []compaction) {
	for _, u := range o.plan.uses {
		usable := slices.DeleteFunc(slices.Clone(available), func(c compaction) bool {
			return slices.ContainsFunc(u.aggregations, func(agg string) bool { return c.keys[agg] == "" })
		})
		if len(usable) > 0 {
			slices.SortFunc(usable, func(a, b compaction) int { return cmp.Compare(a.bucket, b.bucket) })
			o.work = append(o.work, &olderSeries{target: t, use: u, buckets: usable})
			return
		}
	}
}

// seam returns the time of the oldest raw sample, or what follows the range if there is none in it.
func (o *older) seam(t *target) int64 {
	if len(t.samples) > 0 {
		return t.samples[0].Time
	}
	return o.hints.End + 1
}

// chooseBuckets chooses for each series the finest compaction that reaches back far enough, or else the one that reaches back farthest.
func (o *older) chooseBuckets(ctx context.Context) error {
	var ranges []tsread.Range
	for _, w := range o.work {
		ranges = append(ranges, tsread.Range{Key: w.key, From: 0, To: o.hints.Start - 1, Newest: true})
		for _, c := range w.buckets {
			ranges = append(ranges, tsread.Range{Key: c.keys[w.use.aggregations[0]], From: 0, To: o.hints.End, Limit: 1})
		}
	}
	first, err := o.engine.reader.Samples(ctx, ranges, o.count)
	if err != nil {
		return err
	}
	for _, w := range o.work {
		raw, compacted := first[0], first[1:1+len(w.buckets)]
		first = first[1+len(w.buckets):]
		if len(raw) == 0 { // otherwise the raw samples only have a gap
			w.choose(compacted, o.hints.Start, o.seam(w.target))
		}
	}
	return nil
}

// choose chooses a compaction. first has the oldest sample of each.
func (w *olderSeries) choose(first [][]tsread.Sample, start, seam int64) {
	farthest := int64(math.MaxInt64) // the oldest time that one of them has completely
	for i, c := range w.buckets {
		if len(first[i]) > 0 {
			farthest = min(farthest, first[i][0].Time+c.bucket)
		}
	}
	for i := range w.buckets {
		if len(first[i]) > 0 && first[i][0].Time <= max(start, farthest) && first[i][0].Time+w.buckets[i].bucket <= seam {
			w.chosen = &w.buckets[i]
			return
		}
	}
}

// read reads the chosen compactions.
func (o *older) read(ctx context.Context) error {
	o.work = slices.DeleteFunc(o.work, func(w *olderSeries) bool { return w.chosen == nil })
	var ranges []tsread.Range
	for _, w := range o.work {
		for _, agg := range w.use.aggregations {
			ranges = append(ranges, tsread.Range{
				Key: w.chosen.keys[agg], From: o.hints.Start - 2*w.chosen.bucket, To: min(o.seam(w.target), o.hints.End), Latest: true,
			})
		}
	}
	samples, err := o.engine.reader.Samples(ctx, ranges, o.count)
	if err != nil {
		return err
	}
	for _, w := range o.work {
		n := len(w.use.aggregations)
		shift := int64(0)
		if w.use.isLate {
			shift = w.chosen.bucket
		}
		buckets := joinBuckets(samples[:n], shift)
		samples = samples[n:]
		r := rebuilder{grid: newGrid(o.hints, o.limits.Lookback.Milliseconds(), o.nested), window: o.hints.Range, bucket: w.chosen.bucket, raw: w.samples, seam: o.seam(w.target)}
		before := w.use.rebuild(&r, buckets)
		if err := o.count(len(before)); err != nil {
			return err
		}
		w.samples = append(before, r.raw...)
	}
	return nil
}

// warnings names the compactions that were used, and how they may be wrong.
func (o *older) warnings() annotations.Annotations {
	var all annotations.Annotations
	for _, w := range o.work {
		kind := annotations.PromQLInfo
		if w.use.isWrong || o.hints.Func == "sum_over_time" && o.hints.Range < w.chosen.bucket {
			kind = annotations.PromQLWarning
		}
		text := fmt.Sprintf("%s of %s: raw samples are not kept for the whole range, and from the compactions agg=%s bucket=%s %s",
			cmp.Or(o.hints.Func, "the value"), w.labels.Get(tskey.NameLabel), strings.Join(w.use.aggregations, ","), w.chosen.name, w.use.meaning)
		all = all.Add(&annotation{kind, text})
	}
	return all
}

// annotation is a remark about a result. Equal ones are shown once.
type annotation struct {
	kind error // annotations.PromQLInfo or PromQLWarning
	text string
}

// Error implements error.
func (a *annotation) Error() string { return a.text }

// Is implements the interface of package errors.
func (a *annotation) Is(target error) bool { return errors.Is(a.kind, target) }
