package embedded

import (
	"bufio"
	"errors"
	"net"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

const (
	writeBufferBytes = 16 << 10
	// A client that does not read for so long is hung up on: a full pipe must
	// not hold up whoever publishes to it.
	writeTimeout = 5 * time.Second
)

// conn is one client. Its own replies collect in out, miniredis' in the peer's
// writer; spill keeps them in order, and both leave together.
type conn struct {
	srv     *Server
	net     net.Conn
	id      int64
	in      *reader
	out     reply
	w       *bufio.Writer // guarded by the peer's lock: published messages come from other goroutines
	peer    *server.Peer
	onSpill func(*server.Writer)
	onFlush func(*server.Writer)

	authed     bool
	db         int
	name       string
	subscribed bool // SUBSCRIBE was sent; miniredis must be told of the end
	quit       bool
	tx         *transaction
	running    *command // whose name errArity takes
	scratch    []sample
	json       jsonWriter
}

// deadlineWriter gives every write to the socket its own deadline.
type deadlineWriter struct{ net.Conn }

func (w deadlineWriter) Write(p []byte) (int, error) {
	_ = w.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := w.Conn.Write(p)
	if err != nil {
		w.Close() // the reader notices
	}
	return n, err
}

func newConn(s *Server, nc net.Conn, id int64) *conn {
	c := &conn{srv: s, net: nc, id: id, in: newReader(nc), authed: s.cfg.Password == ""}
	c.in.trusted = c.authed
	c.w = bufio.NewWriterSize(deadlineWriter{nc}, writeBufferBytes)
	c.peer = server.NewPeer(c.w)
	// A failed write closes the connection, see deadlineWriter: the reader ends it.
	c.onSpill = func(*server.Writer) { _, _ = c.w.Write(c.out.buf) }
	c.onFlush = func(*server.Writer) {
		_, _ = c.w.Write(c.out.buf)
		_ = c.w.Flush()
	}
	return c
}

func (c *conn) serve() {
	defer c.srv.wg.Done()
	defer c.srv.forget(c)
	defer c.net.Close()
	defer c.leave()
	for !c.quit {
		args, err := c.in.next()
		if err != nil {
			c.hangUp(err)
			return
		}
		c.handle(args)
		if len(c.out.buf) >= writeBufferBytes {
			c.spill()
		}
		if !c.in.buffered() || c.quit {
			c.flush()
		}
	}
}

// hangUp tells the client what was wrong with its bytes.
func (c *conn) hangUp(err error) {
	var bad protocolError
	if errors.As(err, &bad) {
		c.out.error(bad.Error())
		c.srv.log.Debug("connection closed", "client", c.net.RemoteAddr().String(), "error", err)
	}
	c.flush()
	c.linger()
}

// linger reads for a moment what is still coming: closing a socket with unread
// input resets it, and the client would not see the error.
func (c *conn) linger() {
	_ = c.net.SetReadDeadline(time.Now().Add(lingerTime))
	for read := 0; read < lingerBytes; {
		n, err := c.net.Read(c.in.buf)
		read += n
		if err != nil {
			return
		}
	}
}

const (
	lingerTime  = 100 * time.Millisecond
	lingerBytes = 1 << 20
)

func (c *conn) spill() {
	if len(c.out.buf) > 0 {
		c.peer.Block(c.onSpill)
		c.resetOut()
	}
}

func (c *conn) flush() {
	c.peer.Block(c.onFlush)
	c.resetOut()
}

// resetOut keeps the buffer, unless one reply made it huge.
func (c *conn) resetOut() {
	if cap(c.out.buf) > keepBufferBytes {
		c.out.buf = nil
	}
	c.out.buf = c.out.buf[:0]
	if cap(c.scratch) > keepBufferBytes/sampleBytes {
		c.scratch = nil
	}
	if cap(c.json.out) > keepBufferBytes {
		c.json = jsonWriter{}
	}
}

// handle runs one command and leaves its reply in out or with the peer.
func (c *conn) handle(args [][]byte) {
	c.srv.executed.Add(1)
	cmd := c.srv.lookup(args[0])
	if !c.authed && (cmd == nil || cmd.flags&flagNoAuth == 0) {
		c.out.error("NOAUTH Authentication required.")
		return
	}
	if c.tx != nil && (cmd == nil || cmd.flags&flagTx == 0) {
		c.queue(cmd, args)
		return
	}
	if cmd != nil && cmd.flags&flagTx != 0 || isBlocking(args[0]) {
		c.execute(cmd, args)
		return
	}
	c.srv.serial.RLock()
	defer c.srv.serial.RUnlock()
	c.execute(cmd, args)
}

// execute runs a command for which nobody needs to be asked any more.
func (c *conn) execute(cmd *command, args [][]byte) {
	if cmd == nil {
		c.delegate(args)
		return
	}
	c.running = cmd
	if !cmd.takes(len(args)) {
		c.out.error(cmd.wrongNumber())
		return
	}
	if cmd.flags&flagWrite != 0 {
		if text := c.srv.failing.Load(); text != nil {
			c.out.error(*text)
			return
		}
	}
	cmd.run(c, args)
}
