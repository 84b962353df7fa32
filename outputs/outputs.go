// Package outputs defines the contract between the agent and its outputs. Each folder below it is one output.
//
//   - outputs.go: [Output], [MetricWriter] and [EventWriter]; [Define]; the classes of errors.
//   - inspect.go: [Inspector] and [Estimator], optional interfaces for the command check.
//   - read.go: [EventReader], which reads events back, for the command logs. match.go: conditions that have no index.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Output is a destination. It is also a [MetricWriter], an [EventWriter] or both; it only receives what it can write.
//
// The agent calls the methods of one output, those of its other interfaces included, from one goroutine and one after the other.
// [SeriesKeeper] is the exception. An output needs no locks unless it starts goroutines itself. The calls come in this order:
//
//  1. The function given to [Define] builds the output. It must not connect or start anything.
//  2. Open connects. After an error it is called again, after growing pauses, until it succeeds or the agent stops. It must leave
//     nothing behind when it fails. After a success it is never called again: an output whose connection breaks later makes a new
//     one within its writes. The context of one call ends after a minute.
//  3. WriteMetrics and WriteEvents are called alternately. A failed write is repeated after a pause; see [MetricWriter]. A write of
//     samples that fails does not keep events from being written, and vice versa.
//  4. Close is called exactly once, after the last write, even if Open never succeeded. It should not wait for the destination. Its
//     error is logged.
//
// A panic in Open is an error like any other. After a panic in a write, the data of that write is dropped. An output that "check" only
// estimates with is built and never opened or closed.
type Output interface {
	Open(ctx context.Context) error
	Close() error
}

// MetricWriter is implemented by outputs for samples. It is only called after Open has succeeded. Batches are shared with other
// outputs and must not be changed, or kept after the call. One call receives at most 50,000 samples.
//
// The error decides what becomes of the samples:
//
//   - nil: all are settled
//   - [RejectError]: all are settled, but the destination rejected some for good
//   - [PartialError]: the first ones are settled, the others are written again
//   - [Permanent]: all are dropped and counted as such
//   - [RetryAfter] and any other error: all are written again, so writing a sample twice must have the same effect as once
//
// Samples that are written again come in the same order, but may be divided into other batches ([telemetry.Batch.Slice]).
//
// A write may take as long as the destination keeps responding. An output must give up when the destination is silent, not after a
// fixed time. When ctx ends, it returns at once, with a PartialError if samples are settled. The agent ends ctx after ten minutes.
//
// A batch may list series that ended ([telemetry.Batch.Ended]), and may have no samples besides. Outputs that keep something for each
// series free it, once the write has succeeded.
type MetricWriter interface {
	WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error
}

// EventWriter is implemented by outputs for events. It follows the rules of [MetricWriter].
type EventWriter interface {
	WriteEvents(ctx context.Context, events []telemetry.Event) error
}

// SeriesKeeper is implemented by outputs that create series at their destination. SeriesGone returns how many series, since the
// start, were gone when the output wrote to them. It may be called from any goroutine, also before Open and after Close.
type SeriesKeeper interface {
	SeriesGone() int64
}

// Env holds what the agent provides to an output when it builds it.
type Env struct {
	ID       string         // unique in this agent: the name, or name#alias
	Slot     telemetry.Slot // its memo slot in every series
	Host     string         // the agent's host name
	Instance string         // a few random characters that no other agent process has, for the IDs of events ([telemetry.Event.AppendID])
	Log      *slog.Logger   // carries the output's ID already
	Secrets  secret.Resolver
	Stdout   io.Writer // for outputs that print; they must escape control characters (internal/terminal)

	// Describe documents a metric by its name, from the READMEs of the inputs. ok is false for an unknown one. It may be nil.
	Describe func(metric string) (doc metricdoc.Metric, ok bool)
}

// Options holds the settings that all outputs have in common.
type Options struct {
	Alias string `yaml:"alias" conf:"public"` // distinguishes outputs of one kind in logs and statistics
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

// RejectError reports that a write is settled, but the destination rejected N samples or events for good.
type RejectError struct {
	N       int
	Err     error          // the reason, or several joined, for users
	Reasons map[string]int // number by reason, a stable identifier such as "too_old"; the remainder counts as [Other]
}

// PartialError reports that a write failed but made progress. The first Settled samples or events, in the order of the arguments, are
// settled. If Settled is 0, the write made other progress that the next write builds on; for example, it created series. The agent
// retries sooner after a PartialError than after other errors.
type PartialError struct {
	Settled  int
	Rejected *RejectError // those of the settled ones that the destination rejected for good; nil if none
	Err      error        // why the others must be written again
}

func (e *PartialError) Error() string { return e.Err.Error() }
func (e *PartialError) Unwrap() error { return e.Err }

// Other is the reason of rejections without an identifier of their own.
const Other = "other"

func (e *RejectError) Error() string { return fmt.Sprintf("%d rejected: %v", e.N, e.Err) }
func (e *RejectError) Unwrap() error { return e.Err }

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that a retry cannot fix. The agent drops the data of that write and counts it.
func Permanent(err error) error { return permanentError{err} }

// IsPermanent reports whether [Permanent] marked the error.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type retryAfterError struct {
	error
	after time.Duration
}

func (e retryAfterError) Unwrap() error { return e.error }

// RetryAfter marks an error after which the destination asks for a pause of at least d before the next write.
func RetryAfter(err error, d time.Duration) error { return retryAfterError{err, d} }

// RetryDelay returns the pause of [RetryAfter], or 0.
func RetryDelay(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}
