package sqlseries

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Readme documents the key queries. Inputs that have the key append it to their README.
//
//go:embed README.md
var Readme string

// ServerLabel is the label of every series that names the server.
const ServerLabel = "server"

// Query is a query of the user. The Python rtcollector only knew {name, sql}.
type Query struct {
	Name     string        `yaml:"name" conf:"public"`
	SQL      string        `yaml:"sql"`
	Labels   []string      `yaml:"labels" conf:"public"`   // columns
	Values   []string      `yaml:"values" conf:"public"`   // columns; empty: all others
	Counters []string      `yaml:"counters" conf:"public"` // the values that are counters
	Interval conf.Duration `yaml:"interval"`               // 0: at every gather
	Timeout  conf.Duration `yaml:"timeout"`                // 0: the rest of the gather's time
}

// Validate implements conf.Validator.
func (q *Query) Validate() error {
	var errs []error
	switch {
	case q.Name == "":
		errs = append(errs, conf.Key("name", "is missing: set the name of the metric"))
	case !metric.IsName(q.Name):
		errs = append(errs, conf.Key("name", "%q must not contain blanks, commas, braces or parentheses", q.Name))
	}
	if strings.TrimSpace(q.SQL) == "" {
		errs = append(errs, conf.Key("sql", "is missing: set one statement that returns rows"))
	}
	for _, label := range q.Labels {
		if telemetry.Reserved(label) || label == ServerLabel {
			errs = append(errs, conf.Key("labels", "%q is already a label of every series: rename the column with AS", label))
		}
		if slices.Contains(q.Values, label) {
			errs = append(errs, conf.Key("labels", "%q is also in values: remove it from one of them", label))
		}
	}
	for _, counter := range q.Counters {
		if len(q.Values) > 0 && !slices.Contains(q.Values, counter) {
			errs = append(errs, conf.Key("counters", "%q is not in values: add it there", counter))
		}
	}
	return errors.Join(errs...)
}

// CheckUnique returns an error if two queries have the same name, because their series would be the same.
func CheckUnique(queries []Query) error {
	seen := map[string]bool{}
	for _, q := range queries {
		if seen[q.Name] && q.Name != "" {
			return conf.Key("queries", "two queries are named %q: rename one, their metrics would be the same", q.Name)
		}
		seen[q.Name] = true
	}
	return nil
}

// MetricNames returns the names of the queries' metrics: the name of the query, alone or followed by that of a column.
func MetricNames(queries []Query) []string {
	var names []string
	for _, q := range queries {
		names = append(names, q.Name, q.Name+"_*")
	}
	return names
}

// maxRows bounds the rows that a query may return.
const maxRows = 10_000

// Runner turns the results of a query into samples. At each gather the caller calls Due and, if that is true, runs the query
// and calls Begin with the names of the columns, Add for each row, and End.
type Runner struct {
	Query

	sets *telemetry.Vec[string, *Set] // by the names of the columns

	columns        []string // of the last result; the fields below are derived from them
	setKey         string   // of set in sets
	set            *Set
	metrics        []Metric
	labels, values []int       // indexes of the columns
	rowBuffer      [2][][]byte // labels and values of the current row

	hasRun   bool
	lastRun  int64 // time of the last run, as Batch.Time
	lastErr  error // of the last run
	rowCount int   // in this result so far
}

// NewRunner returns a runner. All its series have the labels in fixed. They have no bounds, because only the user knows
// which values are possible.
func NewRunner(f *telemetry.Factory, fixed []telemetry.Label, q Query) *Runner {
	r := &Runner{Query: q}
	r.sets = telemetry.NewVec(f.Unbounded(), func(f *telemetry.Factory, _ string) *Set { return NewSet(f, fixed, q.Labels, r.metrics, nil) })
	return r
}

// Due reports whether the query must run in this gather. Until then the error of the last run still holds: see
// [Runner.Err].
func (r *Runner) Due(out *telemetry.Batch) bool {
	if r.hasRun && out.Time >= r.lastRun && time.Duration(out.Time-r.lastRun)*time.Millisecond < r.Interval.D() {
		return false
	}
	r.hasRun, r.lastRun = true, out.Time
	return true
}

