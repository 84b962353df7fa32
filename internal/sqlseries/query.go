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

// Readme documents the key queries; whoever has it appends this to a README of its own.
//
//go:embed README.md
var Readme string

// Server is the label of every series: which server it is about.
const Server = "server"

// Query is a query of the user's own. {name, sql} is the predecessor's form.
type Query struct {
	Name     string        `yaml:"name" conf:"public"`
	SQL      string        `yaml:"sql"`
	Labels   []string      `yaml:"labels" conf:"public"`   // columns
	Values   []string      `yaml:"values" conf:"public"`   // columns; none: all others
	Counters []string      `yaml:"counters" conf:"public"` // those of the values that are counters
	Interval conf.Duration `yaml:"interval"`               // 0: with every gather
	Timeout  conf.Duration `yaml:"timeout"`                // 0: what is left of the gather's time
}

// Validate implements conf.Validator.
func (q *Query) Validate() error {
	var errs []error
	switch {
	case q.Name == "":
		errs = append(errs, conf.Key("name", "is missing: what the metric is called"))
	case !metric.IsName(q.Name):
		errs = append(errs, conf.Key("name", "%q may not hold blanks, commas, braces or parentheses", q.Name))
	}
	if strings.TrimSpace(q.SQL) == "" {
		errs = append(errs, conf.Key("sql", "is missing: one statement that returns rows"))
	}
	for _, label := range q.Labels {
		if telemetry.Reserved(label) || label == Server {
			errs = append(errs, conf.Key("labels", "%q is set on every series: call the column something else, with AS", label))
		}
		if slices.Contains(q.Values, label) {
			errs = append(errs, conf.Key("labels", "%q is among the values, too", label))
		}
	}
	for _, counter := range q.Counters {
		if len(q.Values) > 0 && !slices.Contains(q.Values, counter) {
			errs = append(errs, conf.Key("counters", "%q is not among the values", counter))
		}
	}
	return errors.Join(errs...)
}

// Unique says which name two queries share: their series would be the same.
func Unique(queries []Query) error {
	seen := map[string]bool{}
	for _, q := range queries {
		if seen[q.Name] && q.Name != "" {
			return conf.Key("queries", "two are called %q: their metrics would be the same", q.Name)
		}
		seen[q.Name] = true
	}
	return nil
}

// MetricNames are what the queries' metrics are called: as the query, or with a column behind it.
func MetricNames(queries []Query) []string {
	var names []string
	for _, q := range queries {
		names = append(names, q.Name, q.Name+"_*")
	}
	return names
}

// maxRows bounds what a query may return.
const maxRows = 10_000

// Runner is a query that is asked again and again. Whoever asks calls Due, Begin with the names of the columns, Add for
// each row, and End.
type Runner struct {
	Query

	sets *telemetry.Vec[string, *Set] // by columns

	columns        []string // of the last answer; what follows is made from them
	key            string   // of the set
	set            *Set
	columnMetrics  []Metric
	labels, values []int // places of the columns
	row            [2][][]byte

	asked bool
	last  int64 // when, as Batch.Time
	err   error // of the last time
	rows  int
}

// NewRunner returns a runner whose series all have the labels in fixed. What values they can have is the user's to know.
func NewRunner(f *telemetry.Factory, fixed []telemetry.Label, q Query) *Runner {
	r := &Runner{Query: q}
	r.sets = telemetry.NewVec(f.Unbounded(), func(f *telemetry.Factory, _ string) *Set { return NewSet(f, fixed, q.Labels, r.columnMetrics, nil) })
	return r
}

// Due says whether it is time to ask. While it is not, the error of the last time still holds: see [Runner.Err].
func (r *Runner) Due(out *telemetry.Batch) bool {
	if r.asked && out.Time >= r.last && time.Duration(out.Time-r.last)*time.Millisecond < r.Interval.D() {
		return false
	}
	r.asked, r.last = true, out.Time
	return true
}

// Err is how the last time ended.
func (r *Runner) Err() error { return r.err }

// Begin takes the names of the answer's columns. It returns an error when those that the user named are not among them.
func (r *Runner) Begin(columns []string) error {
	r.rows = 0
	if r.set != nil && slices.Equal(columns, r.columns) {
		r.sets.Get(r.key)
		return nil
	}
	r.set, r.columns = nil, slices.Clone(columns)
	if err := r.place(); err != nil {
		return err
	}
	var err error
	if r.columnMetrics, err = r.metrics(); err != nil {
		return err
	}
	r.row = [2][][]byte{make([][]byte, len(r.labels)), make([][]byte, len(r.values))}
	r.key = strings.Join(columns, separator)
	r.set = *r.sets.Get(r.key)
	return nil
}

// place finds the columns that the user named.
func (r *Runner) place() error {
	r.labels, r.values = nil, nil
	find := func(names []string, places *[]int) error {
		for _, name := range names {
			i := slices.IndexFunc(r.columns, func(c string) bool { return strings.EqualFold(c, name) })
			if i < 0 {
				return fmt.Errorf("it returns no column %q, only %s", name, strings.Join(r.columns, ", "))
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
		return errors.New("it returns no column that could be a value")
	}
	return nil
}

// metrics are what the values are called: a single one as the query, several with the names of their columns behind it.
func (r *Runner) metrics() ([]Metric, error) {
	var metrics []Metric
	for _, i := range r.values {
		m := Metric{Name: r.Name}
		column := r.columns[i]
		if len(r.values) > 1 {
			m.Name += "_" + column
		}
		if !metric.IsName(m.Name) {
			return nil, fmt.Errorf("its column %q can be no part of a name: give it one with AS", column)
		}
		if slices.ContainsFunc(metrics, func(other Metric) bool { return other.Name == m.Name }) {
			return nil, fmt.Errorf("two of its columns are called %q: give them names with AS", column)
		}
		if slices.ContainsFunc(r.Counters, func(c string) bool { return strings.EqualFold(c, column) }) {
			m.Kind = telemetry.Counter
		}
		metrics = append(metrics, m)
	}
	return metrics, nil
}

// Add appends the samples of a row, whose values stand as the database writes them; nil is NULL. After an error nothing more
// of this answer is needed. What is wrong with single rows is returned by [Runner.End].
func (r *Runner) Add(out *telemetry.Batch, columns [][]byte) error {
	if r.rows++; r.rows > maxRows {
		return fmt.Errorf("it returns more than %d rows: group them, or LIMIT them", maxRows)
	}
	for i, place := range r.labels {
		r.row[0][i] = columns[place]
	}
	for i, place := range r.values {
		r.row[1][i] = columns[place]
	}
	r.set.Add(out, r.row[0], r.row[1])
	return nil
}

// End ends an answer. It takes what went wrong with asking, and returns that and what was wrong with the rows as an error of
// this query.
func (r *Runner) End(out *telemetry.Batch, err error) error {
	if r.set != nil {
		err = errors.Join(err, r.set.End(out))
		r.sets.Sweep(out)
	}
	if r.err = err; err != nil {
		r.err = fmt.Errorf("query %s: %w", r.Name, err)
	}
	return r.err
}
