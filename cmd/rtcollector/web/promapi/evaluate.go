package promapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/query"
)

// maxSteps is the largest number of intervals of a range query, as in Prometheus.
const maxSteps = 11_000

var errNoQuery = badParam("query", errors.New("is missing or empty: send it in the address, or as a form with its Content-Type"))

// query evaluates an expression at one time.
func (a *API) query(ctx context.Context, p params) (answer, error) {
	at, err := p.time("time", time.Now())
	if err != nil {
		return answer{}, err
	}
	return a.evaluate(ctx, p, func(e *query.Engine, q query.Params) (*query.Result, error) {
		return e.Instant(ctx, p.text("query"), at, q)
	})
}

// queryRange evaluates an expression at several times.
func (a *API) queryRange(ctx context.Context, p params) (answer, error) {
	start, err := p.requiredTime("start")
	if err != nil {
		return answer{}, err
	}
	end, err := p.requiredTime("end")
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(p.text("step"))
	switch {
	case err != nil:
		return answer{}, badParam("step", err)
	case step <= 0:
		return answer{}, badParam("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case step < time.Millisecond:
		return answer{}, badParam("step", errors.New("must be at least 1ms"))
	case end.Sub(start)/step > maxSteps:
		return answer{}, badData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	return a.evaluate(ctx, p, func(e *query.Engine, q query.Params) (*query.Result, error) {
		return e.Range(ctx, p.text("query"), start, end, step, q)
	})
}

func (a *API) evaluate(ctx context.Context, p params, f func(*query.Engine, query.Params) (*query.Result, error)) (answer, error) {
	var q query.Params
	var err error
	if q.Lookback, err = p.duration("lookback_delta", 0); err != nil {
		return answer{}, err
	}
	if q.Timeout, err = p.duration("timeout", 0); err != nil {
		return answer{}, err
	}
	limit, err := p.count("limit")
	if err != nil {
		return answer{}, err
	}
	if p.text("query") == "" {
		return answer{}, errNoQuery
	}
	e, err := a.Engine(ctx)
	if err != nil {
		return answer{}, err
	}
	r, err := f(e, q)
	if err != nil {
		return answer{}, err
	}
	value, warnings := r.Value, r.Warnings
	if cut, total := truncate(&value, limit); cut {
		warnings = append(warnings, fmt.Sprintf("results truncated due to limit: %d of %d series", limit, total))
	}
	return answer{data: result{value}, warnings: warnings, infos: r.Infos, done: r.Close}, nil
}
