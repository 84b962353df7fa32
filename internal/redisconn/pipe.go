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

// Pipe is one connection on which the caller writes commands as bytes. go-redis prepares it: it dials, starts TLS, authenticates and
// selects the database. After that, go-redis does not touch it. An error that leaves the state of the stream unclear closes the
// connection, and the next [Pipe.Exchange] makes a new one. A Pipe belongs to one goroutine.
type Pipe struct {
	options *redis.Options // whose Dialer finds the server

	client *redis.Client // only for this connection; nil without one
	sticky *redis.Conn
	conn   *timed
	reader *Reader
	buf    []byte
}

// NewPipe returns a pipe that connects with these options. Their Dialer and their credentials provider are called for every connection
// and look up what may change: the address, the proxy, the credentials.
func NewPipe(options *redis.Options) *Pipe { return &Pipe{options: options} }

// chunk is roughly how many bytes are encoded before they are sent. The cost of the system call is negligible at this size.
const chunk = 64 << 10

// window is how many chunks may be unanswered. It keeps a fast link with a long round trip busy. On a slow link, the socket's buffer is
// full earlier.
const window = 8

// Exchange sends what next encodes and hands the replies to receive.
//
// next appends whole commands to buf until it is about [Full], and returns their number; 0 ends the sending. receive reads one reply. It
// runs in another goroutine than next, so full socket buffers on both sides cannot cause a deadlock. That goroutine has ended when
// Exchange returns. One chunk is encoded while the previous one is on its way.
//
// A [ServerError] from receive does not end the exchange, because the stream is still in order; the first one is returned at the end.
// Any other error closes the connection.
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

// Do sends one command and hands its reply to receive, like [Pipe.Exchange].
func (p *Pipe) Do(ctx context.Context, command []byte, receive func(*Reader) error) error {
	sent := false
	return p.Exchange(ctx, func(buf []byte) ([]byte, int) {
		if sent {
			return buf, 0
		}
		sent = true
		return append(buf, command...), 1
	}, receive)
}

// Full reports whether a chunk is large enough to be sent.
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
		sent <- n // before the write, because replies must be read during it
		if _, err := p.conn.Write(p.buf); err != nil {
			return err
		}
	}
}

// receiveAll reads a reply for each command that was sent, and returns the first refusal.
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

// open makes the connection if there is none. It wraps the dialer to get at the connection that go-redis prepares. The client only has
// this one connection.
func (p *Pipe) open(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	o := *p.options
	o.PoolSize, o.MinIdleConns, o.MaxActiveConns = poolSize, 0, 0
	dial := o.Dialer
	var mu sync.Mutex // go-redis dials in a goroutine that may outlive the timeout
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
		guarded.Release() // Reader has limits of its own, and costs less
	}
	p.conn = &timed{Conn: conn, patience: p.options.WriteTimeout}
	p.reader = NewReader(p.conn)
	return nil
}

// Conn returns the pipe's connection, and makes it if there is none. It is for measurements without our protocol code. The caller must
// close the pipe afterwards.
func (p *Pipe) Conn(ctx context.Context) (net.Conn, error) {
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	return p.conn.Conn, nil
}

// Close closes the connection; the next Exchange makes a new one.
func (p *Pipe) Close() {
	if p.conn != nil {
		_ = p.conn.Close() // go-redis would only return it to its pool
	}
	if p.client != nil {
		_ = p.sticky.Close()
		_ = p.client.Close()
	}
	p.client, p.sticky, p.conn, p.reader = nil, nil, nil, nil
}

// timed sets a deadline for every read and every write. After abort, both fail at once.
type timed struct {
	net.Conn
	patience time.Duration
	ctx      context.Context

	mu      sync.Mutex // so that arm cannot overwrite the deadline of abort
	aborted error      // the first cause
}

var _ io.ReadWriter = (*timed)(nil)

// abort ends reads and writes, those in progress and all later ones.
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
