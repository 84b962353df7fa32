package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// longestWrite bounds one call of an output. Outputs give up earlier when their destination is silent; this is for
	// one that never comes to an end.
	longestWrite = 10 * time.Minute

	// quietPeriod is how long a failure must not recur before we log that it is over: most writes contain none of the
	// offending samples.
	quietPeriod = 10 * time.Minute

	// steadyPeriod is the same for an output that fails again and again, but gets somewhere each time: after it worked
	// again for a shorter time than that maxFlaps times in a row.
	steadyPeriod = time.Minute
	maxFlaps     = 5
)

// results counts what becomes of an output's writes, and logs when they begin to fail, to be rejected or to be given up,
// and when that is over.
type results struct {
	log      *slog.Logger
	stats    *selfstat.Output
	started  bool // something was written
	failing  health
	rejected health
	givenUp  health

	worked time.Time // when the output was last said to work again
	flaps  int
}

func newResults(log *slog.Logger, stats *selfstat.Output) *results {
	return &results{
		log: log, stats: stats, failing: health{log: log},
		rejected: health{log: log, calm: quietPeriod}, givenUp: health{log: log, lost: true, calm: quietPeriod},
	}
}

// call makes one call of the output. A panic of the output counts as its verdict on this very data: writing the same
// again would only end the same.
func (r *results) call(ctx context.Context, write func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, longestWrite)
	defer cancel()
	began := time.Now()
	err := recovered(func() error { return write(limited) })
	took := time.Since(began)
	r.stats.WriteTime.Add(int64(took))
	r.log.Debug("written", withBuffered(r.stats, keyTook, took, "ok", err == nil)...)
	var crash *panicError
	if errors.As(err, &crash) {
		r.log.Error("output crashed; please report this", keyError, err, "stack", string(crash.stack))
		return outputs.Permanent(err)
	}
	return err
}

// judge counts what became of n samples or events, by the class of the error. It returns how many are settled, and the
// error if the rest must be written again.
func (r *results) judge(k kind, n int, err error) (settled int, again error) {
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
		r.givenUp.fail(string(k)+" cannot be written and are given up", err, keyDropped, n)
		return n, nil
	default:
		r.stats.Retries.Add(1)
		return 0, err
	}
	r.countSettled(k, n, rejected)
	return n, again
}

// countSettled counts n samples or events that are settled, some of them rejected for good.
func (r *results) countSettled(k kind, n int, rejected *outputs.RejectError) {
	written := n
	if rejected != nil {
		r.countRejected(rejected)
		r.rejected.fail("output rejects "+string(k), fmt.Errorf("%d of %d: %w", rejected.N, n, rejected.Err))
		written -= rejected.N
	} else {
		r.rejected.ok("nothing is rejected any more")
	}
	r.givenUp.ok("nothing is given up any more")
	if !r.started {
		r.started = true
		r.log.Info("first "+string(k)+" are written", string(k), written)
	}
	r.stats.Written.Add(int64(written))
	r.stats.LastSuccess.Store(time.Now().UnixNano())
}

// countRejected counts what the destination refused, by reason.
func (r *results) countRejected(e *outputs.RejectError) {
	rest := e.N
	for reason, n := range e.Reasons {
		r.stats.Reject(reason, n)
		rest -= n
	}
	if rest > 0 {
		r.stats.Reject(outputs.Other, rest)
	}
}

// succeeded logs that an output which failed works again.
func (r *results) succeeded() {
	if r.failing.ok("output works again", withBuffered(r.stats, keyDropped, r.stats.Dropped.Load())...) {
		r.worked = time.Now()
	}
}

// failed logs that an output fails. One that gets somewhere each time, and fails again soon, is in the end not said to
// work again between its failures.
func (r *results) failed(err error, progress bool, retryIn time.Duration) {
	begins := r.failing.since.IsZero()
	switch {
	case !progress, begins && time.Since(r.worked) > steadyPeriod:
		r.flaps = 0
	case begins:
		r.flaps++
	}
	r.failing.calm = 0
	if r.flaps >= maxFlaps {
		r.failing.calm = steadyPeriod
	}
	r.failing.fail("output failed, what it was given is kept and will be written again", err,
		withBuffered(r.stats, keyRetryIn, retryIn.Round(time.Millisecond))...)
}
