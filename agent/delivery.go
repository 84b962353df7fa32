package agent

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// delivery writes a backlog to an output, portion by portion. It belongs to the output's goroutine.
type delivery[T any] struct {
	backlog *backlog[T]
	write   func(context.Context, []T) error
	skip    func(item T, n int) T // leaves out the first n samples or events of an item
	portion portion
	results *results
	scratch []T
}

// deliverer is a delivery of either kind.
type deliverer interface {
	// deliver writes one portion and returns how many samples or events it settled: 0 without an error means that
	// nothing waits. A [outputs.PartialError] tells that it got somewhere.
	deliver(ctx context.Context) (settled int, err error)

	// ready receives when there is reason to write before it is time.
	ready() <-chan struct{}
}

func skipSamples(b *telemetry.Batch, n int) *telemetry.Batch { return b.Slice(n, b.Len()) }

func skipEvents(l eventList, n int) eventList { return newEventList(l.events[n:]) }

func (d *delivery[T]) ready() <-chan struct{} { return d.backlog.queue.Ready() }

func (d *delivery[T]) deliver(ctx context.Context) (settled int, err error) {
	lease := d.backlog.queue.Take(d.scratch, d.portion.size)
	d.scratch = lease.Items
	if len(lease.Items) == 0 {
		return 0, nil
	}
	defer clear(d.scratch) // what is written must not stay alive here
	n := d.count(lease.Items)
	began := time.Now()
	err = d.results.call(ctx, func(ctx context.Context) error { return d.write(ctx, lease.Items) })
	settled, err = d.results.judge(d.backlog.kind, n, err)
	d.portion.adapt(lease.Weight, lease.Weight*settled/n, time.Since(began), err)
	d.backlog.settle(lease, settled, d.rest(lease.Items, settled))
	return settled, err
}

func (d *delivery[T]) count(items []T) (n int) {
	for _, item := range items {
		n += d.backlog.count(item)
	}
	return n
}

// rest returns the items without their first n samples or events. It changes items.
func (d *delivery[T]) rest(items []T, n int) []T {
	for i, item := range items {
		count := d.backlog.count(item)
		if n < count {
			if n > 0 {
				items[i] = d.skip(item, n)
			}
			return items[i:]
		}
		n -= count
	}
	return nil
}

// finally writes items without the backlog, for as long as each write gets somewhere. Its error is final.
func (d *delivery[T]) finally(ctx context.Context, items []T) error {
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

// portion is how much one write gets. It adapts to the path: a write that fails, or takes long, halves it, so that
// something gets through at all and is settled soon; one that is done quickly doubles it.
type portion struct{ size, least, most int }

const (
	quickWrite = 5 * time.Second
	slowWrite  = 15 * time.Second
)

func newPortion(least, most int) portion { return portion{size: most, least: least, most: most} }

// adapt learns from a write of so much weight, of which so much was settled. What was settled in spite of a failure is
// not too much for the next time.
func (p *portion) adapt(weight, settled int, took time.Duration, err error) {
	switch {
	case err != nil:
		p.size = max(min(p.size, weight)/2, min(settled, p.size), p.least)
	case took > slowWrite:
		p.size = max(min(p.size, weight)/2, p.least)
	case took < quickWrite && 2*weight > p.size: // less says nothing about what the path can carry
		p.size = min(2*p.size, p.most)
	}
}
