// Package buffer holds what waits to be written: a bounded queue that drops its oldest when full and says how much.
package buffer

import "sync"

// Queue is a bounded queue of items that weigh something (a batch weighs its samples). Any goroutine may push; one
// takes. Items that are taken still count until their [Lease] is settled, and come back in front when it is returned.
type Queue[T any] struct {
	weigh func(T) int
	limit int
	ready chan struct{}

	mu     sync.Mutex
	items  ring[T]
	weight int // of items and of what is leased
	leased int // weight of what is leased
	mark   int
}

// New returns an empty queue that holds items up to a total weight of limit.
func New[T any](limit int, weigh func(T) int) *Queue[T] {
	return &Queue[T]{weigh: weigh, limit: limit, mark: max(1, limit/2), ready: make(chan struct{}, 1)}
}

// Push appends an item. When the queue is over its limit, the oldest items go until it is not, and their weight is
// returned. The newest item always stays, even when it alone weighs more than the limit.
func (q *Queue[T]) Push(item T) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items.pushBack(item)
	q.weight += q.weigh(item)
	dropped = q.trim()
	if q.weight-q.leased >= q.mark {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
	return dropped
}

// trim drops the oldest items while the queue is too heavy. What is leased cannot be dropped.
func (q *Queue[T]) trim() (dropped int) {
	for q.weight > q.limit && q.items.len() > 1 {
		w := q.weigh(q.items.popFront())
		q.weight -= w
		dropped += w
	}
	return dropped
}

// Ready receives when the queue has become half full: a reason to write before it is time.
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

// Done settles the lease: its items are gone.
func (l Lease[T]) Done() {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.queue.leased -= l.Weight
	l.queue.weight -= l.Weight
}

// Return puts the items back in front, in their order. When the queue has filled up meanwhile, the oldest go, and
// their weight is returned.
func (l Lease[T]) Return() (dropped int) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := len(l.Items) - 1; i >= 0; i-- {
		q.items.pushFront(l.Items[i])
	}
	q.leased -= l.Weight
	return q.trim()
}

// ring is a double-ended queue in a circular slice.
type ring[T any] struct {
	slots []T
	head  int
	count int
}

func (r *ring[T]) len() int { return r.count }

func (r *ring[T]) front() T { return r.slots[r.head] }

func (r *ring[T]) pushBack(v T) {
	r.grow()
	r.slots[(r.head+r.count)%len(r.slots)] = v
	r.count++
}

func (r *ring[T]) pushFront(v T) {
	r.grow()
	r.head = (r.head + len(r.slots) - 1) % len(r.slots)
	r.slots[r.head] = v
	r.count++
}

func (r *ring[T]) popFront() T {
	var zero T
	v := r.slots[r.head]
	r.slots[r.head] = zero // the slot must not keep the item alive
	r.head = (r.head + 1) % len(r.slots)
	r.count--
	return v
}

func (r *ring[T]) grow() {
	if r.count < len(r.slots) {
		return
	}
	bigger := make([]T, max(16, 2*len(r.slots)))
	for i := range r.count {
		bigger[i] = r.slots[(r.head+i)%len(r.slots)]
	}
	r.slots, r.head = bigger, 0
}
