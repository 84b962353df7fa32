// Package buffer holds what waits to be written: a bounded queue that drops its oldest items when it is full, or makes
// those senders wait that can.
package buffer

import (
	"context"
	"sync"
)

// Queue is a bounded queue of items that weigh something: a batch weighs its samples, events their bytes. Any goroutine
// may push; one takes. What is taken is leased: [Lease.Settle] frees it, or puts the rest back in front.
//
// Memory is bounded by the limit and one lease. What is leased never pushes out what is newer: if the queue fills up
// meanwhile, the leased items are the oldest, and are dropped when they come back.
type Queue[T any] struct {
	weigh func(T) int
	split func(item T, weight int) (head, rest T, divided bool)
	limit int
	mark  int
	ready chan struct{}

	mu     sync.Mutex
	items  ring[T]
	weight int           // of the items, without what is leased
	leased int           // weight of what is leased
	room   chan struct{} // closed when there is room again; nil while nobody waits for that
}

// New returns an empty queue that holds items up to a total weight of limit, and is ready to be written when what it
// holds weighs mark. An item that is too heavy for a lease is split: the head should weigh at most weight, but is never
// empty; divided is false when there is no rest.
func New[T any](limit, mark int, weigh func(T) int, split func(item T, weight int) (head, rest T, divided bool)) *Queue[T] {
	return &Queue[T]{weigh: weigh, split: split, limit: limit, mark: max(1, mark), ready: make(chan struct{}, 1)}
}

// Push appends an item. When the queue is over its limit, it drops the oldest items and returns them. The newest item
// always stays, even when it alone weighs more than the limit.
func (q *Queue[T]) Push(item T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(item)
	return q.trim()
}

// Offer appends an item if that keeps the queue and what is leased within the limit, or if both are empty.
func (q *Queue[T]) Offer(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.offer(item)
}

// PushWait appends an item as soon as there is room for it. When ctx is done it stops waiting and exceeds the limit, so
// that what senders still hold at the end is not lost.
func (q *Queue[T]) PushWait(ctx context.Context, item T) {
	for {
		room := q.offerOrWait(item)
		if room == nil {
			return
		}
		select {
		case <-room:
		case <-ctx.Done():
			q.mu.Lock()
			defer q.mu.Unlock()
			q.limit += q.weigh(item)
			q.add(item)
			return
		}
	}
}

// offerOrWait returns nil when the item was appended, or a channel that is closed when it is worth trying again.
func (q *Queue[T]) offerOrWait(item T) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.offer(item) {
		return nil
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	q.announce()
	return q.room
}

func (q *Queue[T]) offer(item T) bool {
	if held := q.weight + q.leased; held > 0 && held+q.weigh(item) > q.limit {
		return false
	}
	q.add(item)
	return true
}

func (q *Queue[T]) add(item T) {
	q.items.pushBack(item)
	q.weight += q.weigh(item)
	if q.weight >= q.mark {
		q.announce()
	}
}

func (q *Queue[T]) announce() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// trim drops the oldest items while the queue is too heavy.
func (q *Queue[T]) trim() (dropped []T) {
	for q.weight > q.limit && q.items.len() > 1 {
		item := q.items.popFront()
		q.weight -= q.weigh(item)
		dropped = append(dropped, item)
	}
	return dropped
}

// Ready receives when what the queue holds has reached its mark, or a sender waits for room: a reason to write before
// it is time.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Weight is the weight of what the queue holds and of what is leased.
func (q *Queue[T]) Weight() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.weight + q.leased
}

// Lease is what was taken from a queue. It ends with exactly one call of Settle.
type Lease[T any] struct {
	Items  []T
	Weight int
	queue  *Queue[T]
}

// Take moves the oldest items into dst until they weigh max, splitting the last one if need be. It takes at least
// something if there is anything.
func (q *Queue[T]) Take(dst []T, max int) Lease[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := Lease[T]{Items: dst[:0], queue: q}
	for q.items.len() > 0 && (len(l.Items) == 0 || l.Weight < max) {
		item, ok := q.pop(max-l.Weight, len(l.Items) == 0)
		if !ok {
			break
		}
		l.Items = append(l.Items, item)
		l.Weight += q.weigh(item)
	}
	q.weight -= l.Weight
	q.leased += l.Weight
	return l
}

// pop removes the oldest item, or as much of it as weighs at most max. If even the smallest part is heavier, it removes
// that part when it must, and else nothing.
func (q *Queue[T]) pop(max int, must bool) (item T, ok bool) {
	if q.weigh(q.items.front()) <= max {
		return q.items.popFront(), true
	}
	head, rest, divided := q.split(q.items.front(), max)
	if !must && q.weigh(head) > max {
		return head, false
	}
	q.items.popFront()
	if divided {
		q.items.pushFront(rest)
	}
	return head, true
}

// Settle ends the lease. What is not in rest is gone; rest, the end of what was taken, goes back in front in its order.
// When the queue has filled up meanwhile, the oldest items are dropped and returned.
func (l Lease[T]) Settle(rest ...T) (dropped []T) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leased -= l.Weight
	for i := len(rest) - 1; i >= 0; i-- {
		q.items.pushFront(rest[i])
		q.weight += q.weigh(rest[i])
	}
	dropped = q.trim()
	if q.room != nil && q.weight+q.leased < q.limit {
		close(q.room)
		q.room = nil
	}
	return dropped
}
