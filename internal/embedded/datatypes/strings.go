package datatypes

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errOverflow    = "ERR increment or decrement would overflow"
	errStringLimit = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// stringValue is a string value.
type stringValue struct{ b []byte }

func (*stringValue) typeName() string { return "string" }
func (t *stringValue) bytes() int64   { return int64(cap(t.b)) }
func (*stringValue) isEmpty() bool    { return false }
func (t *stringValue) clone() content { return newString(t.b) }

// newString copies b, which can be part of a reused buffer.
func newString(b []byte) *stringValue { return &stringValue{append(make([]byte, 0, len(b)), b...)} }

// value returns the bytes. It returns none for a key that does not exist.
func (t *stringValue) value() []byte {
	if t == nil {
		return nil
	}
	return t.b
}

func (m *Module) stringCommands() []keyspace.Command {
	return []keyspace.Command{
		keyspace.Write("set", -3, m.runSet),
		m.growing("setnx", 3, m.runSetNX),
		m.growing("setex", 4, m.runSetEX),
		m.growing("psetex", 4, m.runSetEX),
		m.growing("mset", -3, m.runMSet),
		m.growing("msetnx", -3, m.runMSet),
		m.growing("getset", 3, onValue(m.runGetSet)),
		keyspace.Write("append", 3, onValue(m.runAppend)),
		keyspace.Write("setrange", 4, m.runSetRange),
		keyspace.Write("setbit", 4, m.runSetBit),
		m.growing("incr", 2, m.runIncrBy),
		m.growing("decr", 2, m.runIncrBy),
		m.growing("incrby", 3, m.runIncrBy),
		m.growing("decrby", 3, m.runIncrBy),
		m.growing("incrbyfloat", 3, onValue(m.runIncrByFloat)),
		keyspace.Write("getdel", 2, onValue(m.runGetDel)),
		keyspace.Write("getex", -2, onValue(m.runGetEX)),
		keyspace.Read("get", 2, onValue(m.runGet)),
		keyspace.Read("mget", -2, m.runMGet),
		keyspace.Read("strlen", 2, onValue(m.runStrLen)),
		keyspace.Read("getrange", 4, m.runGetRange),
		keyspace.Read("substr", 4, m.runGetRange),
		keyspace.Read("getbit", 3, m.runGetBit),
		keyspace.Read("bitcount", -2, onValue(m.runBitCount)),
	}
}

func writeStringOrNull(c *keyspace.Session, t *stringValue) {
	if t == nil {
		c.Out.Null()
	} else {
		c.Out.BulkBytes(t.b)
	}
}

func (m *Module) runGet(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	writeStringOrNull(c, t)
}

func (m *Module) runMGet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	c.Out.Array(len(args) - 1)
	for _, key := range args[1:] {
		t, _ := contentOf[*stringValue](d.Get(key))
		writeStringOrNull(c, t)
	}
}

func (m *Module) runStrLen(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	c.Out.Int(int64(len(t.value())))
}

// setOptions are the options of SET and GETEX.
type setOptions struct {
	condition keyspace.Condition
	get       bool
	keepTTL   bool
	persist   bool
	at        int64 // Unix ms; 0 if no time was given
}

// parseOption parses the option that args start with and returns the arguments
// after it.
func (o *setOptions) parseOption(c *keyspace.Session, args [][]byte) (rest [][]byte, err resp.Error) {
	switch {
	case resp.IsWord(args[0], "NX") && o.condition == keyspace.Always:
		o.condition = keyspace.OnlyNew
	case resp.IsWord(args[0], "XX") && o.condition == keyspace.Always:
		o.condition = keyspace.OnlyExisting
	case resp.IsWord(args[0], "GET"):
		o.get = true
	case resp.IsWord(args[0], "KEEPTTL") && o.at == 0:
		o.keepTTL = true
	case resp.IsWord(args[0], "PERSIST") && o.at == 0:
		o.persist = true
	case len(args) > 1 && o.at == 0 && !o.keepTTL && !o.persist && isTimeOption(args[0]):
		o.at, err = parseDeadline(c, strings.ToUpper(string(args[0])), args[1])
		return args[2:], err
	default:
		return nil, resp.ErrSyntax
	}
	return args[1:], ""
}

func isTimeOption(word []byte) bool {
	return resp.IsWord(word, "EX") || resp.IsWord(word, "PX") || resp.IsWord(word, "EXAT") || resp.IsWord(word, "PXAT")
}

// parseDeadline converts the argument of EX, PX, EXAT or PXAT to Unix
// milliseconds.
func parseDeadline(c *keyspace.Session, unit string, word []byte) (int64, resp.Error) {
	n, ok := resp.ParseInt(word)
	if !ok {
		return 0, resp.ErrNotInteger
	}
	if n <= 0 || n > keyspace.MaxTimestamp/1000 {
		return 0, resp.Error("ERR invalid expire time in '" + c.Command.Name + "' command")
	}
	if strings.HasPrefix(unit, "E") {
		n *= 1000
	}
	if !strings.HasSuffix(unit, "AT") {
		n += c.Store.NowMillis()
	}
	return n, ""
}

