package embedded

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	writeBufferBytes = 16 << 10
	// writeTimeout is how long a client may accept no bytes before it is
	// disconnected.
	writeTimeout = 10 * time.Second
	// drainTime and drainBytes bound what is read from a client after its last
	// reply.
	drainTime  = 100 * time.Millisecond
	drainBytes = 1 << 20
)

// conn is one client. Only its own goroutine uses it, except for the messages
// that other clients publish to it.
type conn struct {
	keyspace.Session
	server *Server
	net    net.Conn
	id     int64
	in     *resp.Reader
	// commandStart is where the reply to the current command starts in Out. A
	// command that panics loses its reply.
	commandStart int
	push         pushQueue

	authenticated bool
	name          string // set with CLIENT SETNAME
	subscriptions subscriptions
	closing       bool // set by QUIT
	transaction   *transaction
	inExec        bool
	watch         keyspace.Watch
}

func newConn(s *Server, nc net.Conn, id int64) *conn {
	c := &conn{server: s, net: nc, id: id, in: resp.NewReader(nc), authenticated: s.cfg.Password == ""}
	c.Store, c.WaitFor = s.store, c.waitForWrite
	c.Out.Bound(s.clientMemory.NewLease())
	c.in.Authenticated, c.in.Memory, c.in.BeforeRead = c.authenticated, s.clientMemory.NewLease(), c.flush
	c.push.memory = s.clientMemory.NewLease()
	return c
}

// serve runs commands until the client is gone.
func (c *conn) serve() {
	defer c.server.wg.Done()
	defer c.server.removeConn(c)
	defer c.net.Close()
	defer c.release()
	defer c.recoverPanic()
	for !c.closing {
		args, err := c.in.Next()
		if err != nil {
			c.endWithError(err)
			return
		}
		c.handle(args)
		if c.Out.Len() >= writeBufferBytes {
			c.flush()
		}
	}
	c.flush()
}

// handle runs one command and leaves its reply in Out.
func (c *conn) handle(args [][]byte) {
	c.server.executed.Add(1)
	cmd := c.server.findCommand(args[0])
	c.commandStart, c.Command = c.Out.Len(), nil
	if cmd != nil {
		c.Command = &cmd.Command
	}
	switch {
	case !c.authenticated && !cmd.has(keyspace.FlagNoAuth):
		c.Fail("NOAUTH Authentication required.")
	case c.transaction != nil && !cmd.has(keyspace.FlagTransaction):
		c.queue(cmd, args)
	case cmd == nil:
		c.Fail(unknownCommandError(args))
	case c.subscriptions.count() > 0 && !c.Out.RESP3 && !cmd.has(keyspace.FlagPubSub):
		c.Fail(resp.Error("ERR Can't execute '" + cmd.Name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"))
	case cmd.has(keyspace.FlagTransaction | keyspace.FlagBlocking): // they take the lock themselves if they need it
		c.execute(cmd, args)
	default:
		c.server.serial.RLock()
		defer c.server.serial.RUnlock()
		c.execute(cmd, args)
	}
}

// execute runs a command that exists and is allowed now.
func (c *conn) execute(cmd *command, args [][]byte) {
	c.Command = &cmd.Command
	if !cmd.Accepts(len(args)) {
		c.Fail(cmd.ArityError())
		if c.transaction != nil {
			c.transaction.rejected = true
		}
		return
	}
	if cmd.has(keyspace.FlagWrite) {
		if err := c.server.writeError.Load(); err != nil {
			c.Fail(*err)
			return
		}
	}
	if cmd.runOnConn != nil {
		cmd.runOnConn(c, args)
	} else {
		cmd.Run(&c.Session, args)
	}
}

// recoverPanic ends the connection of a client whose command panicked. All other
// clients go on.
func (c *conn) recoverPanic() {
	v := recover()
	if v == nil {
		return
	}
	name := "none"
	if c.Command != nil {
		name = c.Command.Name
	}
	if _, logged := c.server.loggedPanics.LoadOrStore(name, true); !logged {
		c.server.log.Error("command panicked; its connection is closed", "command", name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
	c.Out.Truncate(c.commandStart)
	c.Fail("ERR internal error")
	c.flush()
	c.drain()
}

// endWithError answers what is wrong with the client's input.
func (c *conn) endWithError(err error) {
	var protocolError resp.ProtocolError
	if errors.As(err, &protocolError) {
		c.Fail(resp.Error(protocolError.Error()))
		c.server.log.Debug("connection closed", "client", c.net.RemoteAddr().String(), "error", err)
	}
	c.flush()
	c.drain()
}

// drain reads for a moment what still arrives. Closing a socket with unread input
// resets it, and the client would not see the error.
func (c *conn) drain() {
	_ = c.net.SetReadDeadline(time.Now().Add(drainTime))
	c.in.Discard(drainBytes)
}

// release gives back what the server and the budget hold for this client.
func (c *conn) release() {
	c.Store.Unwatch(&c.watch)
	if c.push.signal != nil {
		c.unsubscribeAll()
		close(c.push.signal)
	}
	if c.transaction != nil {
		c.transaction.memory.Release()
	}
	c.in.Memory.Release()
	c.Out.Release()
	c.push.release()
}

// flush sends the messages that wait, and then the replies.
func (c *conn) flush() {
	c.push.writing.Lock()
	defer c.push.writing.Unlock()
	c.sendMessages()
	c.send(c.Out.Bytes())
	if c.Out.Overflowed() {
		c.server.log.Warn("client disconnected: its reply exceeded the memory for clients", "client", c.net.RemoteAddr().String())
		c.closing = true
		c.net.Close()
	}
	c.Out.Reset()
	c.commandStart = 0
}

// send writes bytes to the client in pieces. Each piece has its own time limit,
// so a slow client may take long, but must not stop reading.
func (c *conn) send(b []byte) {
	for len(b) > 0 {
		piece := b[:min(len(b), writeBufferBytes)]
		b = b[len(piece):]
		_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := c.net.Write(piece); err != nil {
			c.net.Close() // the next read fails and ends the connection
			return
		}
	}
}
