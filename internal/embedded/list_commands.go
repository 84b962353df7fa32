package embedded

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// listObject is a list; its elements are replaced, never changed.
type listObject struct {
	items deque[[]byte]
	text  int64 // bytes of all elements
}

func (*listObject) kind() string { return "list" }
func (l *listObject) bytes() int64 {
	return l.text + int64(max(l.items.len(), len(l.items.ring)/2))*elementBytes
}
func (l *listObject) empty() bool { return l.items.len() == 0 }
func (l *listObject) clone() content {
	return &listObject{items: l.items.clone(func(b []byte) []byte { return b }), text: l.text}
}

func (l *listObject) push(v []byte, left bool) {
	v = append(make([]byte, 0, len(v)), v...)
	l.text += int64(len(v))
	if left {
		l.items.pushFront(v)
	} else {
		l.items.pushBack(v)
	}
}

func (l *listObject) pop(left bool) []byte {
	var v []byte
	if left {
		v = l.items.popFront()
	} else {
		v = l.items.popBack()
	}
	l.text -= int64(len(v))
	return v
}

func (l *listObject) len() int {
	if l == nil {
		return 0
	}
	return l.items.len()
}

// place turns an index that may count from the end into one that counts from
// the start.
func (l *listObject) place(i int64) (int, bool) {
	if i < 0 {
		i += int64(l.len())
	}
	return int(i), i >= 0 && i < int64(l.len())
}

func listCommands() []command {
	return []command{
		{"lpush", -3, flagWrite, growing(listPush)},
		{"rpush", -3, flagWrite, growing(listPush)},
		{"lpushx", -3, flagWrite, growing(listPush)},
		{"rpushx", -3, flagWrite, growing(listPush)},
		{"linsert", 5, flagWrite, growing(listInsert)},
		{"lset", 4, flagWrite, growing(listSet)},
		{"lmove", 5, flagWrite, writing(listMove)},
		{"rpoplpush", 3, flagWrite, writing(listMove)},
		{"lpop", -2, flagWrite, writing(listPop)},
		{"rpop", -2, flagWrite, writing(listPop)},
		{"lrem", 4, flagWrite, writing(listRemove)},
		{"ltrim", 4, flagWrite, writing(listTrim)},
		{"llen", 2, 0, reading(listLen)},
		{"lindex", 3, 0, reading(listIndex)},
		{"lrange", 4, 0, reading(listRange)},
		{"blpop", -3, flagWrite | flagBlocks, listBlockingPop},
		{"brpop", -3, flagWrite | flagBlocks, listBlockingPop},
	}
}

func isLeft(name []byte) bool { return name[0]|0x20 == 'l' }

func listPush(c *conn, d *database, args [][]byte) {
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	if l == nil {
		if len(args[0]) == len("lpushx") {
			c.out.Int(0)
			return
		}
		l = &listObject{}
	}
	for _, v := range args[2:] {
		l.push(v, isLeft(args[0]))
	}
	c.out.Int(int64(l.len()))
	c.srv.store.put(d, args[1], l)
}

func listPop(c *conn, d *database, args [][]byte) {
	count, counted := int64(1), len(args) > 2
	if counted {
		var ok bool
		if count, ok = resp.ParseInt(args[2]); !ok || count < 0 || len(args) > 3 {
			c.out.Error("ERR value is out of range, must be positive")
			return
		}
	}
	l, ok := find[*listObject](c, d, args[1])
	switch {
	case !ok:
		return
	case l == nil && counted:
		c.out.NullArray()
		return
	case l == nil:
		c.out.Null()
		return
	case counted:
		count = min(count, int64(l.len()))
		c.out.Array(int(count))
	}
	for range count {
		c.out.BulkBytes(l.pop(isLeft(args[0])))
	}
	if count > 0 {
		c.srv.store.wrote(d, string(args[1]))
	}
}

func listLen(c *conn, d *database, args [][]byte) {
	if l, ok := find[*listObject](c, d, args[1]); ok {
		c.out.Int(int64(l.len()))
	}
}

