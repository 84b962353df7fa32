package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/buffer/disk"
	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// flushLag is how much later than the gathers an output is flushed, so that the samples of all inputs go out together.
	flushLag = 50 * time.Millisecond

	// openTimeout limits one attempt to open an output.
	openTimeout = time.Minute

	// The limits of what one call of an output gets. On a path that fails or is slow it gets less, but at least the minimum.
	maxSamples    = 50_000
	minSamples    = 64
	maxEventBytes = 8 << 20
	minEventBytes = 16 << 10
)

// writer owns one output: its goroutine opens it, writes its queues out, and closes it.
type writer struct {
	id       string
	settings string
	limits   Limits
	out      outputs.Output
	slot     telemetry.Slot
	log      *slog.Logger
	stats    *selfstat.Output
	lag      time.Duration // of the flushes, after the multiples of the flush interval
	backoff  pause.Backoff
	results  *results
	isOpen   bool
	pulse    pulse
	store    *disk.Store     // nil: queues are in memory only
	failed   chan struct{}   // receives when a write has failed, for the keeper
	after    <-chan struct{} // closed when the output that was replaced is closed; nil: there is none
	keeping  *keeper         // of the output that was replaced, which may be nil

	samples    *delivery[*telemetry.Batch] // nil if the output does not take samples
	events     *delivery[eventList]        // nil if the output does not take events
	deliveries []deliverer                 // those of the two that exist

	// Set before run is called.
	ctx    context.Context // done when writes must end
	cancel context.CancelFunc
	keeper *keeper       // nil: there is no disk
	drain  chan struct{} // closed when the output is removed: what is in the queues is written, then run returns
	closed chan struct{} // closed when the output is closed: nothing is written or read any more
}

// newWriter returns the writer of an output. It continues with the queues and statistics of previous, the writer of the
// output that it replaces, which may be nil.
func newWriter(spec Output, out outputs.Output, slot telemetry.Slot, limits Limits, a *Agent, previous *writer) *writer {
	log := a.log.With(keyOutput, spec.ID)
	w := &writer{
		id: spec.ID, settings: spec.Settings, limits: limits, out: out, slot: slot, log: log,
		lag:   hostPhase(a.host, limits.Flush) + min(limits.Flush/5, flushLag),
		drain: make(chan struct{}), closed: make(chan struct{}), pulse: newPulse(), store: a.store, failed: make(chan struct{}, 1),
	}
	metrics, takesSamples := out.(outputs.MetricWriter)
	events, takesEvents := out.(outputs.EventWriter)
	var samples, bytes int
	if takesSamples {
		samples = limits.Buffer
	}
	if takesEvents {
		bytes = limits.EventBuffer
	}
	if previous != nil && a.running != nil {
		w.after, w.keeping = previous.closed, previous.keeper
	}
	if previous != nil {
		w.stats = previous.stats
	} else {
		w.stats = a.self.NewOutput(spec.ID, samples, bytes)
		w.stats.DiskLimit.Store(a.disk.MaxSize)
	}
	if k, ok := out.(outputs.SeriesKeeper); ok {
		w.stats.SetSeriesGone(k.SeriesGone)
	}
	w.results = newResults(log, w.stats)
	if takesSamples {
		w.samples = newSampleDelivery(w, metrics, previous)
		w.deliveries = append(w.deliveries, w.samples)
	}
	if takesEvents {
		w.events = newEventDelivery(w, events, a.run, previous)
		w.deliveries = append(w.deliveries, w.events)
	}
	return w
}

func newSampleDelivery(w *writer, out outputs.MetricWriter, previous *writer) *delivery[*telemetry.Batch] {
	d := &delivery[*telemetry.Batch]{write: out.WriteMetrics, skip: skipSamples, portion: newPortion(minSamples, maxSamples), results: w.results}
	d.backlog, d.after = newBacklogPortion(minSamples, maxSamples, w.limits.Flush), w.after
	if previous != nil && previous.samples != nil {
		d.queue = previous.samples.queue
	} else {
		d.queue = newSampleQueue(w.limits, w.stats, w.log)
		attachDisk(d.queue, w.store, w.id, disk.SampleCodec(), &w.stats.SampleDisk)
	}
	return d
}

