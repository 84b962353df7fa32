package agent

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// delivery writes a queue to an output, portion by portion. It belongs to the output's goroutine.
type delivery[T any] struct {
	queue   *outputQueue[T]
	write   func(context.Context, []T) error
	skip    func(item T, n int) T // returns an item without its first n samples or events
	portion portion
	backlog portion // of what is read from the disk
	results *results
	scratch []T
	after   <-chan struct{} // closed when the writer that was replaced has ended; nil: there is none
}

// deliverer is a delivery of samples or of events.
type deliverer interface {
	// deliver writes one portion and returns how many samples or events were settled. 0 without an error means that the
	// queue is empty. A [outputs.PartialError] means that the write achieved something.
	deliver(ctx context.Context) (settled int, err error)

	// ready receives when there is a reason to write before the flush is due.
	ready() <-chan struct{}

	// replay writes one portion from the disk, with results like those of deliver.
	replay(ctx context.Context) (settled int, err error)

	hasBacklog() bool            // there is something to replay
	moveToDisk() bool            // memory is short: keep stores what is in it on the disk, unless that cannot be used
	canKeep() bool               // there is a disk that can be used
	spill()                      // a write failed: keep stores what is in memory on the disk
	keep() (again bool)          // called by the keeper; at each flush as long as again is true
	spillReady() <-chan struct{} // receives when keep should be called sooner
}

func skipSamples(b *telemetry.Batch, n int) *telemetry.Batch { return b.Slice(n, b.Len()) }

func skipEvents(l eventList, n int) eventList { return newEventList(l.events[n:]) }

func (d *delivery[T]) ready() <-chan struct{} { return d.queue.items.Ready() }

func (d *delivery[T]) deliver(ctx context.Context) (settled int, err error) {
	if d.queue.spilling.Load() && d.hasBacklog() {
		return d.replay(ctx) // whether the output works again; what is in memory meanwhile goes to the disk
	}
	d.queue.spilling.Store(false) // what is being written must not be overtaken on its way to the disk
	lease := d.queue.items.Take(d.scratch, d.portion.size)
	d.scratch = lease.Items
	if len(lease.Items) == 0 {
		return 0, nil
	}
	defer clear(d.scratch) // what was written must not stay alive here
	settled, rest, err := d.attempt(ctx, lease.Items, lease.Weight, &d.portion)
	d.queue.settle(lease, settled, rest)
	return settled, err
}

// attempt writes items once. It returns how many samples or events are settled, and the items that must be written again.
func (d *delivery[T]) attempt(ctx context.Context, items []T, weight int, size *portion) (settled int, rest []T, err error) {
	n := d.queue.countAll(items)
	began := time.Now()
	err = d.results.call(ctx, func(ctx context.Context) error { return d.write(ctx, items) })
	settled, err = d.results.judge(d.queue.kind, n, err)
	size.adapt(weight, weight*settled/max(n, 1), time.Since(began), err)
	if err == nil {
		return settled, nil, nil // also items without samples, which only tell that series ended
	}
	return settled, d.rest(items, settled), err
}

// rest returns the items without their first n samples or events. An item without any, which only tells that series ended,
// counts as not written. Rest changes items.
func (d *delivery[T]) rest(items []T, n int) []T {
	for i, item := range items {
		count := d.queue.count(item)
		if n < count {
			if n > 0 {
				items[i] = d.skip(item, n)
			}
		}
		if n < count || n == 0 {
			return items[i:]
		}
		n -= count
	}
	return nil
}

// writeOnce writes items that were not queued, as long as each write settles something. Its error is final.
func (d *delivery[T]) writeOnce(ctx context.Context, items []T) error {
	var rejected []error
	for {
		err := d.results.call(ctx, func(ctx context.Context) error { return d.write(ctx, items) })
		var partial *outputs.PartialError
		if !errors.As(err, &partial) || partial.Settled == 0 {
			return errors.Join(append(rejected, err)...)
		}
		if partial.Rejected != nil {
			rejected = append(rejected, partial.Rejected)
		}
		items = d.rest(items, partial.Settled)
	}
}

// portion is the weight that one write gets. It adapts to the path: a write that fails or takes long halves it, so that
// something gets through and is settled soon; a write that is done quickly doubles it.
type portion struct {
	size, min, max int
	quick, slow    time.Duration // writes that take less or more change the size
}

const (
	quickWrite = 5 * time.Second
	slowWrite  = 15 * time.Second
)

func newPortion(min, max int) portion {
	return portion{size: max, min: min, max: max, quick: quickWrite, slow: slowWrite}
}

// newBacklogPortion returns the portion of what is written between the flushes: it must not take much of the time between two. It begins
// small, because nothing is known of the path.
func newBacklogPortion(min, max int, flush time.Duration) portion {
	return portion{size: max / 16, min: min, max: max, quick: flush / 8, slow: flush / 2}
}

// adapt learns from a write of the given weight. What was settled in spite of a failure is not too much for the next write.
func (p *portion) adapt(weight, settled int, took time.Duration, err error) {
	switch {
	case err != nil:
		p.size = max(min(p.size, weight)/2, min(settled, p.size), p.min)
	case took > p.slow:
		p.size = max(min(p.size, weight)/2, p.min)
	case took < p.quick && 2*weight > p.size: // a smaller write does not show what the path can carry
		p.size = min(2*p.size, p.max)
	}
}
