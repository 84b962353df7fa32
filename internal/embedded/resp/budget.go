package resp

import "sync/atomic"

// Budget bounds the memory of the buffers of all clients together: incomplete
// commands, unread replies, queued transactions and undelivered messages. The
// small buffers that every client has do not count.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget returns a Budget of max bytes.
func NewBudget(max int64) *Budget { return &Budget{max: max} }

// Max returns the number of bytes that all leases together may hold.
func (b *Budget) Max() int64 { return b.max }

// Used returns the number of bytes that the leases hold now.
func (b *Budget) Used() int64 { return b.used.Load() }

// NewLease returns an empty share of the budget.
func (b *Budget) NewLease() Lease { return Lease{budget: b} }

// reserve takes n bytes. If the budget has too little left it takes nothing and
// returns false.
func (b *Budget) reserve(n int64) bool {
	if b.used.Add(n) <= b.max {
		return true
	}
	b.used.Add(-n)
	return false
}

// Lease is the share of one buffer in a Budget. The zero Lease has no bound.
type Lease struct {
	budget *Budget
	held   int64
}

// Resize makes the share n bytes. It returns false and changes nothing if the
// budget has too little left.
func (l *Lease) Resize(n int64) bool {
	if l.budget == nil {
		return true
	}
	if n > l.held && !l.budget.reserve(n-l.held) {
		return false
	}
	if n < l.held {
		l.budget.used.Add(n - l.held)
	}
	l.held = n
	return true
}

// Release gives the share back.
func (l *Lease) Release() { l.Resize(0) }
