// Package sqlseries turns the rows that a database answers into samples: some columns are labels, the others values. The
// inputs for databases share it, with the custom queries of their users.
package sqlseries

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Metric is what a column of values is written as.
type Metric struct {
	Name string
	Unit telemetry.Unit
	Kind telemetry.Kind
	Most float64 // of a gauge that is not negative; 0: what its unit allows
}

// Set keeps the series of one query: for each combination of labels that its rows have, one per metric.
type Set struct {
	labels  []string
	metrics []Metric
	rows    *telemetry.Vec[string, row]
	limit   int    // of rows
	key     []byte // of the row at hand, kept for the next
	round   int    // counts the gathers, to find two rows of one gather with the same labels
	wrong   error  // the first problem of this gather
	more    int    // how many followed
}

type row struct {
	wanted bool
	values []value
	round  int
}

// value is one metric of one row: a gauge, or a counter with its rate.
type value struct {
	gauge   *telemetry.Series
	counter *telemetry.Total
}

// maxSeries bounds the series of one query, including those of rows that were missing in the last gathers: a server that
// returns other labels each time must not fill the memory.
const maxSeries = 100_000

// separator stands between the labels of a key; no database has it in a name.
const separator = "\x00"

// NewSet returns an empty set. All its series have the labels in fixed, then those of their row, which are called as in
// labels. A row that wants refuses by its labels has no series; nil wants all.
func NewSet(f *telemetry.Factory, fixed []telemetry.Label, labels []string, metrics []Metric, wants func([]telemetry.Label) bool) *Set {
	s := &Set{labels: labels, metrics: metrics, round: 1, limit: maxSeries / max(len(metrics), 1)}
	s.rows = telemetry.NewVec(f, func(f *telemetry.Factory, key string) row {
		own := make([]telemetry.Label, len(labels))
		for i, part := range strings.SplitN(key, separator, len(labels)) {
			if i < len(labels) {
				own[i] = telemetry.Label{Key: labels[i], Value: part}
			}
		}
		if wants != nil && !wants(own) {
			return row{}
		}
		return newRow(f, append(fixed[:len(fixed):len(fixed)], own...), metrics)
	}).Limit(s.limit)
	return s
}

func newRow(f *telemetry.Factory, labels []telemetry.Label, metrics []Metric) row {
	r := row{wanted: true, values: make([]value, len(metrics))}
	for i, m := range metrics {
		if m.Kind == telemetry.Counter {
			r.values[i].counter = f.Counter(m.Name, m.Unit, labels...)
		} else {
			r.values[i].gauge = f.Gauge(m.Name, m.Unit, labels...)
			if m.Most > 0 {
				r.values[i].gauge.Within(0, m.Most)
			}
		}
	}
	return r
}

// Add appends the samples of one row: its labels, then its values, as the database writes them; nil is NULL. Nothing is
// written for NULL, NaN and infinities. A value that is not a number is left out, as is a row whose labels another row of
// this gather had. One bad row never costs the others: [Set.End] returns the problems.
func (s *Set) Add(out *telemetry.Batch, labels, values [][]byte) {
	s.key = s.key[:0]
	for i, label := range labels {
		if i > 0 {
			s.key = append(s.key, separator...)
		}
		s.key = append(s.key, label...)
	}
	refused := s.rows.Len() >= s.limit && !telemetry.HasBytes(s.rows, s.key)
	r := telemetry.GetBytes(s.rows, s.key)
	if refused || !r.wanted {
		return
	}
	if r.round == s.round {
		s.report("two rows have the same labels %s: name more columns in labels, or group the rows", s.rowName())
		return
	}
	r.round = s.round
	for i, text := range values {
		v, ok := Number(text)
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
		s.report("%s: %.40q is no number", s.metrics[i].Name, text)
		return
	}
	s.report("%s: %.40q is no number, in the row with %s %s", s.metrics[i].Name, text, strings.Join(s.labels, ", "), s.rowName())
}

// report keeps the first problem of a gather and counts the others.
func (s *Set) report(format string, args ...any) {
	if s.wrong != nil {
		s.more++
		return
	}
	s.wrong = fmt.Errorf(format, args...)
}

// rowName returns the labels of the row at hand, in quotes.
func (s *Set) rowName() string {
	return fmt.Sprintf("%.200q", strings.ReplaceAll(string(s.key), separator, ", "))
}

// End ends a gather and returns what was wrong with its rows. Rows that were missing for some gathers are forgotten.
func (s *Set) End(out *telemetry.Batch) error {
	s.rows.Sweep(out)
	s.round++
	err := s.wrong
	if s.more > 0 {
		err = fmt.Errorf("%w; and %d more like this", err, s.more)
	}
	s.wrong, s.more = nil, 0
	return err
}

// Number reads a number as databases write it; NULL is NaN, and ok. PostgreSQL writes booleans as t and f.
func Number(text []byte) (v float64, ok bool) {
	switch {
	case text == nil:
		return math.NaN(), true
	case len(text) == 0 || len(text) > maxNumber:
		return 0, false
	case len(text) == 1 && text[0] == 't':
		return 1, true
	case len(text) == 1 && text[0] == 'f':
		return 0, true
	}
	if v, ok := integer(text); ok {
		return v, true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(v, 0) { // larger than all floats is no mistake of the text
		return 0, false
	}
	return v, true
}

// maxNumber is the length of the longest text that may be a number: PostgreSQL's NUMERIC has up to 131072 digits, but no
// statistic has.
const maxNumber = 1024

// integer reads up to 15 digits, exactly and without an allocation; that is what nearly all values are.
func integer(text []byte) (float64, bool) {
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
