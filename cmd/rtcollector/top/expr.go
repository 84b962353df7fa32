package top

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// exprData holds the results of an expression.
type exprData struct {
	common string // the labels that all results have in common
	rows   []exprRow
}

// exprRow is one result.
type exprRow struct {
	name string // the labels that distinguish it
	unit string
	now  float64
	line []float64 // over the span
}

// readExpr evaluates an expression now and over the span. Results are in the order of the expression if it sorts, otherwise by name.
func (s *source) readExpr(ctx context.Context, now time.Time, over span, expr string) (exprData, error) {
	current, history := &reading{expr: expr}, &reading{expr: expr, ranged: true}
	if err := s.read(ctx, now, over, current, history); err != nil {
		return exprData{}, err
	}
	lines := map[uint64][]float64{}
	for _, h := range history.series {
		lines[h.labels.Hash()] = h.values
	}
	common := commonLabels(current.series)
	data := exprData{common: common.String()}
	for _, c := range current.series {
		shown := labels.NewBuilder(c.labels).Del("source", "unit")
		common.Range(func(l labels.Label) { shown.Del(l.Name) })
		data.rows = append(data.rows, exprRow{shown.Labels().String(), c.labels.Get("unit"), c.last(), lines[c.labels.Hash()]})
	}
	if descending := func(a, b exprRow) int { return cmp.Compare(b.now, a.now) }; !slices.IsSortedFunc(data.rows, descending) {
		slices.SortFunc(data.rows, func(a, b exprRow) int { return cmp.Compare(a.name, b.name) })
	}
	return data, nil
}

// commonLabels returns the labels that all of several series have. A single series has none in common.
func commonLabels(all []series) labels.Labels {
	if len(all) < 2 {
		return labels.EmptyLabels()
	}
	b := labels.NewBuilder(all[0].labels).Del("source", "unit")
	for _, s := range all[1:] {
		all[0].labels.Range(func(l labels.Label) {
			if s.labels.Get(l.Name) != l.Value {
				b.Del(l.Name)
			}
		})
	}
	return b.Labels()
}
