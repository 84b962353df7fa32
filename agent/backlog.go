package agent

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// longWait is how long a sender must have waited for room until that is logged.
const longWait = time.Second

// backlog is what waits for an output: samples or events. Each kind has its own, so that neither pushes out the other.
// Any goroutine may add to it; the output's [delivery] takes from it.
type backlog[T any] struct {
	kind  kind
	queue *buffer.Queue[T]
	count func(T) int // samples or events in an item
	block bool        // senders that can wait do so while there is no room; otherwise the oldest items are dropped
	fill  *selfstat.Fill
	stats *selfstat.Output

	log        *slog.Logger
	dropLevel  slog.Level
	warnedFull atomic.Bool
}

// kind is what a backlog holds, as log messages call it.
type kind string

const (
	kindSamples kind = "samples"
	kindEvents  kind = "events"
)

// eventList holds the events of one batch.
type eventList struct {
	events []telemetry.Event
	bytes  int
}

func newEventList(events []telemetry.Event) eventList {
	l := eventList{events: events}
	for i := range events {
		l.bytes += events[i].Size()
	}
	return l
}

// splitBatch implements the split of [buffer.New]: a sample weighs 1.
func splitBatch(b *telemetry.Batch, weight int) (head, rest *telemetry.Batch, divided bool) {
	if weight = max(weight, 1); b.Len() <= weight {
		return b, nil, false
	}
	return b.Slice(0, weight), b.Slice(weight, b.Len()), true
}

// splitEvents implements the split of [buffer.New]: an event weighs its bytes.
func splitEvents(l eventList, weight int) (head, rest eventList, divided bool) {
	n, bytes := 1, l.events[0].Size()
	for n < len(l.events) && bytes+l.events[n].Size() <= weight {
		bytes += l.events[n].Size()
		n++
	}
	if n == len(l.events) {
		return l, eventList{}, false
	}
	return eventList{l.events[:n], bytes}, eventList{l.events[n:], l.bytes - bytes}, true
}

// add queues an item. Without room, the oldest items are dropped, or the caller waits if it may, or the item is dropped.
func (b *backlog[T]) add(ctx context.Context, item T, mayWait bool) {
	if b.count(item) == 0 {
		return
	}
	b.fill.Count.Add(int64(b.count(item)))
	defer b.updateSize()
	switch {
	case !b.block:
		b.drop(b.queue.Push(item))
	case b.queue.Offer(item):
	case mayWait:
		b.waitForRoom(ctx, item)
	default:
		b.countDropped(b.count(item))
		b.warnFull("buffer of events is full, those that cannot wait are dropped; raise max_event_buffer or fix the output")
	}
}

// waitForRoom queues an item when there is room. Waiting is how a fast sender is slowed down; it is only logged when it
// takes long.
func (b *backlog[T]) waitForRoom(ctx context.Context, item T) {
	began := time.Now()
	long := time.AfterFunc(longWait, func() {
		b.warnFull("buffer of events is full, senders have to wait; raise max_event_buffer or fix the output")
	})
	b.queue.PushWait(ctx, item)
	long.Stop()
	b.stats.WaitTime.Add(int64(time.Since(began)))
}

// settle ends a lease of which the items in rest must be written again. When the queue has filled up meanwhile, that
// drops the oldest.
func (b *backlog[T]) settle(lease buffer.Lease[T], settled int, rest []T) {
	dropped := lease.Settle(rest...)
	b.fill.Count.Add(int64(-settled))
	b.drop(dropped)
	if len(rest) == 0 {
		b.warnedFull.Store(false)
	}
	b.updateSize()
}

// drop counts items that were pushed out of the queue, and logs that once.
func (b *backlog[T]) drop(items []T) {
	if len(items) == 0 {
		return
	}
	n := 0
	for _, item := range items {
		n += b.count(item)
	}
	b.countDropped(n)
	if b.kind == kindSamples {
		b.warnFull("buffer is full, the oldest samples are dropped; raise max_buffer_size or fix the output")
	} else {
		b.warnFull("buffer of events is full, the oldest are dropped; raise max_event_buffer or fix the output")
	}
}

func (b *backlog[T]) countDropped(n int) {
	b.fill.Count.Add(int64(-n))
	b.stats.Dropped.Add(int64(n))
}

func (b *backlog[T]) updateSize() { b.fill.Size.Store(int64(b.queue.Weight())) }

// warnFull logs once that the buffer is full, until it was written out.
func (b *backlog[T]) warnFull(message string) {
	if !b.warnedFull.Swap(true) {
		b.log.Log(context.Background(), b.dropLevel, message, withBuffered(b.stats, keyDropped, b.stats.Dropped.Load())...)
	}
}

// withBuffered appends to the attributes of a log line how much an output's buffers hold.
func withBuffered(s *selfstat.Output, attrs ...any) []any {
	if s.Samples.Limit > 0 {
		attrs = append(attrs, keyBuffered, s.Samples.Count.Load())
	}
	if s.Events.Limit > 0 {
		attrs = append(attrs, keyEvents, s.Events.Count.Load())
	}
	return attrs
}