func newEventDelivery(w *writer, out outputs.EventWriter, run string, previous *writer) *delivery[eventList] {
	d := &delivery[eventList]{skip: skipEvents, portion: newPortion(minEventBytes, maxEventBytes), results: w.results}
	d.backlog, d.after = newBacklogPortion(minEventBytes, maxEventBytes, w.limits.Flush), w.after
	if previous != nil && previous.events != nil {
		d.queue = previous.events.queue
	} else {
		d.queue = newEventQueue(w.limits, w.stats, w.log)
		attachDisk(d.queue, w.store, w.id, eventCodec(run), &w.stats.EventDisk)
	}
	var scratch eventScratch
	d.write = func(ctx context.Context, lists []eventList) error {
		if len(lists) == 1 {
			return out.WriteEvents(ctx, lists[0].events)
		}
		defer scratch.release()
		return out.WriteEvents(ctx, scratch.join(lists, d.queue.countAll(lists)))
	}
	return d
}

// eventScratch joins the events of several batches in memory that it keeps between writes.
type eventScratch struct{ events []telemetry.Event }

// join returns the n events of the lists.
func (s *eventScratch) join(lists []eventList, n int) []telemetry.Event {
	if cap(s.events) < n {
		s.events = make([]telemetry.Event, 0, n)
	}
	for _, l := range lists {
		s.events = append(s.events, l.events...)
	}
	return s.events
}

// release forgets the events, which must not stay alive here. It frees the memory as well if the write needed only a small
// part of it, so that a burst does not cost memory for ever.
func (s *eventScratch) release() {
	used := len(s.events)
	clear(s.events)
	s.events = s.events[:0]
	if cap(s.events) > 4*used {
		s.events = nil
	}
}

// run opens the output and writes at every multiple of the flush interval, sooner when a queue fills, later after a
// failure, and at any time while the disk holds a backlog. When inputsDone or w.drain is closed, it writes out the rest and ends. The end
// of w.ctx cuts that short.
func (w *writer) run(start time.Time, inputsDone <-chan struct{}) {
	defer w.end()
	due := newSchedule(start, w.limits.Flush, w.lag)
	retryIn := w.attempt(w.ctx, nil)
	for w.wait(retryIn, &due, inputsDone) {
		w.pulse.works()
		retryIn = w.attempt(w.ctx, w.deliver)
		due.advance(time.Now().Add(-w.lag))
	}
	w.pulse.works() // the loop has ended: it is due no more
	w.writeRest(w.ctx)
}

// wait waits until it is time to write. It reports false when nothing more will come: the inputs are done, the output is
// removed, or w.ctx is done. After a failure only the time until the retry counts.
func (w *writer) wait(retryIn time.Duration, due *schedule, inputsDone <-chan struct{}) bool {
	var samples, events <-chan struct{}
	if retryIn == 0 {
		if retryIn = due.remaining(); w.hasBacklog() {
			retryIn = 0
		}
		if w.samples != nil {
			samples = w.samples.ready()
		}
		if w.events != nil {
			events = w.events.ready()
		}
	}
	w.pulse.waits(retryIn)
	timer := time.NewTimer(retryIn)
	defer timer.Stop()
	select {
	case <-inputsDone:
		return false
	case <-w.drain:
		return false
	case <-w.ctx.Done():
		return false
	default: // these go first, also when the timer is due at once
	}
	select {
	case <-timer.C:
		return true
	case <-samples:
		return true
	case <-events:
		return true
	case <-inputsDone:
	case <-w.drain:
	case <-w.ctx.Done():
	}
	return false
}

// writeRest writes out what is left in the queues. After a failure it leaves the rest to the disk, if there is one.
func (w *writer) writeRest(ctx context.Context) {
	w.backoff.Reset()
	for ctx.Err() == nil {
		retryIn := w.attempt(ctx, w.deliver)
		if retryIn == 0 || w.keepsRest() || !pause.Sleep(ctx, retryIn) {
			return
		}
	}
}

// attempt opens the output if necessary and does the work. After a failure it returns the time until the retry, else 0.
func (w *writer) attempt(ctx context.Context, work func(context.Context) (progress bool, err error)) time.Duration {
	began := time.Now()
	progress := false
	err := w.open(ctx)
	if err != nil {
		for _, d := range w.deliveries {
			d.spill()
		}
	} else if work != nil {
		progress, err = work(ctx)
	}
	if err == nil {
		w.backoff.Reset()
		w.results.succeeded()
		return 0
	}
	w.wakeKeeper()
	if ctx.Err() != nil {
		return time.Second // any pause: the caller ends
	}
	var d time.Duration
	if progress {
		d = w.backoff.AfterProgress(time.Since(began))
	} else {
		d = w.backoff.Next()
	}
	d = max(d, outputs.RetryDelay(err))
	w.results.failed(err, progress, d)
	return d
}

