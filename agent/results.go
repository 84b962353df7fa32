package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// longestWrite limits one call of an output. Outputs give up earlier when their destination is silent; this limit is for
	// a destination that keeps the connection alive without ever finishing.
	longestWrite = 10 * time.Minute

	// quietPeriod is how long a failure must not recur before we log that it is over. Most writes contain none of the
	// offending samples.
	quietPeriod = 10 * time.Minute

	// steadyPeriod replaces quietPeriod's default of 0 for an output that fails repeatedly but makes progress each time. It
	// applies after the output worked for a shorter time than that maxFlaps times in a row.
	steadyPeriod = time.Minute
	maxFlaps     = 5
)

// results counts the outcome of an output's writes. It logs when they begin to fail, to be rejected or to be dropped, and
// when that is over.
type results struct {
	log        *slog.Logger
	stats      *selfstat.Output
	hasWritten bool // something was written
	failing    health
	rejected   health
	dropped    health

	lastRecovery time.Time // when the log last said that the output works again
	flaps        int
}

func newResults(log *slog.Logger, stats *selfstat.Output) *results {
	return &results{
		log: log, stats: stats, failing: health{log: log, condition: &stats.Condition, part: "write"},
		rejected: health{log: log, quietPeriod: quietPeriod},
		dropped:  health{log: log, losesData: true, quietPeriod: quietPeriod, condition: &stats.Condition, part: "data"},
	}
}

// call makes one call of the output. A panic of the output counts as a permanent error of this data, because writing it
// again would panic again.
func (r *results) call(ctx context.Context, write func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, longestWrite)
	defer cancel()
	began := time.Now()
	r.stats.CallSince.Store(began.UnixNano())
	err := crew.Catch(func() error { return write(limited) })
	r.stats.CallSince.Store(0)
	took := time.Since(began)
	r.stats.WriteTime.Add(int64(took))
	r.log.Debug("written", withBuffered(r.stats, keyTook, took, "ok", err == nil)...)
	var crash *crew.PanicError
	if errors.As(err, &crash) {
		r.log.Error("output crashed; please report this", keyError, err, "stack", string(crash.Stack))
		return outputs.Permanent(err)
	}
	return err
}

// judge counts the outcome of a write of n samples or events by the class of its error. It returns how many are settled, and
// the error if the rest must be written again.
func (r *results) judge(k itemKind, n int, err error) (settled int, again error) {
	var partial *outputs.PartialError
	var rejected *outputs.RejectError
	switch {
	case err == nil:
		r.stats.Writes.Add(1)
	case errors.As(err, &partial):
		r.stats.Retries.Add(1)
		if partial.Settled == 0 {
			return 0, err
		}
		n, rejected, again = min(partial.Settled, n), partial.Rejected, err
	case errors.As(err, &rejected):
		r.stats.Writes.Add(1)
	case outputs.IsPermanent(err):
		r.stats.Dropped.Add(int64(n))
		r.dropped.reportFailure(string(k)+" cannot be written and are dropped", err, keyDropped, n)
		return n, nil
	default:
		r.stats.Retries.Add(1)
		return 0, err
	}
	r.countSettled(k, n, rejected)
	return n, again
}

// countSettled counts n samples or events that are settled, some of them rejected for good.
func (r *results) countSettled(k itemKind, n int, rejected *outputs.RejectError) {
	written := n
	if rejected != nil {
		r.countRejected(rejected)
		r.rejected.reportFailure("output rejects "+string(k), fmt.Errorf("%d of %d: %w", rejected.N, n, rejected.Err))
		written -= rejected.N
	} else {
		r.rejected.reportSuccess("nothing is rejected any more")
	}
	r.dropped.reportSuccess("nothing is dropped any more")
	if !r.hasWritten {
		r.hasWritten = true
		r.log.Info("first "+string(k)+" are written", string(k), written)
	}
	r.stats.Written.Add(int64(written))
	r.stats.LastSuccess.Store(time.Now().UnixNano())
}

// countRejected counts what the destination refused, by reason.
func (r *results) countRejected(e *outputs.RejectError) {
	rest := e.N
	for reason, n := range e.Reasons {
		r.stats.RecordRejected(reason, n)
		rest -= n
	}
	if rest > 0 {
		r.stats.RecordRejected(outputs.Other, rest)
	}
}

// succeeded logs that a failing output works again.
func (r *results) succeeded() {
	if r.failing.reportSuccess("output works again", withBuffered(r.stats, keyDropped, r.stats.Dropped.Load())...) {
		r.lastRecovery = time.Now()
	}
}

// failed logs that an output fails. When an output makes progress each time but soon fails again, the log stops saying that
// it works again between the failures.
func (r *results) failed(err error, progress bool, retryIn time.Duration) {
	isFirst := r.failing.since.IsZero()
	switch {
	case !progress, isFirst && time.Since(r.lastRecovery) > steadyPeriod:
		r.flaps = 0
	case isFirst:
		r.flaps++
	}
	r.failing.quietPeriod = 0
	if r.flaps >= maxFlaps {
		r.failing.quietPeriod = steadyPeriod
	}
	r.failing.reportFailure("output failed, its data is kept and will be written again", err,
		withBuffered(r.stats, keyRetryIn, retryIn.Round(time.Millisecond))...)
}
