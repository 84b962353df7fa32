package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Selection selects series for the methods that list names and values.
type Selection struct {
	Selectors  []string  // such as `cpu_usage{host="a"}`; a series must match one of them. Empty: all series
	Start, End time.Time // series that may have samples in this time; zero: no limit. A superset is allowed
	Limit      int       // of the result; 0: no limit. A warning says that it was exceeded
}

// Series lists the labels of the selected series, sorted. Errors are of type [*Error]. Warnings say what was left out.
func (e *Engine) Series(ctx context.Context, s Selection) (series []labels.Labels, warnings []string, err error) {
	series, warnings, err = e.list(ctx, s)
	series, warnings = cut(series, s.Limit, warnings)
	return series, warnings, err
}

// LabelNames lists the names of the labels of the selected series, sorted.
func (e *Engine) LabelNames(ctx context.Context, s Selection) (names, warnings []string, err error) {
	series, warnings, err := e.list(ctx, s)
	for _, l := range series {
		l.Range(func(label labels.Label) { names = append(names, label.Name) })
	}
	names, warnings = cut(sortedUnique(names), s.Limit, warnings)
	return names, warnings, err
}

// LabelValues lists the values that a label has in the selected series, sorted.
func (e *Engine) LabelValues(ctx context.Context, label string, s Selection) (values, warnings []string, err error) {
	series, warnings, err := e.list(ctx, s)
	for _, l := range series {
		if v := l.Get(label); v != "" {
			values = append(values, v)
		}
	}
	values, warnings = cut(sortedUnique(values), s.Limit, warnings)
	return values, warnings, err
}

func sortedUnique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// Metric describes a metric that exists in Redis.
type Metric struct {
	Name string
	Unit string // value of the label unit; "" without one
}

// Metrics lists the metrics of the selected series, sorted by name.
func (e *Engine) Metrics(ctx context.Context, s Selection) (metrics []Metric, warnings []string, err error) {
	series, warnings, err := e.list(ctx, s)
	for _, l := range series {
		if name := l.Get(tskey.NameLabel); name != "" {
			metrics = append(metrics, Metric{name, l.Get("unit")})
		}
	}
	slices.SortFunc(metrics, func(a, b Metric) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Unit, b.Unit)) })
	metrics = slices.CompactFunc(metrics, func(a, b Metric) bool { return a.Name == b.Name })
	metrics, warnings = cut(metrics, s.Limit, warnings)
	return metrics, warnings, err
}

// cut returns at most limit items. If it leaves some out, it adds a warning. 0 is no limit.
func cut[T any](items []T, limit int, warnings []string) ([]T, []string) {
	if limit == 0 || len(items) <= limit {
		return items, warnings
	}
	return items[:limit], append(warnings, fmt.Sprintf("results truncated due to limit: %d", limit)) // Prometheus' words
}

// list returns the labels of the selected series, sorted, regardless of the selection's limit.
func (e *Engine) list(ctx context.Context, selection Selection) (series []labels.Labels, warnings []string, err error) {
	limits := e.limits
	limits.Series = maxIndexed // they are listed without samples
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	selectors, err := e.parseSelectors(selection.Selectors)
	if err != nil {
		return nil, nil, err
	}
	q := &queryable{engine: e, limits: limits}
	start, end := milliseconds(selection.Start, math.MinInt64), milliseconds(selection.End, math.MaxInt64)
	for _, s := range selectors {
		found, complete, err := q.list(ctx, s, start, end)
		if err != nil {
			return nil, nil, limits.classify(unavailable(err))
		}
		if !complete && len(warnings) == 0 {
			warnings = append(warnings, incomplete)
		}
		series = append(series, found...)
	}
	slices.SortFunc(series, labels.Compare)
	return slices.CompactFunc(series, labels.Equal), warnings, nil
}

// parseSelectors returns the selectors of these expressions, or one for all series if there are none.
func (e *Engine) parseSelectors(exprs []string) ([]*selector, error) {
	if len(exprs) == 0 {
		return []*selector{newSelector(nil)}, nil
	}
	var selectors []*selector
	for _, expr := range exprs {
		if err := checkExpression(expr); err != nil {
			return nil, err
		}
		matchers, err := e.parser.ParseMetricSelector(expr)
		if err != nil {
			return nil, &Error{BadData, err}
		}
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return nil, badDataf("%s selects all series: add a matcher that an empty text does not match", expr)
		}
		selectors = append(selectors, newSelector(matchers))
	}
	return selectors, nil
}

// list returns the labels of the series that a selector selects and that may have samples from start to end, in milliseconds, and whether
// these are all.
func (q *queryable) list(ctx context.Context, s *selector, start, end int64) (series []labels.Labels, complete bool, err error) {
	if _, positive := s.filters(); !positive {
		complete, err = q.engine.index.list(ctx, s, start, end, func(l labels.Labels) { series = append(series, l) })
		return series, complete, err
	}
	all, err := q.find(ctx, s)
	for _, f := range all {
		if start == math.MinInt64 || f.hasSample && f.last.Time >= start {
			series = append(series, f.labels)
		}
	}
	return series, true, err
}
