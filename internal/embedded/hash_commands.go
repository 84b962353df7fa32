package embedded

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// hashObject is a hash. Its fields are answered in alphabetical order.
type hashObject struct {
	fields dict[[]byte]
	values int64 // bytes of all values
}

func (*hashObject) kind() string { return "hash" }
func (h *hashObject) bytes() int64 {
	return h.fields.text + h.values + int64(h.fields.peak)*2*elementBytes
}
func (h *hashObject) empty() bool { return len(h.fields.m) == 0 }
func (h *hashObject) clone() content {
	return &hashObject{fields: h.fields.clone(), values: h.values} // values are replaced, never changed
}

func (h *hashObject) set(field string, value []byte) (isNew bool) {
	h.values += int64(len(value) - len(h.fields.m[field]))
	return h.fields.set(field, append(make([]byte, 0, len(value)), value...))
}

func (h *hashObject) remove(field string) bool {
	h.values -= int64(len(h.fields.m[field]))
	return h.fields.remove(field)
}

// get returns a field's value; there is none in a hash that does not exist.
func (h *hashObject) get(field []byte) ([]byte, bool) {
	if h == nil {
		return nil, false
	}
	v, ok := h.fields.m[string(field)]
	return v, ok
}

func (h *hashObject) names() []string {
	if h == nil {
		return nil
	}
	return h.fields.names()
}

func hashCommands() []command {
	return []command{
		{"hset", -4, flagWrite, growing(hashSet)},
		{"hmset", -4, flagWrite, growing(hashSet)},
		{"hsetnx", 4, flagWrite, growing(hashSetNX)},
		{"hincrby", 4, flagWrite, growing(hashIncr)},
		{"hincrbyfloat", 4, flagWrite, growing(hashIncrFloat)},
		{"hdel", -3, flagWrite, writing(hashDel)},
		{"hget", 3, 0, reading(hashGet)},
		{"hmget", -3, 0, reading(hashMGet)},
		{"hgetall", 2, 0, reading(hashGetAll)},
		{"hkeys", 2, 0, reading(hashKeys)},
		{"hvals", 2, 0, reading(hashVals)},
		{"hlen", 2, 0, reading(hashLen)},
		{"hexists", 3, 0, reading(hashExists)},
		{"hstrlen", 3, 0, reading(hashStrLen)},
		{"hscan", -3, 0, reading(hashScan)},
	}
}

// openHash finds a hash to write to; a new one is not yet in the database.
func (c *conn) openHash(d *database, key []byte) (*hashObject, bool) {
	h, ok := find[*hashObject](c, d, key)
	if ok && h == nil {
		h = &hashObject{}
	}
	return h, ok
}

func hashSet(c *conn, d *database, args [][]byte) {
	if len(args)%2 != 0 {
		c.out.Error(c.running.wrongNumber())
		return
	}
	h, ok := c.openHash(d, args[1])
	if !ok {
		return
	}
	created := 0
	for i := 2; i < len(args); i += 2 {
		if h.set(string(args[i]), args[i+1]) {
			created++
		}
	}
	c.srv.store.put(d, args[1], h)
	if resp.IsWord(args[0], "HMSET") {
		c.out.OK()
	} else {
		c.out.Int(int64(created))
	}
}

func hashSetNX(c *conn, d *database, args [][]byte) {
	h, ok := c.openHash(d, args[1])
	if !ok {
		return
	}
	if _, there := h.get(args[2]); there {
		c.out.Int(0)
		return
	}
	h.set(string(args[2]), args[3])
	c.srv.store.put(d, args[1], h)
	c.out.Int(1)
}

func hashIncr(c *conn, d *database, args [][]byte) {
	by, ok := resp.ParseInt(args[3])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	h, ok := c.openHash(d, args[1])
	if !ok {
		return
	}
	old, there := h.get(args[2])
	n, err := addInt(old, there, by)
	if err != "" {
		if err == resp.ErrNotInteger {
			err = "ERR hash value is not an integer"
		}
		c.out.Error(err)
		return
	}
	h.set(string(args[2]), strconv.AppendInt(nil, n, 10))
	c.srv.store.put(d, args[1], h)
	c.out.Int(n)
}