func (m *Module) runSet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	var o setOptions
	for rest, err := args[3:], resp.Error(""); len(rest) > 0; {
		if rest, err = o.parseOption(c, rest); err == "" && o.persist {
			err = resp.ErrSyntax
		}
		if c.Fail(err) {
			return
		}
	}
	key := args[1]
	var old *stringValue
	if o.get {
		var ok bool
		if old, ok = find[*stringValue](c, d, key); !ok {
			return
		}
	}
	exists := d.Exists(key)
	if exists && o.condition == keyspace.OnlyNew || !exists && o.condition == keyspace.OnlyExisting {
		writeStringOrNull(c, old) // without GET that is null
		return
	}
	if !m.hasRoom(growth(args[1:3]) - m.countedBytes(d, key)) {
		c.Fail(resp.ErrOOM)
		return
	}
	keptDeadline := int64(0)
	if o.keepTTL {
		keptDeadline = d.Deadline(string(key))
	}
	m.replace(d, key, newString(args[2]))
	d.SetDeadline(string(key), max(keptDeadline, o.at))
	if o.get {
		writeStringOrNull(c, old)
	} else {
		c.Out.OK()
	}
}

// countedBytes returns how much a key counts against the memory limit.
func (m *Module) countedBytes(d *keyspace.Database, key []byte) int64 {
	if o, ok := d.Get(key).(*object); ok {
		return o.counted
	}
	return 0
}

func (m *Module) runSetNX(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if d.Exists(args[1]) {
		c.Out.Int(0)
		return
	}
	m.replace(d, args[1], newString(args[2]))
	c.Out.Int(1)
}

func (m *Module) runSetEX(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	unit := "EX"
	if resp.IsWord(args[0], "PSETEX") {
		unit = "PX"
	}
	at, err := parseDeadline(c, unit, args[2])
	if c.Fail(err) {
		return
	}
	m.replace(d, args[1], newString(args[3]))
	d.SetDeadline(string(args[1]), at)
	c.Out.OK()
}

func (m *Module) runMSet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if len(args)%2 == 0 {
		c.Fail(c.Command.ArityError())
		return
	}
	onlyNew := resp.IsWord(args[0], "MSETNX")
	for i := 1; onlyNew && i < len(args); i += 2 {
		if d.Exists(args[i]) {
			c.Out.Int(0)
			return
		}
	}
	for i := 1; i < len(args); i += 2 {
		m.replace(d, args[i], newString(args[i+1]))
	}
	if onlyNew {
		c.Out.Int(1)
	} else {
		c.Out.OK()
	}
}

func (m *Module) runGetSet(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	writeStringOrNull(c, t)
	m.replace(d, args[1], newString(args[2]))
}

func (m *Module) runGetDel(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	writeStringOrNull(c, t)
	d.Delete(string(args[1]))
}

func (m *Module) runGetEX(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	var o setOptions
	for rest, err := args[2:], resp.Error(""); len(rest) > 0; {
		if rest, err = o.parseOption(c, rest); err == "" && (o.get || o.keepTTL || o.condition != keyspace.Always) {
			err = resp.ErrSyntax
		}
		if err == resp.ErrSyntax || err != "" && t != nil {
			c.Fail(err)
			return
		}
	}
	writeStringOrNull(c, t)
	if t != nil && (o.at != 0 || o.persist) {
		d.SetDeadline(string(args[1]), o.at)
		d.Changed(string(args[1]), d.Get(args[1]))
	}
}

func (m *Module) runAppend(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	old := len(t.value())
	if old+len(args[2]) > resp.MaxCommandBytes {
		c.Fail(errStringLimit)
		return
	}
	if t = m.extendString(c, args[1], t, old+len(args[2])); t == nil {
		return
	}
	copy(t.b[old:], args[2])
	m.put(d, args[1], t)
	c.Out.Int(int64(len(t.b)))
}

// reserve makes room for size bytes. It adds an eighth, so that not every
// APPEND copies the string.
func (t *stringValue) reserve(size int) {
	if size > cap(t.b) {
		t.b = append(make([]byte, 0, size+size/8), t.b...)
	}
}

func (m *Module) runSetRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	at, ok := resp.ParseInt(args[2])
	switch {
	case !ok:
		c.Fail(resp.ErrNotInteger)
		return
	case at < 0:
		c.Fail("ERR offset is out of range")
		return
	case at > resp.MaxCommandBytes-int64(len(args[3])):
		c.Fail(errStringLimit)
		return
	}
	t, ok := find[*stringValue](c, d, args[1])
	if !ok {
		return
	}
	if len(args[3]) == 0 {
		c.Out.Int(int64(len(t.value())))
		return
	}
	if t = m.extendString(c, args[1], t, int(at)+len(args[3])); t == nil {
		return
	}
	copy(t.b[at:], args[3])
	m.put(d, args[1], t)
	c.Out.Int(int64(len(t.b)))
}

