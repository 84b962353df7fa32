package query_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

// reference is Prometheus: its engine over its own database.
type reference struct {
	engine *promql.Engine
	db     storage.Queryable
}

// newReference returns Prometheus with these samples. The samples of a series must be in the order of time.
func newReference(t testing.TB, samples []querytest.Sample) *reference {
	t.Helper()
	db := teststorage.New(t)
	app := db.Appender(t.Context())
	for _, s := range samples {
		if _, err := app.Append(0, s.Labels, s.Time, s.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier: true, EnableNegativeOffset: true,
	})
	return &reference{engine, sorted{db}}
}

// sorted is a database whose series are sorted by their labels, as ours are, so that floats are added in the same order.
type sorted struct{ storage.Queryable }

func (s sorted) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.Queryable.Querier(mint, maxt)
	return sortedQuerier{q}, err
}

type sortedQuerier struct{ storage.Querier }

func (q sortedQuerier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	return q.Querier.Select(ctx, true, hints, matchers...)
}

// evaluate returns a result or an error as text. Numbers are complete, so equal texts are equal results.
func (r *reference) evaluate(ctx context.Context, w window, expr string) string {
	var q promql.Query
	var err error
	o := promql.NewPrometheusQueryOpts(false, w.lookback, nil)
	if w.step == 0 {
		q, err = r.engine.NewInstantQuery(ctx, r.db, o, expr, w.start)
	} else {
		q, err = r.engine.NewRangeQuery(ctx, r.db, o, expr, w.start, w.end, w.step)
	}
	if err != nil {
		return "error: " + err.Error()
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return "error: " + result.Err.Error()
	}
	return describe(result.Value)
}

// window is when an expression is evaluated: once at start if step is 0.
type window struct {
	start, end     time.Time
	step, lookback time.Duration
}

// evaluate returns what our engine answers, in the form of [reference.evaluate].
func evaluate(ctx context.Context, e *query.Engine, w window, expr string) string {
	var r *query.Result
	var err error
	if w.step == 0 {
		r, err = e.Instant(ctx, expr, w.start, query.Params{Lookback: w.lookback})
	} else {
		r, err = e.Range(ctx, expr, w.start, w.end, w.step, query.Params{Lookback: w.lookback})
	}
	if err != nil {
		return "error: " + err.Error()
	}
	defer r.Close()
	return describe(r.Value)
}

func describe(v parser.Value) string {
	var b strings.Builder
	switch v := v.(type) {
	case promql.Vector:
		for _, s := range v {
			fmt.Fprintf(&b, "%s %s\n", s.Metric, describeFloat(s.F))
		}
	case promql.Matrix:
		for _, s := range v {
			fmt.Fprintf(&b, "%s", s.Metric)
			for _, p := range s.Floats {
				fmt.Fprintf(&b, " %d:%s", p.T, describeFloat(p.F))
			}
			b.WriteByte('\n')
		}
	case promql.Scalar:
		return describeFloat(v.V)
	default:
		return v.String()
	}
	return b.String()
}