// Err returns the error of the last run.
func (r *Runner) Err() error { return r.lastErr }

// Begin starts a result with these columns. It returns an error if a column that the user configured is missing.
func (r *Runner) Begin(columns []string) error {
	r.rowCount = 0
	if r.set != nil && slices.Equal(columns, r.columns) {
		r.sets.Get(r.setKey)
		return nil
	}
	r.set, r.columns = nil, slices.Clone(columns)
	if err := r.findColumns(); err != nil {
		return err
	}
	var err error
	if r.metrics, err = r.nameMetrics(); err != nil {
		return err
	}
	r.rowBuffer = [2][][]byte{make([][]byte, len(r.labels)), make([][]byte, len(r.values))}
	r.setKey = strings.Join(columns, separator)
	r.set = *r.sets.Get(r.setKey)
	return nil
}

// findColumns finds the columns that the user configured.
func (r *Runner) findColumns() error {
	r.labels, r.values = nil, nil
	find := func(names []string, places *[]int) error {
		for _, name := range names {
			i := slices.IndexFunc(r.columns, func(c string) bool { return strings.EqualFold(c, name) })
			if i < 0 {
				return fmt.Errorf("the result has no column %q, only %s", name, strings.Join(r.columns, ", "))
			}
			*places = append(*places, i)
		}
		return nil
	}
	if err := errors.Join(find(r.Labels, &r.labels), find(r.Values, &r.values)); err != nil {
		return err
	}
	for i := range r.columns {
		if len(r.Values) == 0 && !slices.Contains(r.labels, i) {
			r.values = append(r.values, i)
		}
	}
	if len(r.values) == 0 {
		return errors.New("the result has no column for a value")
	}
	return nil
}

// nameMetrics returns the metrics of the values. A single one has the name of the query; several have the names of their
// columns appended.
func (r *Runner) nameMetrics() ([]Metric, error) {
	var metrics []Metric
	for _, i := range r.values {
		m := Metric{Name: r.Name}
		column := r.columns[i]
		if len(r.values) > 1 {
			m.Name += "_" + column
		}
		if !metric.IsName(m.Name) {
			return nil, fmt.Errorf("column %q cannot be part of a metric name: rename it with AS", column)
		}
		if slices.ContainsFunc(metrics, func(other Metric) bool { return other.Name == m.Name }) {
			return nil, fmt.Errorf("two columns are named %q: rename one with AS", column)
		}
		if slices.ContainsFunc(r.Counters, func(c string) bool { return strings.EqualFold(c, column) }) {
			m.Kind = telemetry.Counter
		}
		metrics = append(metrics, m)
	}
	return metrics, nil
}

// Add appends the samples of a row. The values are the texts that the database sent; nil is NULL. After an error the caller
// may skip the rest of the result. Errors of single rows are returned by [Runner.End].
func (r *Runner) Add(out *telemetry.Batch, columns [][]byte) error {
	if r.rowCount++; r.rowCount > maxRows {
		return fmt.Errorf("the result has more than %d rows: group them, or use LIMIT", maxRows)
	}
	for i, place := range r.labels {
		r.rowBuffer[0][i] = columns[place]
	}
	for i, place := range r.values {
		r.rowBuffer[1][i] = columns[place]
	}
	r.set.Add(out, r.rowBuffer[0], r.rowBuffer[1])
	return nil
}

// End ends a result. It joins err, the error of running the query, with the errors of the rows, and adds the query's name.
func (r *Runner) End(out *telemetry.Batch, err error) error {
	if r.set != nil {
		err = errors.Join(err, r.set.End(out))
		r.sets.Sweep(out)
	}
	if r.lastErr = err; err != nil {
		r.lastErr = fmt.Errorf("query %s: %w", r.Name, err)
	}
	return r.lastErr
}
