package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// flushLag is how far behind the gathers their samples are written: those of all inputs then go out together.
	flushLag = 50 * time.Millisecond

	// maxWrite is how many samples one call of an output gets.
	maxWrite = 50_000

	// writeTimeout bounds one call of an output.
	writeTimeout = time.Minute
)

// writer owns one output: its queue, and the goroutine that writes it out.
type writer struct {
	id      string
	out     outputs.Output
	metrics outputs.MetricWriter // nil: takes no samples
	events  outputs.EventWriter  // nil: takes no events
	queue   *buffer.Queue[*telemetry.Batch]
	stats   *selfstat.Output
	log     *slog.Logger
	flush   time.Duration
	lag     time.Duration // behind the multiples of flush

	dropLevel slog.Level

	health   health
	pause    backoff
	rejects  health
	given    health // up
	opened   bool
	dropping atomic.Bool // the queue is full
	scratch  []*telemetry.Batch
}

func newWriter(o Output, c Config) *writer {
	log := c.Log.With(keyOutput, o.ID)
	w := &writer{
		id: o.ID, out: o.Output, flush: c.Flush, lag: phase(c.Host, c.Flush) + min(c.Flush/5, flushLag), log: log,
		stats: c.Self.NewOutput(o.ID, c.Buffer), health: health{log: log}, rejects: health{log: log}, given: health{log: log, lost: true},
		dropLevel: slog.LevelError,
	}
	if c.QuietDrops {
		w.dropLevel = slog.LevelDebug
	}
	w.metrics, _ = o.Output.(outputs.MetricWriter)
	w.events, _ = o.Output.(outputs.EventWriter)
	w.queue = queueOf(c.Buffer, w.metrics != nil, w.events != nil)
	return w
}

// push queues a batch if there is something in it for this output. It may be called from any goroutine.
func (w *writer) push(b *telemetry.Batch) {
	if (w.metrics == nil || b.Len() == 0) && (w.events == nil || len(b.Events) == 0) {
		return
	}
	dropped := w.queue.Push(b)
	w.stats.Buffered.Store(int64(w.queue.Weight()))
	w.drop(dropped)
}

// drop counts what was pushed out of the queue and says so when it begins.
func (w *writer) drop(n int) {
	if n == 0 {
		return
	}
	w.stats.Dropped.Add(int64(n))
	if !w.dropping.Swap(true) {
		w.log.Log(context.Background(), w.dropLevel, "buffer is full, the oldest samples are dropped; raise max_buffer_size or mend the output",
			keyBuffered, w.queue.Weight(), keyDropped, w.stats.Dropped.Load())
	}
}

// run opens the output and writes at every multiple of the flush interval, sooner when the queue fills, later after a
// failure. When inputsDone is closed it writes out the rest and ends; ctx cuts that short.
func (w *writer) run(ctx context.Context, start time.Time, inputsDone <-chan struct{}) {
	defer w.close()
	due := start
	pause := w.attempt(ctx, w.open)
	for {
		ready := w.queue.Ready()
		wait := time.Until(due.Add(w.lag))
		if pause > 0 { // after a failure only time counts
			ready, wait = nil, pause
		}
		if !w.wait(ctx, wait, ready, inputsDone) {
			break
		}
		pause = w.attempt(ctx, w.writeOut)
		due = nextTick(time.Now().Add(-w.lag), due, w.flush)
	}
	w.drain(ctx)
}

// wait returns false when there is no more to wait for: the inputs are done, or ctx is.
func (w *writer) wait(ctx context.Context, d time.Duration, ready, inputsDone <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ready:
		return true
	case <-inputsDone:
	case <-ctx.Done():
	}
	return false
}

// drain writes out what is left after the last input has stopped.
func (w *writer) drain(ctx context.Context) {
	w.pause.reset()
	for ctx.Err() == nil {
		pause := w.attempt(ctx, w.writeOut)
		if pause == 0 || !sleep(ctx, pause) {
			return
		}
	}
}

// attempt opens the output if need be, does the work and returns the pause that a failure asks for, or 0.
func (w *writer) attempt(ctx context.Context, work func(context.Context) error) time.Duration {
	err := w.open(ctx)
	if err == nil {
		err = work(ctx)
	}
	w.stats.Buffered.Store(int64(w.queue.Weight()))
	if err == nil {
		w.pause.reset()
		w.health.ok("output works again", keyBuffered, w.queue.Weight(), keyDropped, w.stats.Dropped.Load())
		return 0
	}
	if ctx.Err() != nil {
		return firstPause
	}
	d := max(w.pause.next(), outputs.RetryDelay(err))
	w.health.fail("output failed, what it was given is kept and will be written again", err,
		keyRetryIn, d.Round(time.Millisecond), keyBuffered, w.queue.Weight())
	return d
}