func hashIncrFloat(c *conn, d *database, args [][]byte) {
	h, ok := c.openHash(d, args[1])
	if !ok {
		return
	}
	old, there := h.get(args[2])
	sum, err := addFloat(old, there, args[3])
	if err != "" {
		c.out.Error(err)
		return
	}
	h.set(string(args[2]), sum)
	c.srv.store.put(d, args[1], h)
	c.out.BulkBytes(sum)
}

func hashDel(c *conn, d *database, args [][]byte) {
	h, ok := find[*hashObject](c, d, args[1])
	if !ok {
		return
	}
	n := int64(0)
	for _, field := range args[2:] {
		if h != nil && h.remove(string(field)) {
			n++
		}
	}
	c.out.Int(n)
	if n > 0 {
		emptied, key := h.empty(), string(args[1])
		c.srv.store.wrote(d, key)
		if emptied {
			c.srv.store.noteEmptied(d, key)
		}
	}
}

func hashGet(c *conn, d *database, args [][]byte) {
	if h, ok := find[*hashObject](c, d, args[1]); ok {
		c.fieldOrNull(h, args[2])
	}
}

func (c *conn) fieldOrNull(h *hashObject, field []byte) {
	if v, there := h.get(field); there {
		c.out.BulkBytes(v)
	} else {
		c.out.Null()
	}
}

func hashMGet(c *conn, d *database, args [][]byte) {
	h, ok := find[*hashObject](c, d, args[1])
	if !ok {
		return
	}
	c.out.Array(len(args) - 2)
	for _, field := range args[2:] {
		c.fieldOrNull(h, field)
	}
}

func hashGetAll(c *conn, d *database, args [][]byte) {
	h, ok := find[*hashObject](c, d, args[1])
	if !ok {
		return
	}
	names := h.names()
	c.out.Map(len(names))
	for _, name := range names {
		c.out.Bulk(name)
		c.out.BulkBytes(h.fields.m[name])
	}
}

func hashKeys(c *conn, d *database, args [][]byte) {
	if h, ok := find[*hashObject](c, d, args[1]); ok {
		c.out.Bulks(h.names())
	}
}

func hashVals(c *conn, d *database, args [][]byte) {
	h, ok := find[*hashObject](c, d, args[1])
	if !ok {
		return
	}
	names := h.names()
	c.out.Array(len(names))
	for _, name := range names {
		c.out.BulkBytes(h.fields.m[name])
	}
}

func hashLen(c *conn, d *database, args [][]byte) {
	h, ok := find[*hashObject](c, d, args[1])
	switch {
	case !ok:
	case h == nil:
		c.out.Int(0)
	default:
		c.out.Int(int64(len(h.fields.m)))
	}
}

func hashExists(c *conn, d *database, args [][]byte) {
	if h, ok := find[*hashObject](c, d, args[1]); ok {
		_, there := h.get(args[2])
		c.out.Bool(there)
	}
}

func hashStrLen(c *conn, d *database, args [][]byte) {
	if h, ok := find[*hashObject](c, d, args[1]); ok {
		v, _ := h.get(args[2])
		c.out.Int(int64(len(v)))
	}
}

func hashScan(c *conn, d *database, args [][]byte) {
	pattern, ok := c.scanOptions(args[2:])
	if !ok {
		return
	}
	h, ok := find[*hashObject](c, d, args[1])
	if !ok {
		return
	}
	var list []string
	for _, name := range h.names() {
		if glob(pattern, name) {
			list = append(list, name, string(h.fields.m[name]))
		}
	}
	c.out.Array(2)
	c.out.Bulk("0")
	c.out.Bulks(list)
}

// scanOptions reads cursor, MATCH and COUNT of HSCAN, SSCAN and ZSCAN, which
// answer everything at once: only cursor 0 finds anything.
func (c *conn) scanOptions(args [][]byte) (pattern string, ok bool) {
	pattern = "*"
	cursor, ok := resp.ParseInt(args[0])
	if !ok || cursor < 0 {
		c.out.Error("ERR invalid cursor")
		return "", false
	}
	for rest := args[1:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) < 2, !resp.IsWord(rest[0], "MATCH") && !resp.IsWord(rest[0], "COUNT"):
			c.out.Error(resp.ErrSyntax)
			return "", false
		case resp.IsWord(rest[0], "MATCH"):
			pattern = string(rest[1])
		}
	}
	if cursor != 0 {
		c.out.Array(2)
		c.out.Bulk("0")
		c.out.Array(0)
		return "", false
	}
	return pattern, c.patternFits(pattern)
}