// inOrder sorts the lines of a result unless its order is what the expression is about. The engine keeps the groups of some functions in a
// map.
func inOrder(expr, result string) string {
	if strings.HasPrefix(expr, "sort") || strings.Contains(expr, "topk") || strings.Contains(expr, "bottomk") {
		return result
	}
	lines := strings.Split(result, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// emptyExpressions have no result at any time.
var emptyExpressions = []string{`rate(sparse[4m])`, `rate(once[1h])`, `mem_used and temperature`, `clamp(temperature, 42, 38)`}

func describeFloat(f float64) string {
	if math.IsNaN(f) {
		return "NaN" // all of them are alike
	}
	return fmt.Sprintf("%x", math.Float64bits(f))
}

// referenceSamples returns two hours of series as agents write them, with resets, gaps, ends, and times off the grid.
func referenceSamples() []querytest.Sample {
	random := rand.New(rand.NewPCG(1, 2))
	var all []querytest.Sample
	write := func(interval, phase, from, to int, gap func(int) bool, next func(second int) float64, pairs ...string) {
		l := labels.FromStrings(pairs...)
		for s := from + phase; s <= to; s += interval {
			if v := next(s); gap == nil || !gap(s) {
				all = append(all, querytest.Sample{Labels: l, Time: int64(T+s)*1000 + int64(random.IntN(5)*phase), Value: v})
			}
		}
	}
	counter := func(step float64, resetAfter int) func(int) float64 {
		v, since := 0.0, 0
		return func(int) float64 {
			if since++; resetAfter > 0 && since%resetAfter == 0 {
				v = 0
			}
			v += step * random.Float64()
			return v
		}
	}
	walk := func(v, by float64) func(int) float64 {
		return func(int) float64 { v += by * (random.Float64() - 0.5); return v }
	}
	const end = 7200
	for h, host := range []string{"a", "b", "c", "d"} {
		for cpu := range 2 {
			for m, mode := range []string{"user", "system", "idle"} {
				write(15, h*3, 0, end, nil, counter(float64(m+1), []int{0, 150, 77, 301}[h]), "__name__", "cpu_seconds_total", "host", host, "cpu", fmt.Sprint(cpu), "mode", mode)
			}
		}
		write(10, h, 0, end, nil, walk(1e9, 1e7), "__name__", "mem_used", "host", host, "unit", "bytes")
		write(10, h, 0, end, func(s int) bool { return s/700%2 == 1 }, walk(40, 5), "__name__", "temperature", "host", host, "sensor", "cpu")
		write(60, h*7, 0, end, nil, func(s int) float64 { return float64(s / 600 % 2) }, "__name__", "up", "host", host)
		write(300, h, 0, end, nil, func(int) float64 { return 1 }, "__name__", "node_info", "host", host, "os", []string{"debian", "fedora"}[h%2], "kernel", "6."+fmt.Sprint(h))
		for i, le := range []string{"0.1", "0.5", "1", "5", "+Inf"} {
			write(15, h, 0, end, nil, counter(float64(i+1), 0), "__name__", "latency_bucket", "host", host, "le", le)
		}
		write(15, h, 0, end, nil, counter(3, 0), "__name__", "latency_sum", "host", host)
		write(15, h, 0, end, nil, counter(5, 0), "__name__", "latency_count", "host", host)
	}
	write(10, 1, 0, 1800, nil, walk(5, 1), "__name__", "ended", "host", "a")
	write(10, 1, 3600, end, nil, walk(5, 1), "__name__", "late", "host", "a")
	write(240, 0, 0, end, nil, walk(5, 1), "__name__", "sparse", "host", "a")
	write(60, 0, 0, end, nil, func(s int) float64 { return float64(s) }, "__name__", "ramp", "host", "a")
	write(60, 0, 0, end, nil, func(s int) float64 { return float64(-s) }, "__name__", "ramp", "host", "b")
	write(30, 0, 0, end, nil, func(s int) float64 { return []float64{1e300, -1e300, 0, math.Copysign(0, -1), 1e-300, 3.5}[s/30%6] }, "__name__", "extreme", "host", "a")
	write(60, 0, 3000, 3000, nil, func(int) float64 { return 7 }, "__name__", "once", "host", "a")
	return all
}

// Our engine and Prometheus give the same answers to all expressions: there are no differences to list. What cannot be compared, because
// Redis cannot store it: stale markers (a series ends after the lookback, not at once), native histograms, exemplars, start times of
// counters. Compactions are compared in compactions_test.go.
func TestReference(t *testing.T) {
	samples := referenceSamples()
	prometheus := newReference(t, samples)
	windows := []window{
		{start: at(3600)}, {start: at(3607.5)}, {start: at(5400.001)}, {start: at(1800 + 301)}, {start: at(3000), lookback: time.Minute},
		{start: at(600), end: at(6000), step: time.Minute},
		{start: at(611.3), end: at(4000), step: 37 * time.Second},
		{start: at(0), end: at(8000), step: 10 * time.Minute},
		{start: at(3000), end: at(3120), step: time.Second},
		{start: at(3000), end: at(6000), step: 50 * time.Second, lookback: 30 * time.Second},
	}
	if n := len(referenceExpressions); n < 150 {
		t.Errorf("only %d expressions", n)
	}
	servers := querytest.Servers(t)
	delete(servers, "front") // it is slow, and its replies are those of the embedded server
	for name, client := range servers {
		t.Run(name, func(t *testing.T) {
			querytest.Add(t, client, samples)
			e := query.New(client, query.Limits{Samples: 50_000_000})
			t.Cleanup(e.Close)
			for _, expr := range referenceExpressions {
				empty := true
				for _, w := range windows {
					want, got := inOrder(expr, prometheus.evaluate(t.Context(), w, expr)), inOrder(expr, evaluate(t.Context(), e, w, expr))
					empty = empty && want == ""
					if want != got {
						t.Errorf("%s from %s to %s step %s:\nPrometheus %.1000s\nours       %.1000s", expr, w.start.UTC(), w.end.UTC(), w.step, want, got)
						break
					}
				}
				if empty && !strings.Contains(expr, "nosuch") && !slices.Contains(emptyExpressions, expr) {
					t.Errorf("%s has no result at any time", expr)
				}
			}
		})
	}
}
