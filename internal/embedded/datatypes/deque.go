package datatypes

// deque is a list that grows and shrinks at both ends in constant time.
type deque[T any] struct {
	ring  []T // its length is 0 or a power of two
	first int
	n     int
}

func (q *deque[T]) len() int { return q.n }

func (q *deque[T]) at(i int) *T { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

func (q *deque[T]) resize(size int) {
	ring := make([]T, size)
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.first = ring, 0
}

func (q *deque[T]) makeRoom() {
	if q.n == len(q.ring) {
		q.resize(max(4, 2*q.n))
	}
}

func (q *deque[T]) pushBack(v T) {
	q.makeRoom()
	q.n++
	*q.at(q.n - 1) = v
}

func (q *deque[T]) pushFront(v T) {
	q.makeRoom()
	q.first = (q.first - 1) & (len(q.ring) - 1)
	q.n++
	*q.at(0) = v
}

func (q *deque[T]) popFront() T {
	var none T
	v := *q.at(0)
	*q.at(0) = none
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
	q.shrink()
	return v
}

func (q *deque[T]) popBack() T {
	var none T
	v := *q.at(q.n - 1)
	*q.at(q.n - 1) = none
	q.n--
	q.shrink()
	return v
}

func (q *deque[T]) shrink() {
	if len(q.ring) > minShrinkElements && q.n < len(q.ring)/4 {
		q.resize(len(q.ring) / 2)
	}
}

// retain removes the elements for which wanted returns false. It returns how
// many it removed.
func (q *deque[T]) retain(wanted func(i int, v *T) bool) int {
	var none T
	kept := 0
	for i := range q.n {
		if v := q.at(i); wanted(i, v) {
			*q.at(kept) = *v
			kept++
		}
	}
	gone := q.n - kept
	for i := kept; i < q.n; i++ {
		*q.at(i) = none
	}
	q.n = kept
	for len(q.ring) > minShrinkElements && q.n < len(q.ring)/4 {
		q.resize(len(q.ring) / 2)
	}
	return gone
}

// clone copies the elements with copyOf.
func (q *deque[T]) clone(copyOf func(T) T) deque[T] {
	out := deque[T]{}
	for i := range q.n {
		out.pushBack(copyOf(*q.at(i)))
	}
	return out
}
