package datatypes

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// list is a list. Its elements are replaced, never changed.
type list struct {
	items deque[[]byte]
	text  int64 // bytes of all elements
}

func (*list) typeName() string { return "list" }
func (l *list) bytes() int64 {
	return l.text + int64(max(l.items.len(), len(l.items.ring)/2))*elementBytes
}
func (l *list) isEmpty() bool { return l.items.len() == 0 }
func (l *list) clone() content {
	return &list{items: l.items.clone(func(b []byte) []byte { return b }), text: l.text}
}

func (l *list) push(v []byte, left bool) {
	v = append(make([]byte, 0, len(v)), v...)
	l.text += int64(len(v))
	if left {
		l.items.pushFront(v)
	} else {
		l.items.pushBack(v)
	}
}

func (l *list) pop(left bool) []byte {
	var v []byte
	if left {
		v = l.items.popFront()
	} else {
		v = l.items.popBack()
	}
	l.text -= int64(len(v))
	return v
}

func (l *list) len() int {
	if l == nil {
		return 0
	}
	return l.items.len()
}

// position converts an index that can count from the end to one that counts
// from the start. It returns false for an index out of range.
func (l *list) position(i int64) (int, bool) {
	if i < 0 {
		i += int64(l.len())
	}
	return int(i), i >= 0 && i < int64(l.len())
}

func (m *Module) listCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("lpush", -3, onValue(m.runPush)),
		m.growing("rpush", -3, onValue(m.runPush)),
		m.growing("lpushx", -3, onValue(m.runPush)),
		m.growing("rpushx", -3, onValue(m.runPush)),
		m.growing("linsert", 5, m.runLInsert),
		m.growing("lset", 4, m.runLSet),
		keyspace.Write("lmove", 5, m.runLMove),
		keyspace.Write("rpoplpush", 3, m.runLMove),
		keyspace.Write("lpop", -2, m.runPop),
		keyspace.Write("rpop", -2, m.runPop),
		keyspace.Write("lrem", 4, m.runLRem),
		keyspace.Write("ltrim", 4, m.runLTrim),
		keyspace.Read("llen", 2, onValue(m.runLLen)),
		keyspace.Read("lindex", 3, onValue(m.runLIndex)),
		keyspace.Read("lrange", 4, m.runLRange),
		keyspace.Custom("blpop", -3, keyspace.FlagWrite|keyspace.FlagBlocking, m.runBlockingPop),
		keyspace.Custom("brpop", -3, keyspace.FlagWrite|keyspace.FlagBlocking, m.runBlockingPop),
	}
}

// isLeftCommand tells LPUSH and LPOP from RPUSH and RPOP.
func isLeftCommand(name []byte) bool { return name[0]|0x20 == 'l' }

func (m *Module) runPush(c *keyspace.Session, d *keyspace.Database, l *list, args [][]byte) {
	if l == nil {
		if len(args[0]) == len("lpushx") {
			c.Out.Int(0)
			return
		}
		l = &list{}
	}
	for _, v := range args[2:] {
		l.push(v, isLeftCommand(args[0]))
	}
	c.Out.Int(int64(l.len()))
	m.put(d, args[1], l)
}

func (m *Module) runPop(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	count, counted := int64(1), len(args) > 2
	if counted {
		var ok bool
		if count, ok = resp.ParseInt(args[2]); !ok || count < 0 || len(args) > 3 {
			c.Fail("ERR value is out of range, must be positive")
			return
		}
	}
	l, ok := find[*list](c, d, args[1])
	switch {
	case !ok:
		return
	case l == nil && counted:
		c.Out.NullArray()
		return
	case l == nil:
		c.Out.Null()
		return
	case counted:
		count = min(count, int64(l.len()))
		c.Out.Array(int(count))
	}
	for range count {
		c.Out.BulkBytes(l.pop(isLeftCommand(args[0])))
	}
	if count > 0 {
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runLLen(c *keyspace.Session, d *keyspace.Database, l *list, args [][]byte) {
	c.Out.Int(int64(l.len()))
}

func (m *Module) runLIndex(c *keyspace.Session, d *keyspace.Database, l *list, args [][]byte) {
	i, ok := resp.ParseInt(args[2])
	if !ok && l != nil {
		c.Fail(resp.ErrNotInteger)
		return
	}
	if at, exists := l.position(i); exists {
		c.Out.BulkBytes(*l.items.at(at))
	} else {
		c.Out.Null()
	}
}

func (m *Module) runLRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	from, to, ok := boundArguments(c, args[2], args[3])
	if !ok {
		return
	}
	l, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	lo, hi := sliceBounds(from, to, l.len())
	c.Out.Array(hi - lo)
	for i := lo; i < hi; i++ {
		c.Out.BulkBytes(*l.items.at(i))
	}
}

func (m *Module) runLTrim(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	from, to, ok := boundArguments(c, args[2], args[3])
	if !ok {
		return
	}
	l, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	c.Out.OK()
	if l == nil {
		return
	}
	lo, hi := sliceBounds(from, to, l.len())
	for l.len() > hi {
		l.pop(false)
	}
	for range min(lo, l.len()) {
		l.pop(true)
	}
	m.changed(d, string(args[1]))
}

func (m *Module) runLSet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	i, ok := c.IntArgument(args[2])
	if !ok {
		return
	}
	l, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	at, exists := l.position(i)
	switch {
	case l == nil:
		c.Fail(resp.ErrNoSuchKey)
		return
	case !exists:
		c.Fail("ERR index out of range")
		return
	}
	v := l.items.at(at)
	l.text += int64(len(args[3]) - len(*v))
	*v = bytes.Clone(args[3])
	m.changed(d, string(args[1]))
	c.Out.OK()
}

