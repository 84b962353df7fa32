package buffer

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
