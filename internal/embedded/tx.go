package embedded

import (
	"bufio"
	"bytes"

	"github.com/alicebob/miniredis/v2/server"
)

// A client that only queues must not fill our memory.
const maxQueuedBytes = maxCommandBytes

// transaction is what MULTI queues. Ours, because miniredis' own cannot hold
// commands that it does not know.
type transaction struct {
	queued [][][]byte
	bytes  int
	dirty  bool // a queued command was refused: EXEC discards all
}

func txMulti(c *conn, _ [][]byte) {
	if c.tx != nil {
		c.out.error("ERR MULTI calls can not be nested")
		return
	}
	c.tx = &transaction{}
	c.out.ok()
}

func txDiscard(c *conn, _ [][]byte) {
	if c.tx == nil {
		c.out.error("ERR DISCARD without MULTI")
		return
	}
	c.tx = nil
	c.miniQuiet("UNWATCH")
	c.out.ok()
}

// queue keeps a copy of the command: its bytes belong to the reader.
func (c *conn) queue(cmd *command, args [][]byte) {
	size := 0
	for _, a := range args {
		size += len(a) + 24
	}
	text := ""
	switch {
	case cmd == nil && !c.srv.mini.Server().IsRegisteredCommand(string(args[0])):
		text = unknownCommand(args)
	case cmd != nil && !cmd.takes(len(args)):
		text = cmd.wrongNumber()
	case c.tx.bytes+size > maxQueuedBytes:
		text = string(errOOM)
	case cmd != nil && cmd.flags&flagWrite != 0 && c.srv.failing.Load() != nil:
		text = *c.srv.failing.Load()
	}
	if text != "" {
		c.tx.dirty = true
		c.out.error(text)
		return
	}
	copied := make([][]byte, len(args))
	for i, a := range args {
		copied[i] = bytes.Clone(a)
	}
	c.tx.queued = append(c.tx.queued, copied)
	c.tx.bytes += size
	c.out.simple("QUEUED")
}

func txExec(c *conn, _ [][]byte) {
	tx := c.tx
	if tx == nil {
		c.out.error("ERR EXEC without MULTI")
		return
	}
	c.tx = nil
	if tx.dirty {
		c.miniQuiet("UNWATCH")
		c.out.error("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	c.srv.serial.Lock()
	defer c.srv.serial.Unlock()
	// miniredis knows whether a watched key changed: an empty transaction of
	// its own answers nil then.
	c.miniQuiet("MULTI")
	if bytes.HasPrefix(c.miniQuiet("EXEC"), []byte("*-1")) {
		c.out.nullArray()
		return
	}
	c.out.array(len(tx.queued))
	for _, args := range tx.queued {
		if isBlocking(args[0]) {
			c.execBlocking(args)
			continue
		}
		c.execute(c.srv.lookup(args[0]), args)
	}
}

// execBlocking: in a transaction a blocking command does not wait. Inside a
// transaction of its own miniredis knows that too.
func (c *conn) execBlocking(args [][]byte) {
	c.miniQuiet("MULTI")
	c.miniQuiet(texts(args)...)
	answer := c.miniQuiet("EXEC")
	if one, ok := bytes.CutPrefix(answer, []byte("*1\r\n")); ok {
		c.out.buf = append(c.out.buf, one...)
	} else {
		c.out.nullArray()
	}
}

func txWatch(c *conn, args [][]byte) {
	if c.tx != nil {
		c.out.error("ERR WATCH inside MULTI is not allowed")
		return
	}
	c.delegate(args)
}

// miniQuiet lets miniredis run a command for this client without the client
// hearing of it, and returns the reply.
func (c *conn) miniQuiet(args ...string) []byte {
	var answer bytes.Buffer
	w := bufio.NewWriter(&answer)
	quiet := server.NewPeer(w)
	quiet.Ctx, quiet.Resp3 = c.peer.Ctx, c.out.resp3
	c.srv.dispatch(quiet, args)
	quiet.Flush()
	c.peer.Ctx = quiet.Ctx
	return answer.Bytes()
}

func texts(args [][]byte) []string {
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = string(a)
	}
	return list
}
