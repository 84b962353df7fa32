package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// Budget is how many bytes a peer may still send: to one query, say. It is shared by all connections to the peer.
type Budget struct {
	limit  int64
	spent  atomic.Int64
	violation atomic.Pointer[LimitError] // by something else than its size
}

// NewBudget returns a budget of this many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Renew begins anew, with the next query.
func (b *Budget) Renew() {
	b.spent.Store(0)
	b.violation.Store(nil)
}

// Exceeded returns the error that reading ended with, or nil. Decoders often hide it.
func (b *Budget) Exceeded() error {
	if err := b.violation.Load(); err != nil {
		return err
	}
	if b.spent.Load() <= b.limit {
		return nil
	}
	return &LimitError{fmt.Sprintf("answers with more than the %d bytes that are read", b.limit)}
}

// Spend takes n bytes, and returns an error when there are not as many left.
func (b *Budget) Spend(n int64) error {
	b.spent.Add(n)
	return b.Exceeded()
}

// Reader reads as much as there is left.
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

// Conn is a connection that reads as much as there is left.
func (b *Budget) Conn(c net.Conn) net.Conn { return b.conn(c) }

func (b *Budget) conn(c net.Conn) *budgetConn { return &budgetConn{c, b} }

type budgetConn struct {
	net.Conn
	budget *Budget
}

// Read implements net.Conn.
func (c *budgetConn) Read(p []byte) (int, error) { return c.budget.read(c.Conn, p) }

// SyscallConn implements [syscall.Conn]: drivers look at the socket of a connection to find out that the server has gone, before
// they send something on it.
func (c *budgetConn) SyscallConn() (syscall.RawConn, error) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return socket.SyscallConn()
}
