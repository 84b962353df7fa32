package linesender

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/netx"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// link is a connection to a destination. A goroutine reads what the destination sends, so that it never fills the socket.
type link struct {
	conn   net.Conn // TLS, or wire
	wire   *wire
	isTLS  bool
	closed chan struct{} // closed when nothing more can be read

	mu      sync.Mutex
	why     error  // why nothing more can be read
	answers int    // lines, since takeAnswers was called
	first   []byte // the first of them
	partial bool   // the last read ended within a line
}

// maxAnswer is how much of an answer is kept, in bytes.
const maxAnswer = 1023

// dial connects to a place, with TLS if it is asked for.
func dial(ctx context.Context, p place, c Config, store secret.Resolver) (*link, error) {
	connect, err := route(ctx, p, c, store)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout.D())
	defer cancel()
	raw, err := connect(ctx, p.network(), p.addr)
	if err != nil {
		return nil, err
	}
	l := &link{wire: &wire{Conn: raw, timeout: c.Timeout.D()}, isTLS: p.protocol == TLS, closed: make(chan struct{})}
	if socket, ok := raw.(syscall.Conn); ok && p.network() == "tcp" {
		l.wire.socket, _ = socket.SyscallConn()
	}
	l.conn = l.wire
	if l.isTLS {
		config, err := c.TLS.Client(p.host)
		if err != nil {
			_ = raw.Close()
			return nil, err
		}
		secure := tls.Client(l.wire, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		l.conn = secure
	}
	go l.readAnswers()
	return l, nil
}

// route returns a function that dials, through the proxy if one is set. Only TCP goes through it.
func route(ctx context.Context, p place, c Config, store secret.Resolver) (netx.DialFunc, error) {
	forward := &net.Dialer{KeepAlive: 30 * time.Second}
	if c.SOCKS5Proxy.IsZero() || p.network() != "tcp" {
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			return guard.Dial(ctx, forward, network, addr)
		}, nil
	}
	text, err := c.SOCKS5Proxy.Resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	u, err := netx.ParseSOCKS5(text)
	if err != nil {
		return nil, errors.New("socks5_proxy " + err.Error())
	}
	return netx.SOCKS5(u, forward)
}

// readAnswers counts the lines that the destination sends and keeps the first one. It ends when the connection does.
func (l *link) readAnswers() {
	defer close(l.closed)
	room := make([]byte, 4096)
	for {
		n, err := l.conn.Read(room)
		l.mu.Lock()
		l.addAnswers(room[:n])
		if err != nil {
			l.why = err
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}

func (l *link) addAnswers(text []byte) {
	for len(text) > 0 {
		line, rest, isWhole := bytes.Cut(text, []byte("\n"))
		if !l.partial {
			l.answers++
		}
		if l.answers == 1 {
			l.first = append(l.first, line[:min(len(line), maxAnswer-len(l.first))]...)
		}
		l.partial = !isWhole
		text = rest
	}
}

// takeAnswers returns how many lines have arrived since the last call, and the first of them.
func (l *link) takeAnswers() (n int, first string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, first = l.answers, string(bytes.TrimRight(l.first, "\r"))
	l.answers, l.first, l.partial = 0, l.first[:0], false
	return n, first
}

// isClosed reports whether the destination has closed the connection.
func (l *link) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// readError returns why nothing more can be read.
func (l *link) readError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.why, io.EOF) {
		return errClosed
	}
	return l.why
}

var (
	errClosed = errors.New("closed the connection")
	errSilent = errors.New("does not accept data any more")
)

// awaitAcknowledgement waits until the kernel of the peer has acknowledged everything that was written, if this system can tell. It gives up if there is no
// progress within the timeout.
func (l *link) awaitAcknowledgement(ctx context.Context) error {
	last, since := -1, time.Now()
	for pauseFor := time.Millisecond; ; pauseFor = min(2*pauseFor, 50*time.Millisecond) {
		n, ok := l.wire.unacknowledged()
		switch {
		case !ok || n == 0:
			return nil
		case l.isClosed():
			return l.readError()
		case n != last:
			last, since = n, time.Now()
		case time.Since(since) >= l.wire.timeout:
			return errSilent
		}
		if !pause.Sleep(ctx, pauseFor) {
			return ctx.Err()
		}
	}
}

// acknowledged returns how many of the bytes on the wire have arrived, as far as this system can tell.
func (l *link) acknowledged() int64 {
	n, _ := l.wire.unacknowledged()
	return l.wire.written - int64(n)
}

// close ends the connection in good order. Everything that was written is still delivered.
func (l *link) close() error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // for the farewell of TLS
	err := l.conn.Close()
	<-l.closed
	if errors.Is(err, net.ErrClosed) || l.readError() != nil && !errors.Is(l.readError(), net.ErrClosed) {
		return nil // it was closed already
	}
	return err
}

// abort ends the connection with a reset and discards what the peer has not received. So the peer does not take the beginning of a line, which
// it may have received, for a line.
func (l *link) abort() {
	if tcp, ok := l.wire.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.wire.Close()
	<-l.closed
}

// wire is the connection below TLS. Its writes give up when there is no progress for a while, not after a fixed time.
type wire struct {
	net.Conn
	timeout time.Duration
	socket  syscall.RawConn // nil if it is unknown what the peer has acknowledged
	written int64           // bytes
	aborted atomic.Bool
}

// Write implements io.Writer.
func (w *wire) Write(b []byte) (int, error) {
	done := 0
	for {
		_ = w.SetWriteDeadline(time.Now().Add(w.timeout))
		if w.aborted.Load() { // perhaps before the deadline was set
			return done, os.ErrDeadlineExceeded
		}
		n, err := w.Conn.Write(b[done:])
		done += n
		w.written += int64(n)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
	}
}

// abortWrites ends a write that is under way and all later ones.
func (w *wire) abortWrites() {
	w.aborted.Store(true)
	_ = w.SetWriteDeadline(time.Unix(1, 0))
}

func (w *wire) unacknowledged() (n int, ok bool) {
	if w.socket == nil {
		return 0, false
	}
	return unacknowledged(w.socket)
}

func (w *wire) isDatagram() bool {
	_, ok := w.Conn.(*net.UDPConn)
	return ok
}
