package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/prometheus/prometheus/promql"
)

// Kind is the class of an error. Its value is the errorType of Prometheus' HTTP API.
type Kind string

// The kinds.
const (
	BadData     Kind = "bad_data"    // the expression or a parameter is wrong: 400
	Execution   Kind = "execution"   // evaluating it failed, or exceeded a limit: 422
	Timeout     Kind = "timeout"     // 503
	Canceled    Kind = "canceled"    // the client went away: 499
	Unavailable Kind = "unavailable" // Redis cannot be reached or refuses: 503
	Internal    Kind = "internal"    // a mistake in this program: 500
)

// Error is an error with its class.
type Error struct {
	Kind Kind
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// classify returns the class of an error of the engine or of Redis. Errors of limits name the limit and how to stay below it.
func (l Limits) classify(err error) *Error {
	var known *Error
	var canceled promql.ErrQueryCanceled
	var late promql.ErrQueryTimeout
	var storage promql.ErrStorage
	var samples promql.ErrTooManySamples
	var bug runtime.Error
	switch {
	case errors.As(err, &storage) && storage.Err != nil:
		return l.classify(storage.Err) // it has no Unwrap
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return &Error{Timeout, fmt.Errorf("the query did not end in time (at most %s): use a shorter time range, a longer step or fewer series: %w", l.Timeout, err)}
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &Error{Canceled, err}
	case errors.As(err, &known):
		return known
	case errors.As(err, &samples):
		return &Error{Execution, fmt.Errorf("the query needs more than %d samples at once: use a shorter time range, a longer step or fewer series: %w", l.Samples, err)}
	case errors.As(err, &bug):
		return &Error{Internal, err}
	}
	return &Error{Execution, err}
}
