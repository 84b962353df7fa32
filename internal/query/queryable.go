package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/rtcollector/rtcollector/internal/tsread"
)

// queryable gives the engine the samples of one query.
type queryable struct {
	engine *Engine
	limits Limits
	nested bool // the expression has subqueries

	samples atomic.Int64 // that were read
}

// Querier implements storage.Queryable.
func (q *queryable) Querier(int64, int64) (storage.Querier, error) {
	return &querier{queryable: q, places: make(chan struct{}, maxSelections), selections: map[string]*selection{}}, nil
}

const (
	// maxSelections is how many selectors of a query are read at the same time.
	maxSelections = 4

	// maxSelectors is how many different selectors a query may have.
	maxSelectors = 200
)

// querier reads what the selectors of one query select.
type querier struct {
	*queryable
	places     chan struct{} // one element for each selector that is being read
	selections map[string]*selection
	running    sync.WaitGroup
	cancel     []context.CancelFunc
}

// selection is what a selector selects. Its fields are valid when done is closed.
type selection struct {
	done     chan struct{}
	series   []*series
	warnings annotations.Annotations
	err      error
}

// Select implements storage.Querier. It does not wait for the samples.
func (q *querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	s := newSelector(matchers)
	key := fmt.Sprint(s, hints.Start, hints.End, hints.Step, hints.Range, hints.Func)
	if known, ok := q.selections[key]; ok {
		return &seriesSet{pending: known}
	}
	if len(q.selections) == maxSelectors {
		return storage.ErrSeriesSet(&Error{BadData, fmt.Errorf("the expression has more than %d different selectors: split it, or use a regular expression", maxSelectors)})
	}
	pending := &selection{done: make(chan struct{})}
	q.selections[key] = pending
	ctx, cancel := context.WithCancel(ctx)
	q.cancel = append(q.cancel, cancel)
	q.running.Go(func() {
		defer close(pending.done)
		defer func() {
			if r := recover(); r != nil {
				pending.err = &Error{Internal, fmt.Errorf("read %s: panic: %v", s, r)}
			}
		}()
		select {
		case q.places <- struct{}{}:
			defer func() { <-q.places }()
			pending.series, pending.warnings, pending.err = q.read(ctx, s, hints)
		case <-ctx.Done():
			pending.err = ctx.Err()
		}
	})
	return &seriesSet{pending: pending}
}

// LabelValues implements storage.LabelQuerier. The engine does not use it.
func (*querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.LabelQuerier. The engine does not use it.
func (*querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.LabelQuerier. It ends what is still being read.
func (q *querier) Close() error {
	for _, cancel := range q.cancel {
		cancel()
	}
	q.running.Wait()
	return nil
}

// found is a series that a selector selects.
type found struct {
	key       string
	labels    labels.Labels
	last      tsread.Sample // the newest sample
	hasSample bool
}

// find returns the series that a selector selects.
func (q *queryable) find(ctx context.Context, s *selector) (all []found, err error) {
	filters, positive := s.filters()
	if positive {
		return q.findFiltered(ctx, s, filters, nil)
	}
	lists, err := q.engine.index.filters(ctx, s, q.limits.Series)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, list := range lists {
		if all, err = q.findFiltered(ctx, s, append(slices.Clip(filters), list), all); err != nil {
			return nil, err
		}
	}
	if len(lists) > 1 { // a series may match two of them
		slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.key, b.key) })
		all = slices.CompactFunc(all, func(a, b found) bool { return a.key == b.key })
	}
	return all, nil
}

// findFiltered adds the series that the filters and the selector select.
func (q *queryable) findFiltered(ctx context.Context, s *selector, filters []string, all []found) ([]found, error) {
	builder := labels.NewScratchBuilder(16)
	err := q.engine.reader.Find(ctx, filters, s.compactions, func(f tsread.Found) error {
		l := buildLabels(&builder, f.Labels)
		if !s.matches(l) {
			return nil
		}
		if len(all) == q.limits.Series {
			return tooManySeries(s, q.limits.Series)
		}
		all = append(all, found{f.Key, l, f.Last, f.HasSample})
		return nil
	})
	return all, unavailable(err)
}

// unavailable classifies an error of Redis.
func unavailable(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Unavailable, err}
}

// count counts samples that are about to be read.
func (q *queryable) count(n int) error {
	if q.samples.Add(int64(n)) > int64(q.limits.Samples) {
		return &Error{Execution, fmt.Errorf("the query reads more than %d samples: use a shorter time range or fewer series", q.limits.Samples)}
	}
	return nil
}

// read returns the series that a selector selects with the samples from hints.Start to hints.End, both included. The engine has moved
// hints.Start so that the left end of windows is excluded.
func (q *querier) read(ctx context.Context, s *selector, hints *storage.SelectHints) ([]*series, annotations.Annotations, error) {
	all, err := q.find(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	isInstant := hints.Range == 0 && hints.End-hints.Start < q.limits.Lookback.Milliseconds() // only the newest sample can be in the result
	pushed, ok := pushDown(hints, q.limits.Lookback.Milliseconds(), q.nested || q.engine.noPushDown)
	isPushed := ok && !isInstant && !s.compactions && !haveTwins(all)
	var out []*series
	var ranges []tsread.Range
	var targets []*target // of the ranges
	for _, f := range all {
		switch {
		case !f.hasSample || f.last.Time < hints.Start:
		case isInstant && f.last.Time <= hints.End:
			out = append(out, &series{f.labels, []tsread.Sample{f.last}})
		default:
			r := tsread.Range{Key: f.key, From: hints.Start, To: hints.End, Newest: isInstant, Latest: s.compactions}
			if isPushed {
				pushed.apply(&r)
			}
			ranges = append(ranges, r)
			targets = append(targets, &target{key: f.key, series: &series{labels: f.labels}})
		}
	}
	samples, err := q.engine.reader.Samples(ctx, ranges, q.count)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	var short []*target // that compactions may make longer
	for i, t := range targets {
		if isPushed {
			pushed.moveToEnds(samples[i])
		}
		if t.samples = samples[i]; !isInstant || len(t.samples) == 0 {
			short = append(short, t)
		}
	}
	warnings, err := q.prependCompacted(ctx, s, hints, short)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	for _, t := range targets {
		if len(t.samples) > 0 {
			out = append(out, t.series)
		}
	}
	return mergeSeries(out), warnings, nil
}
