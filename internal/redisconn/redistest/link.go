package redistest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Link is a network in memory between a client and a server, with a rate, a latency and connections that break. It uses the clock, so
// testing/synctest makes hours pass in a moment, and always in the same way. Real sockets and a proxy cannot do that.
type Link struct {
	Rate       int           // bytes per second in each direction
	Latency    time.Duration // in each direction
	ResetBytes int           // that pass to the server before a connection breaks; 0: no limit
	ResetAfter time.Duration // age at which a connection breaks; 0: never
	Serve      func(net.Conn)

	mu    sync.Mutex
	dials int
}

const (
	segment    = 1400      // bytes that pass together
	sendBuffer = 256 << 10 // bytes that a write puts into the kernel before it blocks
)

// Dial implements Dial of [redisconn.Config]. It takes a round trip and starts Serve at the other end.
func (l *Link) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	select {
	case <-time.After(2 * l.Latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	up, down := newDirection(l), newDirection(l)
	reset := func() {
		up.fail(syscall.ECONNRESET)
		down.fail(syscall.ECONNRESET)
	}
	up.limit, up.reset = l.ResetBytes, reset
	if l.ResetAfter > 0 {
		timer := time.AfterFunc(l.ResetAfter, reset)
		up.onClose = func() { timer.Stop() }
	}
	l.mu.Lock()
	l.dials++
	l.mu.Unlock()
	go l.Serve(&linkConn{in: up, out: down})
	return &linkConn{in: down, out: up}, nil
}

// Dials returns how many connections were made.
func (l *Link) Dials() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials
}

// direction is one direction of a connection.
type direction struct {
	link    *Link
	limit   int // bytes until reset is called; 0: none
	reset   func()
	onClose func()

	mu      sync.Mutex
	flying  []flight
	idle    time.Time // when everything written so far has passed the link
	passed  int
	err     error         // why nothing passes any more
	changed chan struct{} // closed at every change
}

// flight is a segment in transit.
type flight struct {
	data   []byte
	arrive time.Time
}

func newDirection(l *Link) *direction {
	return &direction{link: l, changed: make(chan struct{}), idle: time.Now()}
}

func (d *direction) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	d.err = err
	if !errors.Is(err, net.ErrClosed) {
		d.flying = nil // a reset drops what is in transit
	}
	if d.onClose != nil {
		d.onClose()
	}
	d.notify()
}

func (d *direction) notify() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// takes returns how long n bytes need to pass.
func (d *direction) takes(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(d.link.Rate)
}

func (d *direction) write(b []byte, deadline func() time.Time) (written int, err error) {
	for written < len(b) {
		d.mu.Lock()
		now := time.Now()
		room := d.idle.Add(-d.takes(sendBuffer)) // when the buffer has room again
		if d.err == nil && !room.After(now) {
			n := min(segment, len(b)-written)
			d.idle = later(d.idle, now).Add(d.takes(n))
			d.passed += n
			if d.limit > 0 && d.passed > d.limit {
				time.AfterFunc(d.idle.Sub(now), d.reset)
				d.limit = 0
			}
			d.flying = append(d.flying, flight{append([]byte(nil), b[written:written+n]...), d.idle.Add(d.link.Latency)})
			written += n
			d.notify()
			d.mu.Unlock()
			continue
		}
		changed, failed := d.changed, d.err
		d.mu.Unlock()
		if failed != nil {
			return written, failed
		}
		if err := wait(changed, room, deadline()); err != nil {
			return written, err
		}
	}
	return written, nil
}

func (d *direction) read(b []byte, deadline func() time.Time) (int, error) {
	for {
		d.mu.Lock()
		next := time.Time{}
		if len(d.flying) > 0 {
			first := &d.flying[0]
			if next = first.arrive; !next.After(time.Now()) {
				n := copy(b, first.data)
				if first.data = first.data[n:]; len(first.data) == 0 {
					d.flying = d.flying[1:]
				}
				d.mu.Unlock()
				return n, nil
			}
		}
		changed, failed := d.changed, d.err
		d.mu.Unlock()
		if failed != nil && next.IsZero() {
			return 0, failed
		}
		if err := wait(changed, next, deadline()); err != nil {
			return 0, err
		}
	}
}

// wait returns after a change, at the given time unless that is zero, or with an error at the deadline.
func wait(changed <-chan struct{}, at, deadline time.Time) error {
	var due, late <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-changed:
	case <-due:
	case <-late:
		return os.ErrDeadlineExceeded
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// linkConn is one end of a connection.
type linkConn struct {
	in, out *direction

	mu          sync.Mutex
	read, write time.Time // deadlines
}

func (c *linkConn) deadline(t *time.Time) func() time.Time {
	return func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return *t
	}
}

// Read implements net.Conn.
func (c *linkConn) Read(b []byte) (int, error) { return c.in.read(b, c.deadline(&c.read)) }

// Write implements net.Conn.
func (c *linkConn) Write(b []byte) (int, error) { return c.out.write(b, c.deadline(&c.write)) }

// Close implements net.Conn.
func (c *linkConn) Close() error {
	c.out.fail(net.ErrClosed)
	c.in.fail(net.ErrClosed)
	return nil
}

func (c *linkConn) set(d *direction, at *time.Time, t time.Time) {
	c.mu.Lock()
	*at = t
	c.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.notify() // waiters must look at the deadline again
	}
}

// SetDeadline implements net.Conn.
func (c *linkConn) SetDeadline(t time.Time) error {
	c.set(c.in, &c.read, t)
	c.set(c.out, &c.write, t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *linkConn) SetReadDeadline(t time.Time) error {
	c.set(c.in, &c.read, t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *linkConn) SetWriteDeadline(t time.Time) error {
	c.set(c.out, &c.write, t)
	return nil
}

// LocalAddr implements net.Conn.
func (c *linkConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// RemoteAddr implements net.Conn.
func (c *linkConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
