// Package sqlseries turns rows of a database into samples: some columns are labels, the others are values. The inputs for
// databases use it for their rowLabels queries and for those of the user.
//
//   - set.go: [Set] keeps the series of one query and adds the samples of its rows.
//   - query.go: [Query] is a query of the user, and [Runner] runs it at its interval.
package sqlseries

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Metric describes the metric of a column of values.
type Metric struct {
	Name string
	Unit telemetry.Unit
	Kind telemetry.Kind
	Max  float64 // upper bound of a gauge that is not negative; 0: the bound of its unit
}

// Set keeps the series of one query: one series per metric for each combination of labels.
type Set struct {
	labels       []string
	metrics      []Metric
	rows         *telemetry.Vec[string, rowSeries]
	maxRows      int    // of rows
	key          []byte // of the current row; the buffer is reused
	round        int    // counts the gathers, to find two rows of one gather with the same labels
	problem      error  // first problem of this gather
	moreProblems int    // number of further problems
}

type rowSeries struct {
	isWanted bool
	values   []metricSeries
	round    int
}

// metricSeries is one metric of one row: a gauge, or a counter with its rate.
type metricSeries struct {
	gauge   *telemetry.Series
	counter *telemetry.Total
}

// maxSeries bounds the series of one query, including those of rows that were missing in the last gathers. A server that
// returns different labels each time must not fill the memory.
const maxSeries = 100_000

// separator separates the labels in a key. No database allows it in a name.
const separator = "\x00"

// NewSet returns an empty set. Its series have the labels in fixed, followed by those of their row, whose names are in
// labels. Rows for whose labels isWanted is false have no series; a nil isWanted accepts all rows.
func NewSet(f *telemetry.Factory, fixed []telemetry.Label, labels []string, metrics []Metric, isWanted func([]telemetry.Label) bool) *Set {
	s := &Set{labels: labels, metrics: metrics, round: 1, maxRows: maxSeries / max(len(metrics), 1)}
	s.rows = telemetry.NewVec(f, func(f *telemetry.Factory, key string) rowSeries {
		rowLabels := make([]telemetry.Label, len(labels))
		for i, part := range strings.SplitN(key, separator, len(labels)) {
			if i < len(labels) {
				rowLabels[i] = telemetry.Label{Key: labels[i], Value: part}
			}
		}
		if isWanted != nil && !isWanted(rowLabels) {
			return rowSeries{}
		}
		return newRow(f, append(fixed[:len(fixed):len(fixed)], rowLabels...), metrics)
	}).Limit(s.maxRows)
	return s
}

func newRow(f *telemetry.Factory, labels []telemetry.Label, metrics []Metric) rowSeries {
	r := rowSeries{isWanted: true, values: make([]metricSeries, len(metrics))}
	for i, m := range metrics {
		if m.Kind == telemetry.Counter {
			r.values[i].counter = f.Counter(m.Name, m.Unit, labels...)
		} else {
			r.values[i].gauge = f.Gauge(m.Name, m.Unit, labels...)
			if m.Max > 0 {
				r.values[i].gauge.Within(0, m.Max)
			}
		}
	}
	return r
}

// Add appends the samples of one row. Labels and values are the texts that the database sent; nil is NULL. It adds no sample
// for NULL, NaN and infinities. It skips a value that is not a number, and a row with the labels of an earlier row of this
// gather. The other rows are not affected: [Set.End] returns the problems.
func (s *Set) Add(out *telemetry.Batch, labels, values [][]byte) {
	s.key = s.key[:0]
	for i, label := range labels {
		if i > 0 {
			s.key = append(s.key, separator...)
		}
		s.key = append(s.key, label...)
	}
	isFull := s.rows.Len() >= s.maxRows && !telemetry.HasBytes(s.rows, s.key)
	r := telemetry.GetBytes(s.rows, s.key)
	if isFull || !r.isWanted {
		return
	}
	if r.round == s.round {
		s.reportProblem("two rows have the same labels %s: name more columns in labels, or group the rows", s.currentRow())
		return
	}
	r.round = s.round
	for i, text := range values {
		v, ok := ParseNumber(text)
		switch {
		case !ok:
			s.reportValue(i, text)
		case math.IsNaN(v) || math.IsInf(v, 0):
		case r.values[i].counter != nil:
			r.values[i].counter.Add(out, v)
		default:
			out.Add(r.values[i].gauge, v)
		}
	}
}

// reportValue reports a value that is not a number.
func (s *Set) reportValue(i int, text []byte) {
	if len(s.labels) == 0 {
		s.reportProblem("%s: %.40q is not a number", s.metrics[i].Name, text)
		return
	}
	s.reportProblem("%s: %.40q is not a number, in the row with %s %s", s.metrics[i].Name, text, strings.Join(s.labels, ", "), s.currentRow())
}

// reportProblem keeps the first problem of a gather and counts the others.
func (s *Set) reportProblem(format string, args ...any) {
	if s.problem != nil {
		s.moreProblems++
		return
	}
	s.problem = fmt.Errorf(format, args...)
}

// currentRow returns the labels of the current row, in quotes.
func (s *Set) currentRow() string {
	return fmt.Sprintf("%.200q", strings.ReplaceAll(string(s.key), separator, ", "))
}

// End ends a gather and returns the problems of its rows. The series of rows that were missing for some gathers end.
func (s *Set) End(out *telemetry.Batch) error {
	s.rows.Sweep(out)
	s.round++
	err := s.problem
	if s.moreProblems > 0 {
		err = fmt.Errorf("%w; and %d more", err, s.moreProblems)
	}
	s.problem, s.moreProblems = nil, 0
	return err
}

// ParseNumber parses a number as databases print it. NULL is NaN, and ok. PostgreSQL prints booleans as t and f.
func ParseNumber(text []byte) (v float64, ok bool) {
	switch {
	case text == nil:
		return math.NaN(), true
	case len(text) == 0 || len(text) > maxNumberLen:
		return 0, false
	case len(text) == 1 && text[0] == 't':
		return 1, true
	case len(text) == 1 && text[0] == 'f':
		return 0, true
	}
	if v, ok := parseInteger(text); ok {
		return v, true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(v, 0) { // a number that exceeds the range of floats is an infinity, not an error
		return 0, false
	}
	return v, true
}

// maxNumberLen bounds the text of a number, in bytes. NUMERIC in PostgreSQL has up to 131072 digits, but no statistic needs
// so many.
const maxNumberLen = 1024

// parseInteger parses up to 15 digits, exactly and without an allocation. Nearly all values are such numbers.
func parseInteger(text []byte) (float64, bool) {
	digits, negative := text, false
	if text[0] == '-' {
		digits, negative = text[1:], true
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return float64(n), true
}
