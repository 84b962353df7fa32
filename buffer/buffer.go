// Package buffer provides the bounded queue in which data waits to be written. When it is full, the oldest items are
// dropped, the new item is refused, or the sender waits, as the caller chooses with each item.
package buffer

import (
	"context"
	"sync"
)

// Queue is a bounded queue of items that have a weight: a batch weighs its samples, events weigh their bytes. Any goroutine
// may push; one goroutine takes. Items that were taken are leased: [Lease.Settle] frees them or puts the rest back in
// front.
//
// Memory is bounded by the limit and one lease. Leased items never displace newer ones: if the queue fills up meanwhile,
// the leased items are the oldest and are dropped when they come back.
type Queue[T any] struct {
	weigh func(T) int
	split func(item T, weight int) (head, rest T, divided bool)
	limit int
	mark  int
	ready chan struct{}

	mu     sync.Mutex
	items  ring[T]
	weight int           // of the items in the queue
	leased int           // weight of the leased items
	excess int           // weight that exceed added beyond the limit, until the queue is within the limit again
	room   chan struct{} // closed when there is room again; nil while no sender waits
	closed bool
}

// New returns an empty queue that holds items up to a total weight of limit. It signals [Queue.Ready] when the items weigh
// mark. An item that is too heavy for a lease is split: the head should weigh at most weight but is never empty; divided is
// false when there is no rest.
func New[T any](limit, mark int, weigh func(T) int, split func(item T, weight int) (head, rest T, divided bool)) *Queue[T] {
	return &Queue[T]{weigh: weigh, split: split, limit: limit, mark: max(1, mark), ready: make(chan struct{}, 1)}
}

// Push appends an item. When the queue is over its limit, it drops the oldest items and returns them. The newest item
// always stays, even when it alone weighs more than the limit. A closed queue drops the item.
func (q *Queue[T]) Push(item T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return []T{item}
	}
	q.add(item)
	return q.trim()
}

// Offer appends an item if the queue and the lease then stay within the limit, or if both are empty. It reports whether it
// did. A closed queue refuses every item.
func (q *Queue[T]) Offer(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.offer(item)
}

// PushWait appends an item as soon as there is room for it. When ctx is done it stops waiting and exceeds the limit, so
// that items which senders still hold at shutdown are not lost. A closed queue drops the item.
func (q *Queue[T]) PushWait(ctx context.Context, item T) (dropped []T) {
	for {
		room, isClosed := q.offerOrWait(item)
		if isClosed {
			return []T{item}
		}
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return q.exceed(item)
		}
	}
}

// exceed appends an item beyond the limit.
func (q *Queue[T]) exceed(item T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return []T{item}
	}
	q.excess += q.weigh(item)
	q.add(item)
	return nil
}

// offerOrWait returns nil when the item was appended, or a channel that is closed when it is worth trying again.
func (q *Queue[T]) offerOrWait(item T) (room <-chan struct{}, isClosed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, true
	}
	if q.offer(item) {
		return nil, false
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	q.announce()
	return q.room, false
}

func (q *Queue[T]) offer(item T) bool {
	if q.closed {
		return false
	}
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
	for q.weight > q.limit+q.excess && q.items.len() > 1 {
		item := q.items.popFront()
		q.weight -= q.weigh(item)
		dropped = append(dropped, item)
	}
	return dropped
}

// Close returns the items in the queue and makes it drop every item from now on. Senders stop waiting. Items that are
// leased at this time are dropped if they come back.
func (q *Queue[T]) Close() (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.admit()
	return q.clear()
}

// clear empties the queue and returns its items.
func (q *Queue[T]) clear() (items []T) {
	for q.items.len() > 0 {
		items = append(items, q.items.popFront())
	}
	q.weight = 0
	return items
}

// admit wakes the senders that wait for room.
func (q *Queue[T]) admit() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// Resize changes the limit and the mark. If the queue is over its new limit, it drops the oldest items and returns them.
func (q *Queue[T]) Resize(limit, mark int) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit, q.mark, q.excess = limit, max(1, mark), 0
	q.admit()
	return q.trim()
}

// Ready receives when the items in the queue have reached the mark or a sender waits for room: a reason to write before
// the flush is due.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Weight returns the weight of the items in the queue and of the leased ones.
func (q *Queue[T]) Weight() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.weight + q.leased
}

// Lease holds items that were taken from a queue. It ends with exactly one call of Settle.
type Lease[T any] struct {
	Items  []T
	Weight int
	queue  *Queue[T]
}

// Take moves the oldest items into dst until they weigh max, splitting the last one if necessary. Unless the queue is empty,
// it takes at least a part of one item.
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

// Settle ends the lease. Rest, the last part of the leased items, goes back to the front of the queue in its order; the other
// items are done. When the queue has filled up meanwhile, the oldest items are dropped and returned.
func (l Lease[T]) Settle(rest ...T) (dropped []T) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leased -= l.Weight
	for i := len(rest) - 1; i >= 0; i-- {
		q.items.pushFront(rest[i])
		q.weight += q.weigh(rest[i])
	}
	if q.closed {
		return q.clear()
	}
	dropped = q.trim()
	if q.weight <= q.limit {
		q.excess = 0
	}
	if l.Weight > 0 && q.weight+q.leased < q.limit { // an empty lease has made no room
		q.admit()
	}
	return dropped
}
