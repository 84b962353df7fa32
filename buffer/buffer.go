// Package buffer holds what waits to be written: a bounded queue that, when it is full, drops its oldest and says what,
// or makes those wait who can.
package buffer

import (
	"context"
	"sync"
)

// Queue is a bounded queue of items that weigh something: a batch weighs its samples, events their bytes. Any goroutine
// may push; one takes. Items that are taken still count until their [Lease] is settled, and come back in front when it
// is returned.
type Queue[T any] struct {
	weigh func(T) int
	limit int
	mark  int
	ready chan struct{}

	mu     sync.Mutex
	items  ring[T]
	weight int           // of items and of what is leased
	leased int           // weight of what is leased
	room   chan struct{} // closed when there is room again; nil while nobody waits for that
}

// New returns an empty queue that holds items up to a total weight of limit, and is ready to be written when what it
// holds weighs mark.
func New[T any](limit, mark int, weigh func(T) int) *Queue[T] {
	return &Queue[T]{weigh: weigh, limit: limit, mark: max(1, mark), ready: make(chan struct{}, 1)}
}

// Push appends an item. When the queue is over its limit, the oldest items go until it is not, and are returned. The
// newest item always stays, even when it alone weighs more than the limit.
func (q *Queue[T]) Push(item T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(item)
	return q.trim()
}

// Offer appends an item if that keeps the queue within its limit, or if the queue is empty.
func (q *Queue[T]) Offer(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.offer(item)
}

// PushWait appends an item as soon as there is room for it. When ctx is done it waits no longer but makes room: what
// was still in somebody's hand then is not lost.
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

// offerOrWait returns nil when the item was appended, or what will be closed when it is worth trying again.
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
	if q.weight > 0 && q.weight+q.weigh(item) > q.limit {
		return false
	}
	q.add(item)
	return true
}

func (q *Queue[T]) add(item T) {
	q.items.pushBack(item)
	q.weight += q.weigh(item)
	if q.weight-q.leased >= q.mark {
		q.announce()
	}
}

func (q *Queue[T]) announce() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// trim drops the oldest items while the queue is too heavy. What is leased cannot be dropped.
func (q *Queue[T]) trim() (dropped []T) {
	for q.weight > q.limit && q.items.len() > 1 {
		item := q.items.popFront()
		q.weight -= q.weigh(item)
		dropped = append(dropped, item)
	}
	return dropped
}

// Ready receives when what the queue holds has reached its mark, or somebody waits for room: a reason to write before
// it is time.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Weight is what the queue holds, what is leased included.
func (q *Queue[T]) Weight() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.weight
}

// Lease is what was taken from a queue. It ends with exactly one Done or Return.
type Lease[T any] struct {
	Items  []T
	Weight int
	queue  *Queue[T]
}

// Take moves the oldest items into dst until they weigh max; at least one if there is one.
func (q *Queue[T]) Take(dst []T, max int) Lease[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := Lease[T]{Items: dst[:0], queue: q}
	for q.items.len() > 0 {
		w := q.weigh(q.items.front())
		if len(l.Items) > 0 && l.Weight+w > max {
			break
		}
		l.Items = append(l.Items, q.items.popFront())
		l.Weight += w
	}
	q.leased += l.Weight
	return l
}

// Done settles the lease: its items are gone, and there is room.
func (l Lease[T]) Done() {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leased -= l.Weight
	q.weight -= l.Weight
	if q.room != nil && q.weight < q.limit {
		close(q.room)
		q.room = nil
	}
}

// Return puts the items back in front, in their order. When the queue has filled up meanwhile, the oldest go, and are
// returned.
func (l Lease[T]) Return() (dropped []T) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := len(l.Items) - 1; i >= 0; i-- {
		q.items.pushFront(l.Items[i])
	}
	q.leased -= l.Weight
	return q.trim()
}
