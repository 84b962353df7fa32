package embedded

import (
	"bytes"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Limits of one transaction. All other clients wait while EXEC runs.
const (
	maxQueuedBytes    = resp.MaxCommandBytes
	maxQueuedCommands = 1 << 16
	maxExecTime       = 5 * time.Second
	// argumentBytes is the size of a slice header.
	argumentBytes = 24

	errExecTime = resp.Error("ERR the transaction took too long, the rest of it was not run")
)

// transaction is the queue that MULTI starts.
type transaction struct {
	queued   [][][]byte
	bytes    int
	memory   resp.Lease
	rejected bool // a command could not be queued: EXEC discards all
}

func (c *conn) runMulti([][]byte) {
	if c.transaction != nil {
		c.Fail("ERR MULTI calls can not be nested")
		return
	}
	c.transaction = &transaction{memory: c.server.clientMemory.NewLease()}
	c.Out.OK()
}

func (c *conn) runDiscard([][]byte) {
	if c.transaction == nil {
		c.Fail("ERR DISCARD without MULTI")
		return
	}
	c.endTransaction()
	c.Out.OK()
}

// endTransaction forgets the queue and the watched keys.
func (c *conn) endTransaction() {
	c.transaction.memory.Release()
	c.transaction = nil
	c.Store.Unwatch(&c.watch)
}

// queue copies a command into the transaction. The command is nil if it is
// unknown.
func (c *conn) queue(cmd *command, args [][]byte) {
	if err := c.transaction.admit(c.server, cmd, args); err != "" {
		c.transaction.rejected = true
		c.Fail(err)
		return
	}
	copied := make([][]byte, len(args))
	for i, a := range args {
		copied[i] = bytes.Clone(a)
	}
	c.transaction.queued = append(c.transaction.queued, copied)
	c.Out.Simple("QUEUED")
}

// admit returns why a command cannot be queued, or reserves its memory.
func (tx *transaction) admit(s *Server, cmd *command, args [][]byte) resp.Error {
	size := 0
	for _, a := range args {
		size += len(a) + argumentBytes
	}
	switch {
	case cmd == nil:
		return unknownCommandError(args)
	case !cmd.Accepts(len(args)):
		return cmd.ArityError()
	case tx.bytes+size > maxQueuedBytes, len(tx.queued) >= maxQueuedCommands, !tx.memory.Resize(int64(tx.bytes + size)):
		return resp.ErrOOM
	}
	tx.bytes += size
	if err := s.writeError.Load(); err != nil && cmd.has(keyspace.FlagWrite) {
		return *err
	}
	return ""
}

func (c *conn) runExec(args [][]byte) {
	tx := c.transaction
	switch {
	case len(args) > 1:
		if tx != nil { // as in Redis, a malformed EXEC ends the transaction too
			c.endTransaction()
		}
		c.Fail(keyspace.ErrArity)
		return
	case tx == nil:
		c.Fail("ERR EXEC without MULTI")
		return
	}
	defer func() { c.inExec = false }()
	c.server.serial.Lock()
	defer c.server.serial.Unlock()
	isBroken := c.Store.IsBroken(&c.watch)
	c.endTransaction()
	switch {
	case tx.rejected:
		c.Fail("EXECABORT Transaction discarded because of previous errors.")
		return
	case isBroken:
		c.Out.NullArray()
		return
	}
	c.inExec = true
	started := time.Now()
	c.Out.Array(len(tx.queued))
	for _, args := range tx.queued {
		if time.Since(started) > maxExecTime {
			c.Fail(errExecTime)
			continue
		}
		c.execute(c.server.findCommand(args[0]), args)
	}
}

func (c *conn) runWatch(args [][]byte) {
	if c.transaction != nil {
		c.Fail("ERR WATCH inside MULTI is not allowed")
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	if !c.Fail(c.watch.Add(d, args[1:])) {
		c.Out.OK()
	}
}

func (c *conn) runUnwatch([][]byte) {
	c.Store.Unwatch(&c.watch)
	c.Out.OK()
}