// runLRem removes the first count elements that equal a value. A negative count
// means the last ones, 0 means all.
func (m *Module) runLRem(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	count, ok := c.IntArgument(args[2])
	if !ok {
		return
	}
	l, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	if l == nil {
		c.Out.Int(0)
		return
	}
	equal := 0
	for i := range l.len() {
		if bytes.Equal(*l.items.at(i), args[3]) {
			equal++
		}
	}
	first, last := 0, equal // the range to remove among the equal elements
	if count > 0 {
		last = int(min(count, int64(equal)))
	} else if count < 0 && -count > 0 {
		first = max(0, equal-int(min(-count, int64(equal))))
	}
	seen := 0
	gone := l.items.retain(func(_ int, v *[]byte) bool {
		if !bytes.Equal(*v, args[3]) {
			return true
		}
		seen++
		return seen <= first || seen > last
	})
	l.text -= int64(gone * len(args[3]))
	c.Out.Int(int64(gone))
	if gone > 0 {
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runLInsert(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	after := resp.IsWord(args[2], "AFTER")
	if !after && !resp.IsWord(args[2], "BEFORE") {
		c.Fail(resp.ErrSyntax)
		return
	}
	l, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	at := -1
	for i := range l.len() {
		if bytes.Equal(*l.items.at(i), args[3]) {
			at = i
			break
		}
	}
	switch {
	case l == nil:
		c.Out.Int(0)
		return
	case at < 0:
		c.Out.Int(-1)
		return
	case after:
		at++
	}
	l.push(args[4], false)
	last := *l.items.at(l.len() - 1)
	for i := l.len() - 1; i > at; i-- {
		*l.items.at(i) = *l.items.at(i - 1)
	}
	*l.items.at(at) = last
	m.changed(d, string(args[1]))
	c.Out.Int(int64(l.len()))
}

// runLMove runs LMOVE, and RPOPLPUSH, which is LMOVE from RIGHT to LEFT.
func (m *Module) runLMove(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	fromLeft, toLeft := false, true
	if len(args) == 5 {
		fromLeft, toLeft = resp.IsWord(args[3], "LEFT"), resp.IsWord(args[4], "LEFT")
		if !fromLeft && !resp.IsWord(args[3], "RIGHT") || !toLeft && !resp.IsWord(args[4], "RIGHT") {
			c.Fail(resp.ErrSyntax)
			return
		}
	}
	src, ok := find[*list](c, d, args[1])
	if !ok {
		return
	}
	if src == nil {
		c.Out.Null()
		return
	}
	dest, ok := find[*list](c, d, args[2])
	if !ok {
		return
	}
	if dest == nil {
		if !m.hasRoom(growth(args[2:3])) {
			c.Fail(resp.ErrOOM)
			return
		}
		dest = &list{}
	}
	v := src.pop(fromLeft)
	dest.push(v, toLeft)
	c.Out.BulkBytes(v)
	m.put(d, args[2], dest)
	m.changed(d, string(args[1]))
}

// runBlockingPop runs BLPOP and BRPOP.
func (m *Module) runBlockingPop(c *keyspace.Session, args [][]byte) {
	wait, err := parseTimeout(args[len(args)-1])
	if c.Fail(err) {
		return
	}
	left := args[0][1]|0x20 == 'l'
	keys := args[1 : len(args)-1]
	done := c.WaitFor(wait, func() bool {
		d := c.Store.Lock(c.DB)
		defer c.Store.Unlock()
		for _, key := range keys {
			l, ok := find[*list](c, d, key)
			if !ok {
				return true
			}
			if l == nil {
				continue
			}
			c.Out.Array(2)
			c.Out.BulkBytes(key)
			c.Out.BulkBytes(l.pop(left))
			m.changed(d, string(key))
			return true
		}
		return false
	})
	if !done {
		c.Out.NullArray()
	}
}