// extendString fills a string with zero bytes up to a size. It answers OOM and
// returns nil if the memory limit does not allow that.
func (m *Module) extendString(c *keyspace.Session, key []byte, t *stringValue, size int) *stringValue {
	if size > len(t.value()) && !m.hasRoom(keyBytes+int64(len(key)+size+size/8-len(t.value()))) {
		c.Fail(resp.ErrOOM)
		return nil
	}
	if t == nil {
		t = &stringValue{}
	}
	if size > len(t.b) {
		t.reserve(size)
		old := len(t.b)
		t.b = t.b[:size]
		clear(t.b[old:])
	}
	return t
}

func parseBitOffset(word []byte) (int64, bool) {
	n, ok := resp.ParseInt(word)
	return n, ok && n >= 0 && n < resp.MaxCommandBytes*8
}

const errBitOffset = "ERR bit offset is not an integer or out of range"

func (m *Module) runSetBit(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	at, ok := parseBitOffset(args[2])
	if !ok {
		c.Fail(errBitOffset)
		return
	}
	on, ok := resp.ParseInt(args[3])
	if !ok || on != 0 && on != 1 {
		c.Fail("ERR bit is not an integer or out of range")
		return
	}
	t, ok := find[*stringValue](c, d, args[1])
	if !ok {
		return
	}
	if t = m.extendString(c, args[1], t, int(at/8)+1); t == nil {
		return
	}
	mask := byte(0x80) >> (at % 8)
	c.Out.Bool(t.b[at/8]&mask != 0)
	if on == 1 {
		t.b[at/8] |= mask
	} else {
		t.b[at/8] &^= mask
	}
	m.put(d, args[1], t)
}

func (m *Module) runGetBit(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	at, ok := parseBitOffset(args[2])
	if !ok {
		c.Fail(errBitOffset)
		return
	}
	if t, ok := find[*stringValue](c, d, args[1]); ok {
		b := t.value()
		c.Out.Bool(at/8 < int64(len(b)) && b[at/8]&(byte(0x80)>>(at%8)) != 0)
	}
}

func (m *Module) runBitCount(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	from, to, okBounds := int64(0), int64(-1), true
	if len(args) == 4 {
		from, to, okBounds = parseBounds(args[2], args[3])
	}
	switch {
	case t == nil: // Redis checks the other arguments only for a key that exists
		c.Out.Int(0)
		return
	case len(args) != 2 && len(args) != 4:
		c.Fail(resp.ErrSyntax)
		return
	case !okBounds:
		c.Fail(resp.ErrNotInteger)
		return
	}
	n := 0
	lo, hi := byteBounds(from, to, len(t.value()))
	for _, b := range t.value()[lo:hi] {
		n += bits.OnesCount8(b)
	}
	c.Out.Int(int64(n))
}

func (m *Module) runGetRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	from, to, ok := boundArguments(c, args[2], args[3])
	if !ok {
		return
	}
	if t, ok := find[*stringValue](c, d, args[1]); ok {
		lo, hi := byteBounds(from, to, len(t.value()))
		c.Out.BulkBytes(t.value()[lo:hi])
	}
}

func (m *Module) runIncrBy(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	by, ok := int64(1), true
	if len(args) == 3 {
		by, ok = resp.ParseInt(args[2])
	}
	if args[0][0]|0x20 == 'd' {
		if by == math.MinInt64 {
			c.Fail("ERR decrement would overflow")
			return
		}
		by = -by
	}
	if !ok {
		c.Fail(resp.ErrNotInteger)
		return
	}
	t, ok := find[*stringValue](c, d, args[1])
	if !ok {
		return
	}
	n, err := addInteger(t.value(), t != nil, by)
	if c.Fail(err) {
		return
	}
	m.put(d, args[1], &stringValue{strconv.AppendInt(nil, n, 10)})
	c.Out.Int(n)
}

// addInteger adds to the integer in a string. A string that does not exist
// counts as 0.
func addInteger(b []byte, exists bool, by int64) (int64, resp.Error) {
	n, ok := int64(0), true
	if exists {
		n, ok = resp.ParseInt(b)
	}
	switch {
	case !ok:
		return 0, resp.ErrNotInteger
	case by > 0 && n > math.MaxInt64-by, by < 0 && n < math.MinInt64-by:
		return 0, errOverflow
	}
	return n + by, ""
}

func (m *Module) runIncrByFloat(c *keyspace.Session, d *keyspace.Database, t *stringValue, args [][]byte) {
	sum, err := addFloat(t.value(), t != nil, args[2])
	if c.Fail(err) {
		return
	}
	m.put(d, args[1], &stringValue{sum})
	c.Out.BulkBytes(sum)
}

// addFloat adds to the number in a string. A string that does not exist counts
// as 0.
func addFloat(b []byte, exists bool, by []byte) ([]byte, resp.Error) {
	v, ok := 0.0, true
	if exists {
		v, ok = resp.ParseDouble(b)
	}
	add, okAdd := resp.ParseDouble(by)
	if !ok || !okAdd || math.IsNaN(v) || math.IsNaN(add) {
		return nil, resp.ErrNotFloat
	}
	if v += add; math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, "ERR increment would produce NaN or Infinity"
	}
	return strconv.AppendFloat(nil, v, 'f', -1, 64), ""
}
