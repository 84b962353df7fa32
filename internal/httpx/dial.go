package httpx

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// conns has the open connections of a session, to close each of them. Closing the transport is not enough: net/http continues to dial
// after a request was cancelled, and CloseIdleConnections leaves an HTTP/2 connection open whose last request has just been cancelled.
// Connections to a hung target would accumulate.
type conns struct {
	mu     sync.Mutex
	open   map[*conn]bool
	closed bool
}

type conn struct {
	net.Conn
	all *conns
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.all.mu.Lock()
	delete(c.all.open, c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// register registers a new connection. It closes the connection if close was called before.
func (c *conns) register(raw net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	added := &conn{raw, c}
	if c.open == nil {
		c.open = map[*conn]bool{}
	}
	c.open[added] = true
	return added, nil
}

func (c *conns) close() {
	c.mu.Lock()
	open := c.open
	c.open, c.closed = nil, true
	c.mu.Unlock()
	for one := range open {
		_ = one.Conn.Close()
	}
}

// requestContextKey is the context key for the context of the request. net/http does not pass that context to the dialer.
type requestContextKey struct{}

type dialFunc func(ctx context.Context, t *Target, network, addr string) (net.Conn, error)

func (s *session) trackConns(t *Target, f dialFunc) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if asker, ok := ctx.Value(requestContextKey{}).(context.Context); ok {
			ctx = asker
		}
		raw, err := f(ctx, t, network, addr)
		if err != nil {
			return nil, err
		}
		return s.conns.register(raw)
	}
}

func dialTarget(ctx context.Context, t *Target, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 30 * time.Second}
	if t.LocalAddr != nil && network != "unix" {
		local, err := t.LocalAddr()
		if err != nil {
			return nil, err
		}
		d.LocalAddr = local
	}
	return guard.Dial(ctx, &d, network, addr)
}

// directDialer dials a proxy.
type directDialer struct{ t *Target }

// Dial implements proxy.Dialer.
func (d directDialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext implements proxy.ContextDialer.
func (d directDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return dialTarget(ctx, d.t, network, addr)
}
