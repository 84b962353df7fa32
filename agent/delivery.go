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
	results *results
	scratch []T
}

// deliverer is a delivery of samples or of events.
type deliverer interface {
	// deliver writes one portion and returns how many samples or events were settled. 0 without an error means that the
	// queue is empty. A [outputs.PartialError] means that the write achieved something.
	deliver(ctx context.Context) (settled int, err error)

	// ready receives when there is a reason to write before the flush is due.
	ready() <-chan struct{}
}

func skipSamples(b *telemetry.Batch, n int) *telemetry.Batch { return b.Slice(n, b.Len()) }

func skipEvents(l eventList, n int) eventList { return newEventList(l.events[n:]) }

func (d *delivery[T]) ready() <-chan struct{} { return d.queue.items.Ready() }

func (d *delivery[T]) deliver(ctx context.Context) (settled int, err error) {
	lease := d.queue.items.Take(d.scratch, d.portion.size)
	d.scratch = lease.Items
	if len(lease.Items) == 0 {
		return 0, nil
	}
	defer clear(d.scratch) // what was written must not stay alive here
	n := d.count(lease.Items)
	began := time.Now()
	err = d.results.call(ctx, func(ctx context.Context) error { return d.write(ctx, lease.Items) })
	settled, err = d.results.judge(d.queue.kind, n, err)
	d.portion.adapt(lease.Weight, lease.Weight*settled/max(n, 1), time.Since(began), err)
	rest := d.rest(lease.Items, settled)
	if err == nil {
		rest = nil // also items without samples, which only tell that series ended
	}
	d.queue.settle(lease, settled, rest)
	return settled, err
}

func (d *delivery[T]) count(items []T) (n int) {
	for _, item := range items {
		n += d.queue.count(item)
	}
	return n
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
type portion struct{ size, min, max int }

const (
	quickWrite = 5 * time.Second
	slowWrite  = 15 * time.Second
)

func newPortion(min, max int) portion { return portion{size: max, min: min, max: max} }

// adapt learns from a write of the given weight. What was settled in spite of a failure is not too much for the next write.
func (p *portion) adapt(weight, settled int, took time.Duration, err error) {
	switch {
	case err != nil:
		p.size = max(min(p.size, weight)/2, min(settled, p.size), p.min)
	case took > slowWrite:
		p.size = max(min(p.size, weight)/2, p.min)
	case took < quickWrite && 2*weight > p.size: // a smaller write does not show what the path can carry
		p.size = min(2*p.size, p.max)
	}
}
