package datatypes

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Hash is a hash. Its fields are answered in alphabetical order.
type Hash struct {
	fields compactMap[[]byte]
	values int64 // bytes of all values
}

func (*Hash) typeName() string { return "hash" }
func (h *Hash) bytes() int64 {
	return h.fields.text + h.values + int64(h.fields.peak)*2*elementBytes
}
func (h *Hash) isEmpty() bool { return len(h.fields.m) == 0 }
func (h *Hash) clone() content {
	return &Hash{fields: h.fields.clone(), values: h.values} // sharing is safe: values are replaced, never changed
}

func (h *Hash) set(field string, value []byte) (isNew bool) {
	h.values += int64(len(value) - len(h.fields.m[field]))
	return h.fields.set(field, append(make([]byte, 0, len(value)), value...))
}

func (h *Hash) remove(field string) bool {
	h.values -= int64(len(h.fields.m[field]))
	return h.fields.remove(field)
}

// Get returns the value of a field. A nil Hash has no fields.
func (h *Hash) Get(field []byte) ([]byte, bool) {
	if h == nil {
		return nil, false
	}
	v, ok := h.fields.m[string(field)]
	return v, ok
}

// FieldNames returns the names of all fields in alphabetical order.
func (h *Hash) FieldNames() []string {
	if h == nil {
		return nil
	}
	return h.fields.sortedKeys()
}

// HashOf returns a value as a hash, or nil if it has another type.
func HashOf(v keyspace.Value) *Hash {
	h, _ := contentOf[*Hash](v)
	return h
}

func (m *Module) hashCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("hset", -4, m.runHSet),
		m.growing("hmset", -4, m.runHSet),
		m.growing("hsetnx", 4, m.runHSetNX),
		m.growing("hincrby", 4, m.runHIncrBy),
		m.growing("hincrbyfloat", 4, m.runHIncrByFloat),
		keyspace.Write("hdel", -3, onValue(m.runHDel)),
		keyspace.Read("hget", 3, onValue(m.runHGet)),
		keyspace.Read("hmget", -3, onValue(m.runHMGet)),
		keyspace.Read("hgetall", 2, onValue(m.runHGetAll)),
		keyspace.Read("hkeys", 2, onValue(m.runHKeys)),
		keyspace.Read("hvals", 2, onValue(m.runHVals)),
		keyspace.Read("hlen", 2, m.runHLen),
		keyspace.Read("hexists", 3, onValue(m.runHExists)),
		keyspace.Read("hstrlen", 3, onValue(m.runHStrLen)),
		keyspace.Read("hscan", -3, m.runHScan),
	}
}

// findOrNewHash returns the hash of a key. If the key does not exist it returns
// a hash that is not in the database yet.
func findOrNewHash(c *keyspace.Session, d *keyspace.Database, key []byte) (*Hash, bool) {
	h, ok := find[*Hash](c, d, key)
	if ok && h == nil {
		h = &Hash{}
	}
	return h, ok
}

func (m *Module) runHSet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if len(args)%2 != 0 {
		c.Fail(c.Command.ArityError())
		return
	}
	h, ok := findOrNewHash(c, d, args[1])
	if !ok {
		return
	}
	created := 0
	for i := 2; i < len(args); i += 2 {
		if h.set(string(args[i]), args[i+1]) {
			created++
		}
	}
	m.put(d, args[1], h)
	if resp.IsWord(args[0], "HMSET") {
		c.Out.OK()
	} else {
		c.Out.Int(int64(created))
	}
}

func (m *Module) runHSetNX(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	h, ok := findOrNewHash(c, d, args[1])
	if !ok {
		return
	}
	if _, exists := h.Get(args[2]); exists {
		c.Out.Int(0)
		return
	}
	h.set(string(args[2]), args[3])
	m.put(d, args[1], h)
	c.Out.Int(1)
}

func (m *Module) runHIncrBy(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	by, ok := c.IntArgument(args[3])
	if !ok {
		return
	}
	h, ok := findOrNewHash(c, d, args[1])
	if !ok {
		return
	}
	old, exists := h.Get(args[2])
	n, err := addInteger(old, exists, by)
	if err != "" {
		if err == resp.ErrNotInteger {
			err = "ERR hash value is not an integer"
		}
		c.Fail(err)
		return
	}
	h.set(string(args[2]), strconv.AppendInt(nil, n, 10))
	m.put(d, args[1], h)
	c.Out.Int(n)
}

func (m *Module) runHIncrByFloat(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	h, ok := findOrNewHash(c, d, args[1])
	if !ok {
		return
	}
	old, exists := h.Get(args[2])
	sum, err := addFloat(old, exists, args[3])
	if c.Fail(err) {
		return
	}
	h.set(string(args[2]), sum)
	m.put(d, args[1], h)
	c.Out.BulkBytes(sum)
}

func (m *Module) runHDel(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	n := int64(0)
	for _, field := range args[2:] {
		if h != nil && h.remove(string(field)) {
			n++
		}
	}
	c.Out.Int(n)
	if n > 0 {
		if key := string(args[1]); h.isEmpty() {
			d.DeleteEmptied(key)
		} else {
			m.changed(d, key)
		}
	}
}

func (m *Module) runHGet(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	writeFieldOrNull(c, h, args[2])
}

func writeFieldOrNull(c *keyspace.Session, h *Hash, field []byte) {
	if v, exists := h.Get(field); exists {
		c.Out.BulkBytes(v)
	} else {
		c.Out.Null()
	}
}

func (m *Module) runHMGet(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	c.Out.Array(len(args) - 2)
	for _, field := range args[2:] {
		writeFieldOrNull(c, h, field)
	}
}

func (m *Module) runHGetAll(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	names := h.FieldNames()
	c.Out.Map(len(names))
	for _, name := range names {
		c.Out.Bulk(name)
		c.Out.BulkBytes(h.fields.m[name])
	}
}

func (m *Module) runHKeys(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	c.Out.Bulks(h.FieldNames())
}

func (m *Module) runHVals(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	names := h.FieldNames()
	c.Out.Array(len(names))
	for _, name := range names {
		c.Out.BulkBytes(h.fields.m[name])
	}
}

func (m *Module) runHLen(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	h, ok := find[*Hash](c, d, args[1])
	switch {
	case !ok:
	case h == nil:
		c.Out.Int(0)
	default:
		c.Out.Int(int64(len(h.fields.m)))
	}
}

func (m *Module) runHExists(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	_, exists := h.Get(args[2])
	c.Out.Bool(exists)
}

func (m *Module) runHStrLen(c *keyspace.Session, d *keyspace.Database, h *Hash, args [][]byte) {
	v, _ := h.Get(args[2])
	c.Out.Int(int64(len(v)))
}

func (m *Module) runHScan(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	pattern, ok := parseScan(c, args[2:])
	if !ok {
		return
	}
	h, ok := find[*Hash](c, d, args[1])
	if !ok {
		return
	}
	var list []string
	for _, name := range h.FieldNames() {
		if keyspace.MatchPattern(pattern, name) {
			list = append(list, name, string(h.fields.m[name]))
		}
	}
	c.Out.Array(2)
	c.Out.Bulk("0")
	c.Out.Bulks(list)
}
