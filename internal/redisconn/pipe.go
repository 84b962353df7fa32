package redisconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Pipe is one connection on which the caller writes commands as bytes. go-redis makes it (dials, wraps it in TLS,
// authenticates, selects the database); from then on it is ours alone. After an error that leaves the stream in
// doubt it is closed, and the next [Pipe.Exchange] makes a new one. A Pipe belongs to one goroutine.
type Pipe struct {
	options *redis.Options // whose Dialer finds the server

	client *redis.Client // exists for this connection only; nil while there is none
	sticky *redis.Conn
	conn   *timed
	reader *Reader
	buf    []byte
}

// NewPipe returns a pipe to where these options lead. All that may change (the address, the proxy, credentials) is for
// their Dialer and their credentials provider to find out: they are asked for every connection.
func NewPipe(options *redis.Options) *Pipe { return &Pipe{options: options} }

// chunk is about how much is encoded before it is sent: large enough that the system call does not count.
const chunk = 64 << 10

// window is how many chunks may be on their way without an answer: enough to keep a fast link with a long round trip
// busy. On a slow one the socket's buffer is full earlier.
const window = 8

// Exchange sends what next encodes and hands the replies to receive.
//
// next appends whole commands to buf until it is about [Full] and returns how many they are; none ends the sending.
// receive reads one reply. It runs in a goroutine of its own, beside next, so that full socket buffers on both sides
// cannot lock each other, and has ended when Exchange returns. One chunk is encoded while the one before is on its
// way. A [ServerError] from receive ends nothing: the stream is in order; the first is returned at the end. Any other
// error breaks the pipe.
func (p *Pipe) Exchange(ctx context.Context, next func(buf []byte) ([]byte, int), receive func(*Reader) error) error {
	if err := p.open(ctx); err != nil {
		return err
	}
	conn := p.conn
	conn.ctx = ctx
	stop := context.AfterFunc(ctx, func() { conn.abort(ctx.Err()) })
	err := p.exchange(next, receive)
	if !stop() || err != nil && !isReply(err) {
		p.Close()
	}
	return err
}

// Full says that a chunk has become large enough to be sent.
func Full(buf []byte) bool { return len(buf) >= chunk }

func (p *Pipe) exchange(next func([]byte) ([]byte, int), receive func(*Reader) error) error {
	sent := make(chan int, window) // of commands per chunk
	received := make(chan error, 1)
	conn, reader := p.conn, p.reader
	go func() {
		err := receiveAll(reader, sent, receive)
		if err != nil && !isReply(err) {
			conn.abort(err) // the sender may be waiting for a peer that is gone
			for range sent {
			}
		}
		received <- err
	}()
	if err := p.send(sent, next); err != nil {
		conn.abort(err)
	}
	close(sent)
	err := <-received
	if cause := conn.cause(); cause != nil {
		return cause
	}
	return err
}

func isReply(err error) bool {
	var reply ServerError
	return errors.As(err, &reply)
}

func (p *Pipe) send(sent chan<- int, next func([]byte) ([]byte, int)) error {
	for {
		var n int
		p.buf, n = next(p.buf[:0])
		if n == 0 {
			return nil
		}
		sent <- n // before the write: replies must be read while it is under way
		if _, err := p.conn.Write(p.buf); err != nil {
			return err
		}
	}
}

// receiveAll reads as many replies as commands were sent and returns the first refusal.
func receiveAll(reader *Reader, sent <-chan int, receive func(*Reader) error) (err error) {
	defer func() {
		if r := recover(); r != nil { // a bug here must not end the agent
			err = fmt.Errorf("read reply: panic: %v", r)
		}
	}()
	var refused error
	for n := range sent {
		for range n {
			err := receive(reader)
			if err != nil && !isReply(err) {
				return err
			}
			if refused == nil {
				refused = err
			}
		}
	}
	return refused
}

// open makes the connection if there is none. The dialer is wrapped to get at the connection that go-redis
// prepares; the client is made for it alone, so that there can be no other.
func (p *Pipe) open(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	o := *p.options
	o.PoolSize, o.MinIdleConns, o.MaxActiveConns = poolSize, 0, 0
	dial := o.Dialer
	var mu sync.Mutex // go-redis dials in a goroutine of its own, which may outlive our patience
	var conn net.Conn
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		mu.Lock()
		defer mu.Unlock()
		conn = c
		return c, err
	}
	p.client = redis.NewClient(&o)
	p.sticky = p.client.Conn()
	if err := p.sticky.Ping(ctx).Err(); err != nil {
		p.Close()
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if guarded := peerOf(conn); guarded != nil {
		guarded.Release() // Reader bounds what it reads, and costs less
	}
	p.conn = &timed{Conn: conn, patience: p.options.WriteTimeout}
	p.reader = NewReader(p.conn)
	return nil
}

// Conn is the pipe's connection, made if there is none: for those who measure the server without our protocol code.
// After using it the pipe must be closed.
func (p *Pipe) Conn(ctx context.Context) (net.Conn, error) {
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	return p.conn.Conn, nil
}

// Close closes the connection; the next Exchange makes a new one.
func (p *Pipe) Close() {
	if p.conn != nil {
		_ = p.conn.Close() // go-redis would only put it back into its pool
	}
	if p.client != nil {
		_ = p.sticky.Close()
		_ = p.client.Close()
	}
	p.client, p.sticky, p.conn, p.reader = nil, nil, nil, nil
}

// timed gives every read and every write its time, and none once it is aborted.
type timed struct {
	net.Conn
	patience time.Duration
	ctx      context.Context

	mu      sync.Mutex // orders arming a deadline and aborting
	aborted error      // what was wrong first
}

var _ io.ReadWriter = (*timed)(nil)

// abort ends reads and writes that are under way, and all later ones.
func (t *timed) abort(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aborted == nil {
		t.aborted = cause
	}
	_ = t.SetDeadline(time.Unix(1, 0))
}

func (t *timed) cause() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aborted
}

func (t *timed) arm(set func(time.Time) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aborted != nil {
		return t.aborted
	}
	deadline := time.Now().Add(t.patience)
	if d, ok := t.ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	return set(deadline)
}

// Read implements io.Reader.
func (t *timed) Read(b []byte) (int, error) {
	if err := t.arm(t.SetReadDeadline); err != nil {
		return 0, err
	}
	return t.Conn.Read(b)
}

// Write implements io.Writer.
func (t *timed) Write(b []byte) (int, error) {
	if err := t.arm(t.SetWriteDeadline); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}
