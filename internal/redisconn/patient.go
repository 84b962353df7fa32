package redisconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// patient is a connection whose deadlines limit silence. A deadline in ten seconds ends a read or a write once no byte has passed in
// either direction for ten seconds. On a slow link, a large reply may take longer than that, and so may a write that fills the
// socket's buffer. A deadline in the past ends everything at once.
//
// It must be below TLS, because a TLS connection is unusable after a write that timed out.
type patient struct {
	net.Conn
	last    atomic.Int64 // when a byte passed, in Unix nanoseconds
	writing atomic.Bool  // a write shows how much has passed only when it ends

	mu          sync.Mutex
	read, write time.Duration // from setting a deadline to the deadline; not positive: it had passed
}

// newPatient wraps a connection. The socket of a plain connection stays visible to go-redis.
func newPatient(conn net.Conn) net.Conn {
	p := &patient{Conn: conn}
	if raw, ok := conn.(syscall.Conn); ok {
		return patientSocket{p, raw}
	}
	return p
}

type patientSocket struct {
	*patient
	syscall.Conn
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	for {
		n, err := p.Conn.Read(b)
		if n > 0 {
			p.last.Store(time.Now().UnixNano())
		}
		if n > 0 || !isTimeout(err) {
			return n, err
		}
		last := time.Unix(0, p.last.Load())
		if p.writing.Load() { // the write has a deadline of its own
			last = time.Now()
		}
		if !p.extend(last, &p.read, p.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	p.writing.Store(true)
	defer p.writing.Store(false)
	written := 0
	for {
		n, err := p.Conn.Write(b[written:])
		if n > 0 {
			p.last.Store(time.Now().UnixNano())
		}
		written += n
		if !isTimeout(err) || !p.extend(time.Unix(0, p.last.Load()), &p.write, p.Conn.SetWriteDeadline) {
			return written, err
		}
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// extend moves a deadline that has passed if the last byte is recent enough. It reports whether it did.
func (p *patient) extend(last time.Time, patience *time.Duration, set func(time.Time) error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := last.Add(*patience)
	return *patience > 0 && time.Now().Before(until) && set(until) == nil
}

// SetDeadline implements net.Conn.
func (p *patient) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (p *patient) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = time.Until(t)
	return p.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (p *patient) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write = time.Until(t)
	return p.Conn.SetWriteDeadline(t)
}
