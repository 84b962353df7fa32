package promapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/rtcollector/rtcollector/internal/query"
)

// selection returns the selection that match[], start, end and limit describe.
func (a *API) selection(p params) (s query.Selection, err error) {
	s.Selectors = p.values["match[]"]
	for _, selector := range s.Selectors {
		if selectsEverything(selector) {
			return s, badData("match[] must contain at least one non-empty matcher: %q selects every series", shorten(selector))
		}
	}
	if s.Start, err = p.time("start", time.Time{}); err != nil {
		return s, err
	}
	if s.End, err = p.time("end", time.Time{}); err != nil {
		return s, err
	}
	if !s.Start.IsZero() && !s.End.IsZero() && s.End.Before(s.Start) {
		return s, badData("end timestamp must not be before start time")
	}
	s.Limit, err = p.count("limit")
	return s, err
}

// longestSelector is the length of selectors above which the engine refuses them without parsing.
const longestSelector = 64 << 10

// selectsEverything reports whether all matchers of a selector match an absent label, which Prometheus refuses. The engine reports what
// else is wrong with a selector.
func selectsEverything(selector string) bool {
	if len(selector) > longestSelector {
		return false
	}
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	return err == nil && !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches("") })
}

func (a *API) series(ctx context.Context, p params) (answer, error) {
	s, err := a.selection(p)
	if err != nil {
		return answer{}, err
	}
	if len(s.Selectors) == 0 {
		return answer{}, badData("no match[] parameter provided")
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	found, warnings, err := e.Series(ctx, s)
	return answer{data: seriesList(found), warnings: warnings}, err
}

func (a *API) labels(ctx context.Context, p params) (answer, error) {
	s, err := a.selection(p)
	if err != nil {
		return answer{}, err
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	names, warnings, err := e.LabelNames(ctx, s)
	return answer{data: textList(names), warnings: warnings}, err
}

func (a *API) labelValues(ctx context.Context, p params) (answer, error) {
	name := p.path("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !isLabelName(name) {
		return answer{}, badData("invalid label name: %q", shorten(name))
	}
	s, err := a.selection(p)
	if err != nil {
		return answer{}, err
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	values, warnings, err := e.LabelValues(ctx, name, s)
	return answer{data: textList(values), warnings: warnings}, err
}

// isLabelName reports whether labels can have this name: any UTF-8, as in Prometheus 3, that does not begin with a digit.
func isLabelName(name string) bool {
	return model.UTF8Validation.IsValidLabelName(name) && (name[0] < '0' || name[0] > '9')
}

// metadata lists type, help and unit of the metrics that exist in Redis.
func (a *API) metadata(ctx context.Context, p params) (answer, error) {
	limit, err := p.count("limit")
	if err != nil {
		return answer{}, err
	}
	if _, err := p.count("limit_per_metric"); err != nil { // there is one entry per metric
		return answer{}, err
	}
	var s query.Selection
	if name := p.text("metric"); name != "" {
		s.Selectors = []string{"{" + labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, name).String() + "}"}
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	metrics, warnings, err := e.Metrics(ctx, s)
	if limit > 0 && len(metrics) > limit {
		metrics = metrics[:limit]
	}
	return answer{data: a.describe(metrics), warnings: warnings}, err
}

func (a *API) describe(metrics []query.Metric) metricDocs {
	docs := make(metricDocs, 0, len(metrics))
	for _, m := range metrics {
		doc := metricDoc{name: m.Name, unit: m.Unit, MetricDoc: MetricDoc{Type: "unknown"}}
		if known, ok := a.Describe(m.Name); ok {
			doc.MetricDoc = known
		}
		docs = append(docs, doc)
	}
	return docs
}
