package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// flushLag is how long after the gathers their samples are written: those of all inputs then go out together.
	flushLag = 50 * time.Millisecond

	// openTimeout bounds one attempt to open an output.
	openTimeout = time.Minute

	// What one call of an output gets: at most this, and on a path that fails or is slow at least that.
	mostSamples     = 50_000
	leastSamples    = 64
	mostEventBytes  = 8 << 20
	leastEventBytes = 16 << 10
)

// writer owns one output: what waits for it, and the goroutine that writes it out.
type writer struct {
	id      string
	out     outputs.Output
	log     *slog.Logger
	stats   *selfstat.Output
	flush   time.Duration
	lag     time.Duration // after the multiples of flush
	pause   backoff
	results *results
	opened  bool

	samples *delivery[*telemetry.Batch] // nil if the output takes no samples
	events  *delivery[eventList]        // nil if the output takes no events
	all     []deliverer                 // those of the two that there are
}

func newWriter(o Output, c Config) *writer {
	log := c.Log.With(keyOutput, o.ID)
	w := &writer{id: o.ID, out: o.Output, log: log, flush: c.Flush, lag: phase(c.Host, c.Flush) + min(c.Flush/5, flushLag)}
	metrics, takesSamples := o.Output.(outputs.MetricWriter)
	events, takesEvents := o.Output.(outputs.EventWriter)
	var samples, bytes int
	if takesSamples {
		samples = c.Buffer
	}
	if takesEvents {
		bytes = c.EventBuffer
	}
	w.stats = c.Self.NewOutput(o.ID, samples, bytes)
	if k, ok := o.Output.(outputs.SeriesKeeper); ok {
		w.stats.SeriesGone = k.SeriesGone
	}
	w.results = newResults(log, w.stats)
	if takesSamples {
		w.samples = newSamples(w.stats, w.results, metrics, c, log)
		w.all = append(w.all, w.samples)
	}
	if takesEvents {
		w.events = newEvents(w.stats, w.results, events, c, log)
		w.all = append(w.all, w.events)
	}
	return w
}

func newSamples(stats *selfstat.Output, r *results, out outputs.MetricWriter, c Config, log *slog.Logger) *delivery[*telemetry.Batch] {
	return &delivery[*telemetry.Batch]{
		backlog: &backlog[*telemetry.Batch]{
			kind: kindSamples, count: (*telemetry.Batch).Len, fill: &stats.Samples, stats: stats, log: log, dropLevel: dropLevel(c),
			queue: buffer.New(c.Buffer, c.Buffer/2, (*telemetry.Batch).Len, splitBatch),
		},
		write: out.WriteMetrics, skip: skipSamples, portion: newPortion(leastSamples, mostSamples), results: r,
	}
}

func newEvents(stats *selfstat.Output, r *results, out outputs.EventWriter, c Config, log *slog.Logger) *delivery[eventList] {
	return &delivery[eventList]{
		backlog: &backlog[eventList]{
			kind: kindEvents, count: func(l eventList) int { return len(l.events) }, fill: &stats.Events, stats: stats,
			block: c.Block, log: log, dropLevel: dropLevel(c),
			queue: buffer.New(c.EventBuffer, min(c.EventBuffer/2, mostEventBytes), func(l eventList) int { return l.bytes }, splitEvents),
		},
		write: func(ctx context.Context, lists []eventList) error {
			var all []telemetry.Event
			for _, l := range lists {
				all = append(all, l.events...)
			}
			return out.WriteEvents(ctx, all)
		},
		skip: skipEvents, portion: newPortion(leastEventBytes, mostEventBytes), results: r,
	}
}

func dropLevel(c Config) slog.Level {
	if c.QuietDrops {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// push queues the samples of a batch. It may be called from any goroutine.
func (w *writer) push(b *telemetry.Batch) {
	if w.samples != nil {
		w.samples.backlog.add(context.Background(), b, false)
	}
}

// pushEvents queues events, and waits for room if it may. It may be called from any goroutine.
func (w *writer) pushEvents(ctx context.Context, l eventList, mayWait bool) {
	if w.events != nil {
		w.events.backlog.add(ctx, l, mayWait)
	}
}

// run opens the output and writes at every multiple of the flush interval, sooner when a queue fills, later after a
// failure. When inputsDone is closed it writes out the rest and ends; ctx cuts that short.
func (w *writer) run(ctx context.Context, start time.Time, inputsDone <-chan struct{}) {
	defer w.close()
	due := start
	pause := w.attempt(ctx, nil)
	for w.wait(ctx, pause, due, inputsDone) {
		pause = w.attempt(ctx, w.deliver)
		due = nextTick(time.Now().Add(-w.lag), due, w.flush)
	}
	w.drain(ctx)
}

// wait returns false when there is nothing more to wait for: the inputs are done, or ctx is. After a failure only the
// pause counts.
func (w *writer) wait(ctx context.Context, pause time.Duration, due time.Time, inputsDone <-chan struct{}) bool {
	var samples, events <-chan struct{}
	if pause == 0 {
		pause = time.Until(due.Add(w.lag))
		if w.samples != nil {
			samples = w.samples.ready()
		}
		if w.events != nil {
			events = w.events.ready()
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-samples:
		return true
	case <-events:
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
		pause := w.attempt(ctx, w.deliver)
		if pause == 0 || !sleep(ctx, pause) {
			return
		}
	}
}

// attempt opens the output if need be, does the work and returns the pause that a failure asks for, or 0.
func (w *writer) attempt(ctx context.Context, work func(context.Context) (progress bool, err error)) time.Duration {
	began := time.Now()
	progress := false
	err := w.open(ctx)
	if err == nil && work != nil {
		progress, err = work(ctx)
	}
	if err == nil {
		w.pause.reset()
		w.results.succeeded()
		return 0
	}
	if ctx.Err() != nil {
		return firstPause
	}
	pause := w.pause.next
	if progress {
		pause = func() time.Duration { return w.pause.afterProgress(time.Since(began)) }
	}
	d := max(pause(), outputs.RetryDelay(err))
	w.results.failed(err, progress, d)
	return d
}

func (w *writer) open(ctx context.Context) error {
	if w.opened {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := recovered(func() error { return w.out.Open(limited) }); err != nil {
		return err
	}
	w.opened = true
	return nil
}

// deliver writes until nothing waits: a portion of samples and a portion of events in turn, so that neither keeps the
// other waiting. When one kind fails, the other goes on. The error means: try again later; progress, that what failed
// got somewhere.
func (w *writer) deliver(ctx context.Context) (progress bool, err error) {
	var failed, moved [2]bool
	for busy := true; busy; {
		busy = false
		for i, d := range w.all {
			if failed[i] {
				continue
			}
			settled, e := d.deliver(ctx)
			moved[i] = moved[i] || settled > 0
			if e == nil {
				busy = busy || settled > 0
				continue
			}
			var partial *outputs.PartialError
			failed[i] = true
			progress = progress || moved[i] || errors.As(e, &partial)
			if err == nil {
				err = e
			}
		}
	}
	return progress, err
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
	if err == nil && w.samples != nil {
		err = w.samples.finally(ctx, slices.Clone(batches))
	}
	var all []telemetry.Event
	for _, b := range batches {
		all = append(all, b.Events...)
	}
	if w.opened && w.events != nil && len(all) > 0 {
		err = errors.Join(err, w.events.finally(ctx, []eventList{newEventList(all)}))
	}
	if err != nil {
		return fmt.Errorf("output %s: %w", w.id, err)
	}
	return nil
}
