package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// flushLag is how far behind the gathers their samples are written: those of all inputs then go out together.
	flushLag = 50 * time.Millisecond

	// longWait is how long a sender must have waited for room until that is logged.
	longWait = time.Second

	// calm is how long nothing must be rejected or given up until that is over: most writes have nothing of what is.
	calm = 10 * time.Minute

	// writeTimeout bounds one call of an output.
	writeTimeout = time.Minute
)

// writer owns one output: what waits for it, and the goroutine that writes it out.
type writer struct {
	id      string
	out     outputs.Output
	metrics outputs.MetricWriter    // nil: takes no samples
	events  outputs.EventWriter     // nil: takes no events
	samples *lane[*telemetry.Batch] // nil like metrics
	lines   *lane[events]           // nil like events
	block   bool                    // those who emit events wait for room if they can
	stats   *selfstat.Output
	log     *slog.Logger
	flush   time.Duration
	lag     time.Duration // behind the multiples of flush

	dropLevel slog.Level

	health  health
	pause   backoff
	rejects health
	given   health // up
	opened  bool
}

func newWriter(o Output, c Config) *writer {
	log := c.Log.With(keyOutput, o.ID)
	w := &writer{
		id: o.ID, out: o.Output, flush: c.Flush, lag: phase(c.Host, c.Flush) + min(c.Flush/5, flushLag), log: log, block: c.Block,
		health: health{log: log}, rejects: health{log: log, calm: calm}, given: health{log: log, lost: true, calm: calm}, dropLevel: slog.LevelError,
	}
	if c.QuietDrops {
		w.dropLevel = slog.LevelDebug
	}
	w.metrics, _ = o.Output.(outputs.MetricWriter)
	w.events, _ = o.Output.(outputs.EventWriter)
	var samples, lines int
	if w.metrics != nil {
		samples = c.Buffer
	}
	if w.events != nil {
		lines = c.EventBuffer
	}
	w.stats = c.Self.NewOutput(o.ID, samples, lines)
	if w.metrics != nil {
		w.samples = samplesLane(w, samples)
	}
	if w.events != nil {
		w.lines = eventsLane(w, lines)
	}
	return w
}

// push queues the samples of a batch. It may be called from any goroutine.
func (w *writer) push(b *telemetry.Batch) {
	if w.samples == nil || b.Len() == 0 {
		return
	}
	if w.samples.push(b) > 0 {
		w.say(&w.samples.full, "buffer is full, the oldest samples are dropped; raise max_buffer_size or mend the output")
	}
}

// pushEvents queues events, and waits for room if it may. It may be called from any goroutine.
func (w *writer) pushEvents(ctx context.Context, e events, mayWait bool) {
	l := w.lines
	switch {
	case l == nil:
	case !w.block:
		if l.push(e) > 0 {
			w.say(&l.full, "buffer of events is full, the oldest are dropped; raise max_event_buffer or mend the output")
		}
	case l.offer(e):
	case mayWait:
		w.waitForRoom(ctx, e)
	default:
		w.stats.Dropped.Add(int64(len(e.list)))
		w.say(&l.full, "buffer of events is full, those that cannot wait are dropped; raise max_event_buffer or mend the output")
	}
}

// waitForRoom queues events when there is room. That this takes a moment is how a fast sender is slowed down; only when it
// takes long is it worth a line.
func (w *writer) waitForRoom(ctx context.Context, e events) {
	began := time.Now()
	long := time.AfterFunc(longWait, func() {
		w.say(&w.lines.full, "buffer of events is full, senders have to wait; raise max_event_buffer or mend the output")
	})
	w.lines.pushWait(ctx, e)
	long.Stop()
	w.stats.WaitTime.Add(int64(time.Since(began)))
}

// say logs once that a buffer is full, until it was written out.
func (w *writer) say(said *atomic.Bool, message string) {
	if !said.Swap(true) {
		w.log.Log(context.Background(), w.dropLevel, message, w.waiting(keyDropped, w.stats.Dropped.Load())...)
	}
}

// waiting returns what is buffered as attributes of a log line, behind others.
func (w *writer) waiting(attrs ...any) []any {
	if w.samples != nil {
		attrs = append(attrs, keyBuffered, w.stats.Samples.Count.Load())
	}
	if w.lines != nil {
		attrs = append(attrs, keyEvents, w.stats.Events.Count.Load())
	}
	return attrs
}

