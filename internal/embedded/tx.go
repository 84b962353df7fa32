package embedded

import (
	"bytes"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	// Limits of one transaction: a client that only queues must not fill the
	// memory, and EXEC keeps all others waiting.
	maxQueuedBytes    = resp.MaxCommandBytes
	maxQueuedCommands = 1 << 16
	maxExecTime       = 5 * time.Second
	// Limits of what one client watches.
	maxWatched      = 4096
	maxWatchedBytes = 256 << 10

	errExecTime = "ERR the transaction took too long, the rest of it was not run"
)

// transaction is what MULTI queues.
type transaction struct {
	queued [][][]byte
	bytes  int
	mem    resp.Lease
	dirty  bool // a queued command was refused: EXEC discards all
}

// watch is what a client watches. The store's lock guards it.
type watch struct {
	broken bool // a watched key changed
	bytes  int
	keys   []watchedKey
}

type watchedKey struct {
	d    *database
	name string
}

// changed tells those who watch a key.
func (d *database) changed(key string) {
	if len(d.watched) == 0 {
		return
	}
	for w := range d.watched[key] {
		w.broken = true
	}
}

// changedAll is changed for every key of the database.
func (d *database) changedAll() {
	for key := range d.watched {
		d.changed(key)
	}
}

func txMulti(c *conn, _ [][]byte) {
	if c.tx != nil {
		c.out.Error("ERR MULTI calls can not be nested")
		return
	}
	c.tx = &transaction{mem: c.srv.clients.NewLease()}
	c.out.OK()
}

func txDiscard(c *conn, _ [][]byte) {
	if c.tx == nil {
		c.out.Error("ERR DISCARD without MULTI")
		return
	}
	c.endTransaction()
	c.out.OK()
}

// endTransaction forgets the queue and what is watched.
func (c *conn) endTransaction() {
	c.tx.mem.Release()
	c.tx = nil
	c.unwatch()
}

// queue keeps a copy of the command: its bytes belong to the reader.
func (c *conn) queue(cmd *command, args [][]byte) {
	size := 0
	for _, a := range args {
		size += len(a) + 24
	}
	var text resp.Error
	switch {
	case cmd == nil:
		text = unknownCommand(args)
	case !cmd.takes(len(args)):
		text = cmd.wrongNumber()
	case c.tx.bytes+size > maxQueuedBytes, len(c.tx.queued) >= maxQueuedCommands, !c.tx.mem.Resize(int64(c.tx.bytes + size)):
		text = resp.ErrOOM
	case cmd.flags&flagWrite != 0 && c.srv.failing.Load() != nil:
		text = resp.Error(*c.srv.failing.Load())
	}
	if text != "" {
		c.tx.dirty = true
		c.out.Error(text)
		return
	}
	copied := make([][]byte, len(args))
	for i, a := range args {
		copied[i] = bytes.Clone(a)
	}
	c.tx.queued = append(c.tx.queued, copied)
	c.tx.bytes += size
	c.out.Simple("QUEUED")
}

func txExec(c *conn, args [][]byte) {
	tx := c.tx
	switch {
	case len(args) > 1:
		if tx != nil { // a client that ends a transaction badly is not left in it
			c.endTransaction()
		}
		c.out.Error(c.running.wrongNumber())
		return
	case tx == nil:
		c.out.Error("ERR EXEC without MULTI")
		return
	}
	defer func() { c.inExec = false }()
	c.srv.serial.Lock()
	defer c.srv.serial.Unlock()
	broken := c.isWatchBroken()
	c.endTransaction()
	switch {
	case tx.dirty:
		c.out.Error("EXECABORT Transaction discarded because of previous errors.")
		return
	case broken:
		c.out.NullArray()
		return
	}
	c.inExec = true
	began := time.Now()
	c.out.Array(len(tx.queued))
	for _, args := range tx.queued {
		if time.Since(began) > maxExecTime {
			c.out.Error(errExecTime)
			continue
		}
		c.execute(c.srv.lookup(args[0]), args)
	}
}

func txWatch(c *conn, args [][]byte) {
	if c.tx != nil {
		c.out.Error("ERR WATCH inside MULTI is not allowed")
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	if c.watch == nil {
		c.watch = &watch{}
	}
	for _, arg := range args[1:] {
		key := string(arg)
		if d.watched[key][c.watch] {
			continue
		}
		if c.watch.bytes += len(key); len(c.watch.keys) >= maxWatched || c.watch.bytes > maxWatchedBytes {
			c.watch.broken = true // the transaction must not run as if it were watched
			c.fail(resp.ErrOOM)
			return
		}
		if d.watched[key] == nil {
			d.watched[key] = map[*watch]bool{}
		}
		d.watched[key][c.watch] = true
		c.watch.keys = append(c.watch.keys, watchedKey{d, key})
	}
	c.out.OK()
}

func txUnwatch(c *conn, _ [][]byte) {
	c.unwatch()
	c.out.OK()
}

// isWatchBroken reports whether a watched key changed; expiring is a change.
func (c *conn) isWatchBroken() bool {
	if c.watch == nil {
		return false
	}
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, k := range c.watch.keys {
		st.expire(k.d)
	}
	return c.watch.broken
}

func (c *conn) unwatch() {
	if c.watch == nil {
		return
	}
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, k := range c.watch.keys {
		delete(k.d.watched[k.name], c.watch)
		if len(k.d.watched[k.name]) == 0 {
			delete(k.d.watched, k.name)
		}
	}
	c.watch = nil
}
