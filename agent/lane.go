package agent

import (
	"context"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	// maxSamples and maxEventBytes are how much one call of an output gets.
	maxSamples    = 50_000
	maxEventBytes = 8 << 20
)

// lane is one kind of data on its way to an output: what waits, and how it is written. Samples and events have one
// each, so that neither pushes out the other, and what an output says of the ones does not touch the others.
type lane[T any] struct {
	kind    string // what people call it
	writer  *writer
	queue   *buffer.Queue[T]
	fill    *selfstat.Fill
	count   func(T) int // samples or events
	write   func(context.Context, []T) error
	max     int // weight that one write gets
	scratch []T
	full    atomic.Bool // and said so
}

// events are those of one batch.
type events struct {
	list  []telemetry.Event
	bytes int
}

func samplesLane(w *writer, limit int) *lane[*telemetry.Batch] {
	return &lane[*telemetry.Batch]{
		kind: keySamples, writer: w, fill: &w.stats.Samples, count: (*telemetry.Batch).Len, max: maxSamples,
		queue: buffer.New(limit, limit/2, (*telemetry.Batch).Len),
		write: w.metrics.WriteMetrics,
	}
}

func eventsLane(w *writer, limit int) *lane[events] {
	return &lane[events]{
		kind: "events", writer: w, fill: &w.stats.Events, count: func(e events) int { return len(e.list) }, max: maxEventBytes,
		queue: buffer.New(limit, min(limit/2, maxEventBytes), func(e events) int { return e.bytes }),
		write: func(ctx context.Context, batches []events) error {
			var all []telemetry.Event
			for _, e := range batches {
				all = append(all, e.list...)
			}
			return w.events.WriteEvents(ctx, all)
		},
	}
}

// push appends an item and returns how much that pushed out.
func (l *lane[T]) push(item T) (dropped int) {
	l.fill.Count.Add(int64(l.count(item)))
	return l.dropped(l.queue.Push(item)...)
}

// pushWait appends an item when there is room.
func (l *lane[T]) pushWait(ctx context.Context, item T) {
	l.fill.Count.Add(int64(l.count(item)))
	l.queue.PushWait(ctx, item)
	l.weigh()
}

// offer appends an item if there is room.
func (l *lane[T]) offer(item T) bool {
	n := int64(l.count(item))
	l.fill.Count.Add(n)
	taken := l.queue.Offer(item)
	if !taken {
		l.fill.Count.Add(-n)
	}
	l.weigh()
	return taken
}

// dropped counts what was pushed out of the queue.
func (l *lane[T]) dropped(items ...T) (n int) {
	for _, item := range items {
		n += l.count(item)
	}
	l.fill.Count.Add(int64(-n))
	l.writer.stats.Dropped.Add(int64(n))
	l.weigh()
	return n
}

func (l *lane[T]) weigh() { l.fill.Size.Store(int64(l.queue.Weight())) }

// writeOut writes the queue until it is empty. An error means: try again later.
func (l *lane[T]) writeOut(ctx context.Context) error {
	for {
		lease := l.queue.Take(l.scratch, l.max)
		l.scratch = lease.Items
		if len(lease.Items) == 0 {
			return nil
		}
		n := 0
		for _, item := range lease.Items {
			n += l.count(item)
		}
		err := l.writer.settle(l.kind, n, l.writer.call(ctx, func(ctx context.Context) error { return l.write(ctx, lease.Items) }))
		if err == nil {
			lease.Done()
			l.fill.Count.Add(int64(-n))
			l.full.Store(false)
		} else {
			l.dropped(lease.Return()...)
		}
		l.weigh()
		clear(l.scratch) // what is written must not live on here
		if err != nil {
			return err
		}
	}
}
