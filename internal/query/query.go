// Package query evaluates PromQL over RedisTimeSeries, with Prometheus' own engine.
//
//   - query.go: [Engine], its settings, and expressions.
//   - list.go: [Engine.Series] and other methods that list what there is.
//   - index.go: the labels of all series, for selectors that Redis cannot evaluate.
//   - expression.go: the limits of an expression, checked before it is parsed.
//   - errors.go: the kinds of errors, which decide the status of an HTTP reply.
//   - matchers.go: what Redis evaluates of a selector, and what is evaluated here.
//   - queryable.go: how the engine gets its samples from Redis.
//   - pushdown.go: what Redis aggregates.
//   - compactions.go: what is read where raw samples are no longer kept.
//   - rebuild.go: the samples that are made of it.
//   - series.go: series and samples in the form that the engine wants.
package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// Limits bound what one query may cost.
type Limits struct {
	Lookback   time.Duration // how old the newest sample of a series may be; Prometheus' staleness. 0: 5 minutes
	Timeout    time.Duration // for one query, including the wait for a free place. 0: 30 s
	Samples    int           // in memory at once. 0: 5 million
	Series     int           // that one selector may match. 0: 10,000
	Concurrent int           // queries at once. 0: 4
}

func (l Limits) withDefaults() Limits {
	if l.Lookback == 0 {
		l.Lookback = 5 * time.Minute
	}
	if l.Timeout == 0 {
		l.Timeout = 30 * time.Second
	}
	if l.Samples == 0 {
		l.Samples = 5_000_000
	}
	if l.Series == 0 {
		l.Series = 10_000
	}
	if l.Concurrent == 0 {
		l.Concurrent = 4
	}
	return l
}

// defaultSubqueryStep is the step of a subquery without one, such as [1h:].
const defaultSubqueryStep = time.Minute

// with returns the limits of a query with these parameters.
func (l Limits) with(p Params) Limits {
	if p.Lookback > 0 {
		l.Lookback = p.Lookback
	}
	if p.Timeout > 0 {
		l.Timeout = min(l.Timeout, p.Timeout)
	}
	return l
}

// Engine evaluates expressions on the series of one Redis, Sentinel's master or cluster. Several goroutines may use it at once.
type Engine struct {
	limits Limits
	reader *tsread.Reader
	index  *index
	engine *promql.Engine
	parser parser.Parser
	places chan struct{} // one element for each query that runs

	noPushDown bool // Redis aggregates nothing; for tests
}

// New returns an engine that reads with client, which must be opened with [redisconn.Config.ForSearches]. The caller closes the client
// after the engine. Nothing is read yet.
func New(client *redisconn.Client, limits Limits) *Engine {
	limits = limits.withDefaults()
	p, reader := parser.NewParser(parser.Options{}), tsread.New(client)
	return &Engine{
		limits: limits, reader: reader, index: newIndex(reader), parser: p, places: make(chan struct{}, limits.Concurrent),
		engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: limits.Samples, Timeout: limits.Timeout, LookbackDelta: limits.Lookback,
			NoStepSubqueryIntervalFn: func(int64) int64 { return defaultSubqueryStep.Milliseconds() },
			EnableAtModifier:         true, EnableNegativeOffset: true, Parser: p,
		}),
	}
}

// Close closes the connections that are not in use.
func (e *Engine) Close() { e.reader.Close() }

// Params are the parameters of one query. Zero values mean the engine's limits.
type Params struct {
	Lookback time.Duration
	Timeout  time.Duration // the engine's limit applies if it is shorter
}

// Result is the result of a query. The caller must call Close when it has been used.
type Result struct {
	Value    parser.Value // String, Scalar, Vector or Matrix of package promql
	Warnings []string     // what the result lacks, or why it may be wrong
	Infos    []string     // hints about the expression
	query    promql.Query
}

// Close releases the memory of the result.
func (r *Result) Close() { r.query.Close() }

// Instant evaluates an expression at one time. Errors are of type [*Error].
func (e *Engine) Instant(ctx context.Context, expr string, at time.Time, p Params) (*Result, error) {
	return e.run(ctx, expr, p, func(ctx context.Context, q storage.Queryable, o promql.QueryOpts) (promql.Query, error) {
		return e.engine.NewInstantQuery(ctx, q, o, expr, at)
	})
}

// Range evaluates an expression at start, start+step … up to end. Step is at least 1 ms. Errors are of type [*Error].
func (e *Engine) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration, p Params) (*Result, error) {
	return e.run(ctx, expr, p, func(ctx context.Context, q storage.Queryable, o promql.QueryOpts) (promql.Query, error) {
		return e.engine.NewRangeQuery(ctx, q, o, expr, start, end, step)
	})
}

type newQuery func(context.Context, storage.Queryable, promql.QueryOpts) (promql.Query, error)

// run evaluates an expression as soon as one of the places for queries is free.
func (e *Engine) run(ctx context.Context, expr string, p Params, construct newQuery) (result *Result, err error) {
	limits := e.limits.with(p)
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil { // a bug of the engine must not end the process
			result, err = nil, &Error{Internal, fmt.Errorf("evaluate the expression: panic: %v", r)}
		}
	}()
	if err := checkExpression(expr); err != nil {
		return nil, err
	}
	if err := e.enter(ctx); err != nil {
		return nil, limits.classify(err)
	}
	defer e.leave()
	source := &queryable{engine: e, limits: limits}
	q, err := construct(ctx, source, promql.NewPrometheusQueryOpts(false, limits.Lookback, nil))
	if err != nil {
		return nil, &Error{BadData, err}
	}
	if s, ok := q.Statement().(*parser.EvalStmt); ok {
		if err := checkSteps(s); err != nil {
			return nil, err
		}
		source.nested = hasSubquery(s.Expr)
	}
	r := q.Exec(ctx)
	if r.Err != nil {
		q.Close()
		return nil, limits.classify(r.Err)
	}
	warnings, infos := r.Warnings.AsStrings(expr, 10, 10)
	return &Result{Value: r.Value, Warnings: warnings, Infos: infos, query: q}, nil
}

func hasSubquery(expr parser.Expr) (found bool) {
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if _, ok := n.(*parser.SubqueryExpr); ok {
			found = true
		}
		return nil
	})
	return found
}

// enter waits for a place for a query; leave frees it.
func (e *Engine) enter(ctx context.Context) error {
	select {
	case e.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &Error{Timeout, fmt.Errorf("the query waited in vain for one of the %d places for queries: try again later", e.limits.Concurrent)}
		}
		return ctx.Err()
	}
}

func (e *Engine) leave() { <-e.places }

// Format returns an expression in Prometheus' canonical form. The error is of type [*Error].
func (e *Engine) Format(expr string) (string, error) {
	if err := checkExpression(expr); err != nil {
		return "", err
	}
	parsed, err := e.parser.ParseExpr(expr)
	if err != nil {
		return "", &Error{BadData, err}
	}
	return parsed.Pretty(0), nil
}
