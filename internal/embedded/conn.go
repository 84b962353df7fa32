package embedded

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	writeBufferBytes = 16 << 10
	// A client that takes nothing for so long is disconnected.
	writeTimeout = 10 * time.Second
	maxNameBytes = 1024
)

// conn is one client. Only its own goroutine uses it, except for what other
// clients publish to it: they append to pushed, which a second goroutine sends.
type conn struct {
	srv *Server
	net net.Conn
	id  int64
	in  *resp.Reader
	out resp.Writer
	// complete is how much of out was there before the current command: what a
	// command that panics wrote is taken back.
	complete int

	writing sync.Mutex // held while bytes are put on the wire
	pushMu  sync.Mutex
	pushed  resp.Writer   // messages that wait to be sent
	pushMem resp.Lease    // guarded by pushMu
	pushing chan struct{} // has an element when there are messages; nil without subscriptions

	authed  bool
	db      int
	name    string
	subs    subscriptions
	quit    bool
	tx      *transaction
	inExec  bool
	watch   *watch
	running *command // the current one, for error texts
	scratch []sample
	json    jsonWriter
}

func newConn(s *Server, nc net.Conn, id int64) *conn {
	c := &conn{srv: s, net: nc, id: id, in: resp.NewReader(nc), authed: s.cfg.Password == ""}
	c.in.Authenticated = c.authed
	c.in.Memory, c.pushMem = s.clients.NewLease(), s.clients.NewLease()
	c.out.Bound(s.clients.NewLease())
	c.in.BeforeRead = c.flush
	return c
}

func (c *conn) serve() {
	defer c.srv.wg.Done()
	defer c.srv.forget(c)
	defer c.net.Close()
	defer c.leave()
	defer c.survive()
	for !c.quit {
		args, err := c.in.Next()
		if err != nil {
			c.hangUp(err)
			return
		}
		c.handle(args)
		if c.out.Len() >= writeBufferBytes {
			c.flush()
		}
	}
	c.flush()
}

// survive turns a panic of one client's command into the end of its connection.
func (c *conn) survive() {
	v := recover()
	if v == nil {
		return
	}
	name := "none"
	if c.running != nil {
		name = c.running.name
	}
	if _, told := c.srv.panicked.LoadOrStore(name, true); !told {
		c.srv.log.Error("command panicked; its connection is closed", "command", name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
	c.out.Truncate(c.complete)
	c.out.Error("ERR internal error")
	c.flush()
	c.linger()
}

// leave takes back what other clients or the budget hold of this one.
func (c *conn) leave() {
	c.unwatch()
	if c.pushing != nil {
		c.unsubscribeAll()
		close(c.pushing)
	}
	if c.tx != nil {
		c.tx.mem.Release()
	}
	c.in.Memory.Release()
	c.out.Release()
	c.pushMu.Lock()
	defer c.pushMu.Unlock()
	c.pushMem.Release()
}

// hangUp tells the client what was wrong with its bytes.
func (c *conn) hangUp(err error) {
	var bad resp.ProtocolError
	if errors.As(err, &bad) {
		c.out.Error(resp.Error(bad.Error()))
		c.srv.log.Debug("connection closed", "client", c.net.RemoteAddr().String(), "error", err)
	}
	c.flush()
	c.linger()
}

// linger reads for a moment what is still coming: closing a socket with unread
// input resets it, and the client would not see the error.
func (c *conn) linger() {
	_ = c.net.SetReadDeadline(time.Now().Add(lingerTime))
	c.in.Discard(lingerBytes)
}

const (
	lingerTime  = 100 * time.Millisecond
	lingerBytes = 1 << 20
)

// flush sends the replies there are, and before them the messages.
func (c *conn) flush() {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.sendPushed()
	c.send(c.out.Bytes())
	if c.out.Overflowed() {
		c.srv.log.Warn("client disconnected: its reply exceeded the memory for clients", "client", c.net.RemoteAddr().String())
		c.quit = true
		c.net.Close()
	}
	c.resetOut()
}

// send puts bytes on the wire, in pieces: each has its own time limit, so that
// a slow client may take long, but must keep taking.
func (c *conn) send(b []byte) {
	for len(b) > 0 {
		piece := b[:min(len(b), writeBufferBytes)]
		b = b[len(piece):]
		_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := c.net.Write(piece); err != nil {
			c.net.Close() // the reader notices
			return
		}
	}
}

// resetOut keeps the buffer, unless one reply made it huge.
func (c *conn) resetOut() {
	c.out.Reset()
	c.complete = 0
	if cap(c.scratch) > resp.KeptBufferBytes/sampleBytes {
		c.scratch = nil
	}
	if cap(c.json.out) > resp.KeptBufferBytes {
		c.json = jsonWriter{}
	}
}

// push adds a message for this client, or disconnects it if it reads too slowly.
func (c *conn) push(write func(*resp.Writer)) {
	c.pushMu.Lock()
	defer c.pushMu.Unlock()
	write(&c.pushed)
	if size := int64(c.pushed.Cap()); size > maxUndelivered || !c.pushMem.Resize(size) {
		c.pushed.Take()
		c.pushMem.Release()
		c.net.Close()
		return
	}
	select {
	case c.pushing <- struct{}{}:
	default: // it will be looked at anyway
	}
}

// startPushing starts the goroutine that sends messages while the client's own
// waits for commands.
func (c *conn) startPushing() {
	c.pushing = make(chan struct{}, 1)
	c.srv.wg.Add(1)
	go func() {
		defer c.srv.wg.Done()
		for range c.pushing {
			c.writing.Lock()
			c.sendPushed()
			c.writing.Unlock()
		}
	}()
}

func (c *conn) sendPushed() {
	c.pushMu.Lock()
	b := c.pushed.Take()
	c.pushMu.Unlock()
	if b == nil {
		return
	}
	c.send(b)
	c.pushMu.Lock()
	defer c.pushMu.Unlock()
	c.pushMem.Resize(int64(c.pushed.Cap()))
}

// handle runs one command and leaves its reply in out.
func (c *conn) handle(args [][]byte) {
	c.srv.executed.Add(1)
	cmd := c.srv.lookup(args[0])
	c.running, c.complete = cmd, c.out.Len()
	switch {
	case !c.authed && (cmd == nil || cmd.flags&flagNoAuth == 0):
		c.out.Error("NOAUTH Authentication required.")
	case c.tx != nil && (cmd == nil || cmd.flags&flagTx == 0):
		c.queue(cmd, args)
	case cmd == nil:
		c.out.Error(unknownCommand(args))
	case c.subs.count() > 0 && !c.out.RESP3 && !cmd.allowedWhileSubscribed():
		c.out.Error(resp.Error("ERR Can't execute '" + cmd.name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"))
	case cmd.flags&(flagTx|flagBlocks) != 0: // these take the lock themselves, if they need it
		c.execute(cmd, args)
	default:
		c.srv.serial.RLock()
		defer c.srv.serial.RUnlock()
		c.execute(cmd, args)
	}
}

// execute runs a command that is known and allowed.
func (c *conn) execute(cmd *command, args [][]byte) {
	c.running = cmd
	if !cmd.takes(len(args)) {
		c.out.Error(cmd.wrongNumber())
		if c.tx != nil {
			c.tx.dirty = true
		}
		return
	}
	if cmd.flags&flagWrite != 0 {
		if text := c.srv.failing.Load(); text != nil {
			c.out.Error(resp.Error(*text))
			return
		}
	}
	cmd.run(c, args)
}