func (w *writer) open(ctx context.Context) error {
	if w.opened {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := recovered(func() error { return w.out.Open(limited) }); err != nil {
		return err
	}
	w.opened = true
	return nil
}

// writeOut writes the queue until it is empty. An error means: try again later.
func (w *writer) writeOut(ctx context.Context) error {
	for {
		lease := w.queue.Take(w.scratch, maxWrite)
		w.scratch = lease.Items
		if len(lease.Items) == 0 {
			return nil
		}
		err := w.settle(lease, w.write(ctx, lease.Items))
		clear(w.scratch) // a written batch must not live on here
		if err != nil {
			return err
		}
		w.dropping.Store(false)
	}
}

// write makes one call per kind of data. A panic of the output counts as its verdict on this very data: writing the
// same again would only end the same.
func (w *writer) write(ctx context.Context, batches []*telemetry.Batch) error {
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	began := time.Now()
	err := recovered(func() error { return w.writeKinds(limited, batches) })
	w.stats.WriteTime.Add(int64(time.Since(began)))
	w.log.Debug("written", "batches", len(batches), keyTook, time.Since(began), "ok", err == nil,
		keyBuffered, w.queue.Weight(), "limit", w.stats.Limit)
	var crash *panicError
	if errors.As(err, &crash) {
		w.log.Error("output crashed; please report this", keyError, err, "stack", string(crash.stack))
		return outputs.Permanent(err)
	}
	return err
}

func (w *writer) writeKinds(ctx context.Context, batches []*telemetry.Batch) error {
	var rejected *outputs.RejectError
	if w.metrics != nil {
		err := w.metrics.WriteMetrics(ctx, batches)
		if err != nil && !errors.As(err, &rejected) {
			return err
		}
	}
	if w.events == nil {
		return asError(rejected)
	}
	var events []telemetry.Event
	for _, b := range batches {
		events = append(events, b.Events...)
	}
	if len(events) == 0 {
		return asError(rejected)
	}
	err := w.events.WriteEvents(ctx, events)
	var more *outputs.RejectError
	if rejected != nil && errors.As(err, &more) {
		return rejected.With(more)
	}
	if err == nil {
		return asError(rejected)
	}
	return err
}

func asError(r *outputs.RejectError) error {
	if r == nil {
		return nil
	}
	return r
}

// settle ends a lease by the class of the error, counts, and returns the error if the lease went back to the queue.
func (w *writer) settle(lease buffer.Lease[*telemetry.Batch], err error) error {
	n := lease.Weight
	var rejected *outputs.RejectError
	switch {
	case err == nil:
		w.rejects.ok("nothing is rejected any more")
	case errors.As(err, &rejected):
		w.reject(rejected)
		w.rejects.fail("output rejects samples", fmt.Errorf("%d of %d: %w", rejected.N, n, rejected.Err))
		n -= rejected.N
	case outputs.IsPermanent(err):
		lease.Done()
		w.stats.Dropped.Add(int64(n))
		w.given.fail("samples cannot be written and are given up", err, keyDropped, n)
		return nil
	default:
		w.stats.Retries.Add(1)
		w.drop(lease.Return())
		return err
	}
	lease.Done()
	w.given.ok("nothing is given up any more")
	if w.stats.Writes.Add(1) == 1 {
		w.log.Info("first samples are written", keySamples, n)
	}
	w.stats.Written.Add(int64(n))
	w.stats.LastSuccess.Store(time.Now().UnixNano())
	return nil
}

// reject counts what the destination refused, by reason.
func (w *writer) reject(r *outputs.RejectError) {
	rest := r.N
	for reason, n := range r.Reasons {
		w.stats.Reject(reason, n)
		rest -= n
	}
	if rest > 0 {
		w.stats.Reject(outputs.Other, rest)
	}
}

func (w *writer) close() {
	if err := recovered(w.out.Close); err != nil {
		w.log.Warn("output did not close cleanly", keyError, err)
	}
}

// once writes batches outside the loop: an error is final.
func (w *writer) once(ctx context.Context, batches []*telemetry.Batch) error {
	defer w.close()
	err := w.open(ctx)
	if err == nil {
		err = w.write(ctx, batches)
	}
	if err != nil {
		return fmt.Errorf("output %s: %w", w.id, err)
	}
	return nil
}