func (w *writer) open(ctx context.Context) error {
	if w.isOpen {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := crew.Catch(func() error { return w.out.Open(limited) }); err != nil {
		return err
	}
	w.isOpen = true
	return nil
}

// deliver writes until the queues are empty: a portion of samples and a portion of events in turn, so that neither has to
// wait for the other. When one kind fails, the other goes on. Then it writes one portion of each from the disk, and returns, so that new
// data goes first again. An error means that the write must be retried; progress that the failed write achieved something.
func (w *writer) deliver(ctx context.Context) (progress bool, err error) {
	var failed, settledAny [2]bool
	each := func(portion func(deliverer, context.Context) (int, error)) (busy bool) {
		for i, d := range w.deliveries {
			if failed[i] {
				continue
			}
			settled, e := portion(d, ctx)
			settledAny[i] = settledAny[i] || settled > 0
			if e == nil {
				busy = busy || settled > 0
				continue
			}
			var partial *outputs.PartialError
			failed[i] = true
			d.spill()
			progress = progress || settledAny[i] || errors.As(e, &partial)
			if err == nil {
				err = e
			}
		}
		return busy
	}
	for each(deliverer.deliver) {
	}
	each(deliverer.replay)
	return progress, err
}

func (w *writer) close() {
	defer close(w.closed)
	if err := crew.Catch(w.out.Close); err != nil {
		w.log.Warn("output did not close cleanly", keyError, err)
	}
}

// resizeQueues applies the limits of this writer to queues that it got from the writer before it.
func (w *writer) resizeQueues() {
	if w.samples != nil {
		w.samples.queue.resize(w.limits.Buffer, w.limits.sampleMark(), w.limits.dropLevel())
	}
	if w.events != nil {
		w.events.queue.resize(w.limits.EventBuffer, w.limits.eventMark(), w.limits.dropLevel())
	}
}

// remains is what an output leaves in its queues.
type remains struct {
	id      string
	keeper  *keeper                     // that stores the same queues, and is stopped first
	samples *delivery[*telemetry.Batch] // nil: nothing of this kind
	events  *delivery[eventList]
}

func (w *writer) remains() remains { return remains{w.id, w.keeper, w.samples, w.events} }

// orphans returns what a previous output left of a kind of data that this one does not take.
func (w *writer) orphans(previous *writer) remains {
	rest := previous.remains()
	if w.samples != nil {
		rest.samples = nil
	}
	if w.events != nil {
		rest.events = nil
	}
	return rest
}

func (r remains) isNothing() bool { return r.samples == nil && r.events == nil }

// count returns how much is in memory, also of what is being written or stored.
func (r remains) count() (samples, events int64) {
	if r.samples != nil {
		samples = r.samples.queue.fill.Count.Load()
	}
	if r.events != nil {
		events = r.events.queue.fill.Count.Load()
	}
	return samples, events
}

// giveUp stores what is in the queues on the disk. It returns how much is lost, for people.
func (r remains) giveUp() (lost []error) {
	if r.samples != nil {
		if n := r.samples.queue.close(); n > 0 {
			lost = append(lost, fmt.Errorf("output %s: %d samples were still buffered and are lost", r.id, n))
		}
	}
	if r.events != nil {
		if n := r.events.queue.close(); n > 0 {
			lost = append(lost, fmt.Errorf("output %s: %d events were still buffered and are lost", r.id, n))
		}
	}
	return lost
}

// once writes batches without a queue. An error is final.
func (w *writer) once(ctx context.Context, batches []*telemetry.Batch) error {
	defer w.close()
	err := w.open(ctx)
	if err == nil && w.samples != nil {
		err = w.samples.writeOnce(ctx, slices.Clone(batches))
	}
	var all []telemetry.Event
	for _, b := range batches {
		all = append(all, b.Events...)
	}
	if w.isOpen && w.events != nil && len(all) > 0 {
		err = errors.Join(err, w.events.writeOnce(ctx, []eventList{newEventList(all)}))
	}
	if err != nil {
		return fmt.Errorf("output %s: %w", w.id, err)
	}
	return nil
}