// run opens the output and writes at every multiple of the flush interval, sooner when the queue fills, later after a
// failure. When inputsDone is closed it writes out the rest and ends; ctx cuts that short.
func (w *writer) run(ctx context.Context, start time.Time, inputsDone <-chan struct{}) {
	defer w.close()
	due := start
	pause := w.attempt(ctx, w.open)
	for w.wait(ctx, pause, due, inputsDone) {
		pause = w.attempt(ctx, w.writeOut)
		due = nextTick(time.Now().Add(-w.lag), due, w.flush)
	}
	w.drain(ctx)
}

// wait returns false when there is no more to wait for: the inputs are done, or ctx is. After a failure only time counts:
// the pause.
func (w *writer) wait(ctx context.Context, pause time.Duration, due time.Time, inputsDone <-chan struct{}) bool {
	var samples, lines <-chan struct{}
	if pause == 0 {
		pause = time.Until(due.Add(w.lag))
		if w.samples != nil {
			samples = w.samples.queue.Ready()
		}
		if w.lines != nil {
			lines = w.lines.queue.Ready()
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-samples:
		return true
	case <-lines:
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
	if err == nil {
		w.pause.reset()
		w.health.ok("output works again", w.waiting(keyDropped, w.stats.Dropped.Load())...)
		return 0
	}
	if ctx.Err() != nil {
		return firstPause
	}
	d := max(w.pause.next(), outputs.RetryDelay(err))
	w.health.fail("output failed, what it was given is kept and will be written again", err, w.waiting(keyRetryIn, d.Round(time.Millisecond))...)
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

// writeOut writes until nothing waits. An error means: try again later.
func (w *writer) writeOut(ctx context.Context) error {
	if w.samples != nil {
		if err := w.samples.writeOut(ctx); err != nil {
			return err
		}
	}
	if w.lines != nil {
		return w.lines.writeOut(ctx)
	}
	return nil
}

// call makes one call of the output. A panic of the output counts as its verdict on this very data: writing the same
// again would only end the same.
func (w *writer) call(ctx context.Context, write func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	began := time.Now()
	err := recovered(func() error { return write(limited) })
	took := time.Since(began)
	w.stats.WriteTime.Add(int64(took))
	w.log.Debug("written", w.waiting(keyTook, took, "ok", err == nil)...)
	var crash *panicError
	if errors.As(err, &crash) {
		w.log.Error("output crashed; please report this", keyError, err, "stack", string(crash.stack))
		return outputs.Permanent(err)
	}
	return err
}

// settle counts what became of n samples or events (kind says which), by the class of the error, and returns the error if
// they are to be written again.
func (w *writer) settle(kind string, n int, err error) error {
	var rejected *outputs.RejectError
	written := n
	switch {
	case err == nil:
		w.rejects.ok("nothing is rejected any more")
	case errors.As(err, &rejected):
		w.reject(rejected)
		w.rejects.fail("output rejects "+kind, fmt.Errorf("%d of %d: %w", rejected.N, n, rejected.Err))
		written -= rejected.N
	case outputs.IsPermanent(err):
		w.stats.Dropped.Add(int64(n))
		w.given.fail(kind+" cannot be written and are given up", err, keyDropped, n)
		return nil
	default:
		w.stats.Retries.Add(1)
		return err
	}
	w.given.ok("nothing is given up any more")
	if w.stats.Writes.Add(1) == 1 {
		w.log.Info("first "+kind+" are written", kind, written)
	}
	w.stats.Written.Add(int64(written))
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
	if err == nil && w.metrics != nil {
		err = w.call(ctx, func(ctx context.Context) error { return w.metrics.WriteMetrics(ctx, batches) })
	}
	var all []telemetry.Event
	for _, b := range batches {
		all = append(all, b.Events...)
	}
	if w.opened && w.events != nil && len(all) > 0 {
		err = errors.Join(err, w.call(ctx, func(ctx context.Context) error { return w.events.WriteEvents(ctx, all) }))
	}
	if err != nil {
		return fmt.Errorf("output %s: %w", w.id, err)
	}
	return nil
}
