package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// Budget is the number of bytes that a peer may still send, for example as the reply to one query. All connections to the peer share it.
type Budget struct {
	limit     int64
	spent     atomic.Int64
	violation atomic.Pointer[LimitError] // another violation than that of the limit
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Renew restores the whole budget, for the next query.
func (b *Budget) Renew() {
	b.spent.Store(0)
	b.violation.Store(nil)
}

// Exceeded returns the error that ended reading, or nil. Decoders often hide it.
func (b *Budget) Exceeded() error {
	if err := b.violation.Load(); err != nil {
		return err
	}
	if b.spent.Load() <= b.limit {
		return nil
	}
	return &LimitError{fmt.Sprintf("sends more than the limit of %d bytes", b.limit)}
}

// Spend subtracts n bytes from the budget and returns an error if it is exceeded.
func (b *Budget) Spend(n int64) error {
	b.spent.Add(n)
	return b.Exceeded()
}

// Reader returns a reader that fails when the budget is exceeded.
func (b *Budget) Reader(r io.Reader) io.Reader { return &budgetReader{r, b} }

type budgetReader struct {
	io.Reader
	budget *Budget
}

// Read implements io.Reader.
func (r *budgetReader) Read(p []byte) (int, error) { return r.budget.read(r.Reader, p) }

func (b *Budget) read(from io.Reader, p []byte) (int, error) {
	if err := b.Exceeded(); err != nil {
		return 0, err
	}
	n, err := from.Read(p)
	b.spent.Add(int64(n))
	return n, err
}

// Conn returns a connection whose reads fail when the budget is exceeded.
func (b *Budget) Conn(c net.Conn) net.Conn { return b.conn(c) }

func (b *Budget) conn(c net.Conn) *budgetConn { return &budgetConn{c, b} }

type budgetConn struct {
	net.Conn
	budget *Budget
}

// Read implements net.Conn.
func (c *budgetConn) Read(p []byte) (int, error) { return c.budget.read(c.Conn, p) }

// SyscallConn implements [syscall.Conn]. Drivers check the socket for a closed connection before they send something.
func (c *budgetConn) SyscallConn() (syscall.RawConn, error) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return socket.SyscallConn()
}