func listIndex(c *conn, d *database, args [][]byte) {
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	i, ok := resp.ParseInt(args[2])
	if !ok && l != nil {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	if at, there := l.place(i); there {
		c.out.BulkBytes(*l.items.at(at))
	} else {
		c.out.Null()
	}
}

func listRange(c *conn, d *database, args [][]byte) {
	from, to, ok := parseBounds(args[2], args[3])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	lo, hi := slicing(from, to, l.len())
	c.out.Array(hi - lo)
	for i := lo; i < hi; i++ {
		c.out.BulkBytes(*l.items.at(i))
	}
}

func listTrim(c *conn, d *database, args [][]byte) {
	from, to, ok := parseBounds(args[2], args[3])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	c.out.OK()
	if l == nil {
		return
	}
	lo, hi := slicing(from, to, l.len())
	for l.len() > hi {
		l.pop(false)
	}
	for range min(lo, l.len()) {
		l.pop(true)
	}
	c.srv.store.wrote(d, string(args[1]))
}

func listSet(c *conn, d *database, args [][]byte) {
	i, ok := resp.ParseInt(args[2])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	at, there := l.place(i)
	switch {
	case l == nil:
		c.out.Error("ERR no such key")
		return
	case !there:
		c.out.Error("ERR index out of range")
		return
	}
	v := l.items.at(at)
	l.text += int64(len(args[3]) - len(*v))
	*v = bytes.Clone(args[3])
	c.srv.store.wrote(d, string(args[1]))
	c.out.OK()
}

// listRemove removes the first count elements that equal a value, the last ones
// if count is negative, all if it is 0.
func listRemove(c *conn, d *database, args [][]byte) {
	count, ok := resp.ParseInt(args[2])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	l, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	if l == nil {
		c.out.Int(0)
		return
	}
	equal := 0
	for i := range l.len() {
		if bytes.Equal(*l.items.at(i), args[3]) {
			equal++
		}
	}
	first, last := 0, equal // which of the equal ones to remove
	if count > 0 {
		last = int(min(count, int64(equal)))
	} else if count < 0 && -count > 0 {
		first = max(0, equal-int(min(-count, int64(equal))))
	}
	seen := 0
	gone := l.items.keep(func(_ int, v *[]byte) bool {
		if !bytes.Equal(*v, args[3]) {
			return true
		}
		seen++
		return seen <= first || seen > last
	})
	l.text -= int64(gone * len(args[3]))
	c.out.Int(int64(gone))
	if gone > 0 {
		c.srv.store.wrote(d, string(args[1]))
	}
}

func listInsert(c *conn, d *database, args [][]byte) {
	after := resp.IsWord(args[2], "AFTER")
	if !after && !resp.IsWord(args[2], "BEFORE") {
		c.out.Error(resp.ErrSyntax)
		return
	}
	l, ok := find[*listObject](c, d, args[1])
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
		c.out.Int(0)
		return
	case at < 0:
		c.out.Int(-1)
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
	c.srv.store.wrote(d, string(args[1]))
	c.out.Int(int64(l.len()))
}

// listMove answers LMOVE, and RPOPLPUSH which is LMOVE from RIGHT to LEFT.
func listMove(c *conn, d *database, args [][]byte) {
	fromLeft, toLeft := false, true
	if len(args) == 5 {
		fromLeft, toLeft = resp.IsWord(args[3], "LEFT"), resp.IsWord(args[4], "LEFT")
		if !fromLeft && !resp.IsWord(args[3], "RIGHT") || !toLeft && !resp.IsWord(args[4], "RIGHT") {
			c.out.Error(resp.ErrSyntax)
			return
		}
	}
	src, ok := find[*listObject](c, d, args[1])
	if !ok {
		return
	}
	if src == nil {
		c.out.Null()
		return
	}
	dest, ok := find[*listObject](c, d, args[2])
	if !ok {
		return
	}
	if dest == nil {
		if !c.srv.store.room(growth(args[2:3])) {
			c.fail(resp.ErrOOM)
			return
		}
		dest = &listObject{}
	}
	v := src.pop(fromLeft)
	dest.push(v, toLeft)
	c.out.BulkBytes(v)
	c.srv.store.put(d, args[2], dest)
	c.srv.store.wrote(d, string(args[1]))
}

// listBlockingPop answers BLPOP and BRPOP.
func listBlockingPop(c *conn, args [][]byte) {
	wait, err := parseTimeout(args[len(args)-1])
	if err != "" {
		c.out.Error(err)
		return
	}
	left := args[0][1]|0x20 == 'l'
	keys := args[1 : len(args)-1]
	done := c.block(wait, func() bool {
		st := c.srv.store
		d := st.lock(c.db)
		defer st.mu.Unlock()
		for _, key := range keys {
			l, ok := find[*listObject](c, d, key)
			if !ok {
				return true
			}
			if l == nil {
				continue
			}
			c.out.Array(2)
			c.out.BulkBytes(key)
			c.out.BulkBytes(l.pop(left))
			st.wrote(d, string(key))
			return true
		}
		return false
	})
	if !done {
		c.out.NullArray()
	}
}
