package query

import (
	"context"
	"errors"

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

// classify returns the class of an error of the engine or of Redis.
func classify(err error) *Error {
	var known *Error
	var canceled promql.ErrQueryCanceled
	var late promql.ErrQueryTimeout
	var storage promql.ErrStorage
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return &Error{Timeout, err}
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &Error{Canceled, err}
	case errors.As(err, &storage):
		return &Error{Unavailable, err}
	}
	return &Error{Execution, err}
}
