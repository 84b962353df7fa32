// Package outputs is the contract between the agent and its outputs, and the classes of their errors.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Output is a destination. Open is retried with growing pauses until it succeeds; Close is called once, after the
// last write. All methods are called from one goroutine, the output's own. An Output is also a [MetricWriter], an
// [EventWriter] or both; what it is not, it is not given.
type Output interface {
	Open(ctx context.Context) error
	Close() error
}

// MetricWriter is an output for samples. The batches are shared with other outputs and must not be changed. The error
// says what becomes of the samples:
//
//   - nil: all are settled
//   - [RejectError]: all are settled, but the destination refused some for good
//   - [PartialError]: a prefix is settled, the rest must be written again
//   - [Permanent]: all are given up
//   - [RetryAfter] and any other error: all must be written again, so a write must be idempotent
//
// A write may take as long as the destination shows signs of life: an output gives up when it is silent, not after a
// fixed time. When ctx ends it returns at once, with a PartialError if something is settled.
type MetricWriter interface {
	WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error
}

// EventWriter is an output for events; errors are as for [MetricWriter].
type EventWriter interface {
	WriteEvents(ctx context.Context, events []telemetry.Event) error
}

// SeriesKeeper is an output that creates series in its destination, and counts those that were gone when it wrote to them
// again. It may be asked from any goroutine.
type SeriesKeeper interface {
	SeriesGone() int64
}

// Env is what an output is built with.
type Env struct {
	ID       string         // unique in this agent: the name, or name#alias
	Slot     telemetry.Slot // its memo slot in every series
	Host     string         // the agent's host name
	Instance string         // a few random characters: tells this process from every other agent, for the IDs of events
	Log      *slog.Logger   // carries the output's ID already
	Secrets  secret.Resolver
	Stdout   io.Writer // where an output that prints, prints; it must escape what it prints (internal/terminal)
}

// Options are the keys that every output understands beside its own.
type Options struct {
	Alias string `yaml:"alias" conf:"public"` // tells several outputs of one kind apart in logs and statistics
}

type (
	// Definition is one kind of output.
	Definition = catalog.Definition[Env, Options, Output]
	// Built is a decoded configuration of an output.
	Built = catalog.Built[Env, Options, Output]
	// Catalog is a list of outputs.
	Catalog = catalog.Catalog[Env, Options, Output]
)

// Define defines an output.
func Define[C any, O Output](name, summary string, defaults func() C, build func(Env, C) (O, error)) Definition {
	return catalog.Define[C, Env, Options](name, summary, defaults, func() Options { return Options{} },
		func(e Env, c C) (Output, error) { return build(e, c) })
}

// RejectError says that the write is settled, but the destination refused N samples or events for good.
type RejectError struct {
	N       int
	Err     error          // the reason, or several joined, for people
	Reasons map[string]int // how many for which reason, in one word that never changes ("too_old"); the rest is [Other]
}

// PartialError says that a write was cut short, but got somewhere. The first Settled samples or events, in the order in
// which they were given, are settled. Settled may be 0: then the write made other progress (it created series, for
// example) that the next write builds on.
type PartialError struct {
	Settled  int
	Rejected *RejectError // what the destination refused for good among the settled ones; nil if nothing
	Err      error        // why the rest must be written again
}

func (e *PartialError) Error() string { return e.Err.Error() }
func (e *PartialError) Unwrap() error { return e.Err }

// Other is the reason of rejections that have no word of their own.
const Other = "other"

func (e *RejectError) Error() string { return fmt.Sprintf("%d rejected: %v", e.N, e.Err) }
func (e *RejectError) Unwrap() error { return e.Err }

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that writing again cannot mend: what was written is given up and counted as dropped.
func Permanent(err error) error { return permanentError{err} }

// IsPermanent says whether the error was marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type retryAfterError struct {
	error
	after time.Duration
}

func (e retryAfterError) Unwrap() error { return e.error }

// RetryAfter marks an error after which the destination wants to be left alone for a while.
func RetryAfter(err error, d time.Duration) error { return retryAfterError{err, d} }

// RetryDelay returns the pause asked for by [RetryAfter], or 0.
func RetryDelay(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}
