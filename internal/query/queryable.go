package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// queryable gives the engine the samples of one query.
type queryable struct{ engine *Engine }

// Querier implements storage.Queryable.
func (q *queryable) Querier(int64, int64) (storage.Querier, error) { return querier{q}, nil }

type querier struct{ *queryable }

// Select implements storage.Querier.
func (q querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	selector := newSelector(matchers)
	filters, err := q.engine.filters(selector)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	data, err := q.engine.reader.Range(ctx, tsread.RangeQuery{
		Matchers: filters, From: time.UnixMilli(max(hints.Start, 0)), To: time.UnixMilli(max(hints.End, 0)),
	})
	if err != nil {
		return storage.ErrSeriesSet(unavailable(err))
	}
	set := &seriesSet{next: -1}
	for i := range data {
		if l := labels.FromMap(data[i].Labels); selector.matches(l) && len(data[i].Samples) > 0 {
			samples := make([]chunks.Sample, len(data[i].Samples))
			for j, s := range data[i].Samples {
				samples[j] = sample{s}
			}
			set.series = append(set.series, storage.NewListSeries(l, samples))
		}
	}
	slices.SortFunc(set.series, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set
}

// LabelValues implements storage.LabelQuerier.
func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.LabelQuerier.
func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.LabelQuerier.
func (querier) Close() error { return nil }

func (q *queryable) list(ctx context.Context, matchers []*labels.Matcher) (found []labels.Labels, err error) {
	selector := newSelector(matchers)
	filters, err := q.engine.filters(selector)
	if err != nil {
		return nil, err
	}
	series, err := q.engine.reader.List(ctx, filters...)
	if err != nil {
		return nil, unavailable(err)
	}
	for i := range series {
		if l := labels.FromMap(series[i].Labels); selector.matches(l) {
			found = append(found, l)
		}
	}
	return found, nil
}

func (e *Engine) filters(s *selector) ([]string, error) {
	filters, positive := s.filters()
	if !positive {
		return nil, &Error{Execution, fmt.Errorf("no series of Redis can be found with %s: add a metric or a label with =", s)}
	}
	return filters, nil
}

// unavailable classifies an error of Redis.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Unavailable, err}
}

func cmpStrings(pairs ...string) int {
	return cmp.Or(cmp.Compare(pairs[0], pairs[1]), cmp.Compare(pairs[2], pairs[3]))
}

type sample struct{ tsread.Sample }

func (s sample) T() int64                      { return s.Time }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.Value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

type seriesSet struct {
	series []storage.Series
	next   int
}

func (s *seriesSet) Next() bool                        { s.next++; return s.next < len(s.series) }
func (s *seriesSet) At() storage.Series                { return s.series[s.next] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
