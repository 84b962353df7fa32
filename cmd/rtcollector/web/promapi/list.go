package promapi

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/query"
)

// selection returns the selection that match[], start, end and limit describe.
func selection(p params) (s query.Selection, err error) {
	s.Selectors = p.values["match[]"]
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

func (a *API) series(ctx context.Context, p params) (answer, error) {
	s, err := selection(p)
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
	s, err := selection(p)
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
	s, err := selection(p)
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
	var s query.Selection
	var err error
	if s.Limit, err = p.count("limit"); err != nil {
		return answer{}, err
	}
	if _, err := p.count("limit_per_metric"); err != nil { // there is one entry per metric
		return answer{}, err
	}
	if name := p.text("metric"); name != "" {
		s.Selectors = []string{"{" + labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name).String() + "}"}
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	metrics, warnings, err := e.Metrics(ctx, s)
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
