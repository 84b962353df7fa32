package embedded

import "sync/atomic"

// budget bounds the memory that the buffers of all clients take together:
// incomplete commands, replies that were not read yet, queued transactions and
// undelivered messages. Small buffers that every client has do not count.
type budget struct {
	max  int64
	used atomic.Int64
}

// take reserves n bytes, or returns false and reserves nothing.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.max {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// lease is one buffer's share of the budget.
type lease struct {
	from *budget
	held int64
}

// resize makes the share n bytes. False: the budget does not allow it.
func (l *lease) resize(n int64) bool {
	if l == nil || l.from == nil { // in tests
		return true
	}
	if n > l.held && !l.from.take(n-l.held) {
		return false
	}
	if n < l.held {
		l.from.give(l.held - n)
	}
	l.held = n
	return true
}

func (l *lease) release() { l.resize(0) }
