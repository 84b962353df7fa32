package tsread

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// maxIdle is how many sets of connections are kept for later.
const maxIdle = 8

// pool holds connections that nobody uses. Each element has one connection per server.
type pool struct {
	client *redisconn.Client

	mu     sync.Mutex
	idle   []*redisconn.Shards
	closed bool
}

// take returns connections, and whether they were used before.
func (p *pool) take() (shards *redisconn.Shards, used bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		shards, p.idle = p.idle[n-1], p.idle[:n-1]
		return shards, true
	}
	return p.client.NewShards(), false
}

func (p *pool) put(shards *redisconn.Shards) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		shards.Close()
		return
	}
	p.idle = append(p.idle, shards)
}

// forget closes the connections that nobody uses.
func (p *pool) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, shards := range p.idle {
		shards.Close()
	}
	p.idle = nil
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.forget()
}

// use calls f with connections that nobody else uses meanwhile. It calls f again if a connection that had been idle turns out to be closed,
// because the server has restarted or another one has become the master. f must not mind.
func (r *Reader) use(ctx context.Context, f func(*redisconn.Shards) error) error {
	shards, used := r.pool.take()
	defer func() { r.pool.put(shards) }()
	err := f(shards)
	if used && wasClosed(err) && ctx.Err() == nil {
		shards.Close() // also forgets which server has which slots
		err = f(shards)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.pool.forget() // the others may lead to the same silence
	}
	if err != nil {
		shards.Stale()
	}
	return r.client.Explain(ctx, err)
}

func wasClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNREFUSED)
}
