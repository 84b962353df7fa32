package agent

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// longWait is how long a sender must have waited for room before that is logged.
const longWait = time.Second

// itemKind is what a queue holds, as log messages call it.
type itemKind string

const (
	kindSamples itemKind = "samples"
	kindEvents  itemKind = "events"
)

// outputQueue is what waits for one output: samples or events. Each kind has its own queue, so that neither displaces the
// other. Any goroutine may add to it; the output's [delivery] takes from it. It outlives the output: when an output is
// replaced, its successor continues with the queue.
type outputQueue[T any] struct {
	kind    itemKind
	items   *buffer.Queue[T]
	count   func(T) int // samples or events in an item
	isEmpty func(T) bool
	fill    *selfstat.QueueFill
	stats   *selfstat.Output

	log        *slog.Logger
	dropLevel  slog.LevelVar // of the message that data is dropped
	warnedFull atomic.Bool

	disk       *diskPart[T] // nil: in memory only
	spilling   atomic.Bool  // the output fails: what is in memory goes to the disk
	warnedDisk atomic.Bool
}

func newSampleQueue(limits Limits, stats *selfstat.Output, log *slog.Logger) *outputQueue[*telemetry.Batch] {
	q := &outputQueue[*telemetry.Batch]{
		kind: kindSamples, fill: &stats.Samples, stats: stats, log: log,
		count:   (*telemetry.Batch).Len,
		isEmpty: func(b *telemetry.Batch) bool { return b.Len() == 0 && len(b.Ended()) == 0 },
		items:   buffer.New(limits.Buffer, limits.sampleMark(), (*telemetry.Batch).Len, splitBatch),
	}
	q.dropLevel.Set(limits.dropLevel())
	return q
}

func newEventQueue(limits Limits, stats *selfstat.Output, log *slog.Logger) *outputQueue[eventList] {
	q := &outputQueue[eventList]{
		kind: kindEvents, fill: &stats.Events, stats: stats, log: log,
		count:   func(l eventList) int { return len(l.events) },
		isEmpty: func(l eventList) bool { return len(l.events) == 0 },
		items:   buffer.New(limits.EventBuffer, limits.eventMark(), func(l eventList) int { return l.bytes }, splitEvents),
	}
	q.dropLevel.Set(limits.dropLevel())
	return q
}

// sampleMark and eventMark are the sizes at which a queue is written out before the flush is due.
func (l Limits) sampleMark() int { return l.Buffer / 2 }
func (l Limits) eventMark() int  { return min(l.EventBuffer/2, maxEventBytes) }

func (l Limits) dropLevel() slog.Level {
	if l.QuietDrops {
		return slog.LevelDebug
	}
	return slog.LevelError
}

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

// splitBatch splits a batch for [buffer.New]: a sample weighs 1.
func splitBatch(b *telemetry.Batch, weight int) (head, rest *telemetry.Batch, divided bool) {
	if weight = max(weight, 1); b.Len() <= weight {
		return b, nil, false
	}
	return b.Slice(0, weight), b.Slice(weight, b.Len()), true
}

// splitEvents splits events for [buffer.New]: an event weighs its bytes.
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

// add queues an item. The policy says what happens when there is no room for it.
func (q *outputQueue[T]) add(ctx context.Context, item T, policy plugins.WhenFull) {
	if q.isEmpty(item) {
		return
	}
	q.fill.Count.Add(int64(q.count(item)))
	defer q.updateSize()
	defer q.relieve()
	switch {
	case policy == plugins.DropOldest:
		q.drop(q.items.Push(item), "the oldest are dropped")
	case q.items.Offer(item):
	case policy == plugins.Block || policy == "":
		q.waitForRoom(ctx, item)
	default:
		q.drop([]T{item}, "the newest are dropped")
	}
}

// waitForRoom queues an item when there is room for it. Waiting slows down a fast sender, as intended; it is logged only
// when it takes long.
func (q *outputQueue[T]) waitForRoom(ctx context.Context, item T) {
	began := time.Now()
	warn := time.AfterFunc(longWait, func() { q.warnFull("senders have to wait") })
	q.drop(q.items.PushWait(ctx, item), "the output was removed")
	warn.Stop()
	q.stats.WaitTime.Add(int64(time.Since(began)))
}

// settle ends a lease. The items in rest go back to the queue; if it has filled up meanwhile, the oldest are dropped.
func (q *outputQueue[T]) settle(lease buffer.Lease[T], settled int, rest []T) {
	dropped := lease.Settle(rest...)
	q.fill.Count.Add(int64(-settled))
	q.drop(dropped, "the oldest are dropped")
	if len(rest) == 0 {
		q.warnedFull.Store(false)
	}
	q.updateSize()
}

// drop counts items that leave the queue without being written, and logs that once.
func (q *outputQueue[T]) drop(items []T, consequence string) {
	n := q.countAll(items)
	if n == 0 {
		return
	}
	q.stats.Dropped.Add(int64(n)) // first, so that whoever sees an empty queue also sees what it lost
	q.fill.Count.Add(int64(-n))
	q.warnFull(consequence)
}

// close stores what is in the queue on the disk, or drops it, and drops everything that is added later. It returns how many samples or
// events are lost.
func (q *outputQueue[T]) close() (lost int) {
	items := q.items.Close()
	lost = q.countAll(q.keepRest(items))
	q.stats.Dropped.Add(int64(lost)) // first, as in drop
	q.fill.Count.Add(int64(-q.countAll(items)))
	q.updateSize()
	return lost
}

// resize applies new limits.
func (q *outputQueue[T]) resize(limit, mark int, dropLevel slog.Level) {
	q.dropLevel.Set(dropLevel)
	q.fill.Limit.Store(int64(limit))
	q.drop(q.items.Resize(limit, mark), "the oldest are dropped")
	q.updateSize()
}

func (q *outputQueue[T]) updateSize() { q.fill.Size.Store(int64(q.items.Weight())) }

// warnFull logs that the queue is full, once until it was written out.
func (q *outputQueue[T]) warnFull(consequence string) {
	if q.warnedFull.Swap(true) {
		return
	}
	message := "buffer is full, " + consequence + "; raise max_buffer_size or fix the output"
	if q.kind == kindEvents {
		message = "buffer of events is full, " + consequence + "; raise max_event_buffer or fix the output"
	}
	q.log.Log(context.Background(), q.dropLevel.Level(), message, withBuffered(q.stats, keyDropped, q.stats.Dropped.Load())...)
}

// withBuffered appends to the attributes of a log line how much the queues of an output hold.
func withBuffered(s *selfstat.Output, attrs ...any) []any {
	if s.Samples.Limit.Load() > 0 {
		attrs = append(attrs, keyBuffered, s.Samples.Count.Load())
	}
	if s.Events.Limit.Load() > 0 {
		attrs = append(attrs, keyEvents, s.Events.Count.Load())
	}
	if n := s.SampleDisk.Count.Load() + s.EventDisk.Count.Load(); n > 0 {
		attrs = append(attrs, keyOnDisk, n)
	}
	return attrs
}
