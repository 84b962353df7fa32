package embedded

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errOverflow    = "ERR increment or decrement would overflow"
	errStringLimit = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// stringObject is a string value.
type stringObject struct{ b []byte }

func (*stringObject) kind() string     { return "string" }
func (t *stringObject) bytes() int64   { return int64(cap(t.b)) }
func (*stringObject) empty() bool      { return false }
func (t *stringObject) clone() content { return newString(t.b) }

// newString copies b, which may be part of a reused buffer.
func newString(b []byte) *stringObject { return &stringObject{append(make([]byte, 0, len(b)), b...)} }

// value returns the bytes, none for a key that does not exist.
func (t *stringObject) value() []byte {
	if t == nil {
		return nil
	}
	return t.b
}

func stringCommands() []command {
	return []command{
		{"set", -3, flagWrite, writing(strSet)},
		{"setnx", 3, flagWrite, growing(strSetNX)},
		{"setex", 4, flagWrite, growing(strSetEX)},
		{"psetex", 4, flagWrite, growing(strSetEX)},
		{"mset", -3, flagWrite, growing(strMSet)},
		{"msetnx", -3, flagWrite, growing(strMSet)},
		{"getset", 3, flagWrite, growing(strGetSet)},
		{"append", 3, flagWrite, writing(strAppend)},
		{"setrange", 4, flagWrite, writing(strSetRange)},
		{"setbit", 4, flagWrite, writing(strSetBit)},
		{"incr", 2, flagWrite, growing(strIncr)},
		{"decr", 2, flagWrite, growing(strIncr)},
		{"incrby", 3, flagWrite, growing(strIncr)},
		{"decrby", 3, flagWrite, growing(strIncr)},
		{"incrbyfloat", 3, flagWrite, growing(strIncrFloat)},
		{"getdel", 2, flagWrite, writing(strGetDel)},
		{"getex", -2, flagWrite, writing(strGetEX)},
		{"get", 2, 0, reading(strGet)},
		{"mget", -2, 0, reading(strMGet)},
		{"strlen", 2, 0, reading(strLen)},
		{"getrange", 4, 0, reading(strGetRange)},
		{"substr", 4, 0, reading(strGetRange)},
		{"getbit", 3, 0, reading(strGetBit)},
		{"bitcount", -2, 0, reading(strBitCount)},
	}
}

func (c *conn) textOrNull(t *stringObject) {
	if t == nil {
		c.out.Null()
	} else {
		c.out.BulkBytes(t.b)
	}
}

func strGet(c *conn, d *database, args [][]byte) {
	if t, ok := find[*stringObject](c, d, args[1]); ok {
		c.textOrNull(t)
	}
}

func strMGet(c *conn, d *database, args [][]byte) {
	c.out.Array(len(args) - 1)
	for _, key := range args[1:] {
		var t *stringObject
		if o := d.objects[string(key)]; o != nil {
			t, _ = o.content.(*stringObject)
		}
		c.textOrNull(t)
	}
}

func strLen(c *conn, d *database, args [][]byte) {
	if t, ok := find[*stringObject](c, d, args[1]); ok {
		c.out.Int(int64(len(t.value())))
	}
}

// setOptions are the options of SET, and the times of GETEX.
type setOptions struct {
	mode    setMode
	get     bool
	keepTTL bool
	persist bool
	at      int64 // Unix ms; 0: none was given
}

// take reads the option at the front of args and returns what follows it.
func (o *setOptions) take(c *conn, args [][]byte) (rest [][]byte, err resp.Error) {
	switch {
	case resp.IsWord(args[0], "NX") && o.mode == setAlways:
		o.mode = setNew
	case resp.IsWord(args[0], "XX") && o.mode == setAlways:
		o.mode = setKnown
	case resp.IsWord(args[0], "GET"):
		o.get = true
	case resp.IsWord(args[0], "KEEPTTL") && o.at == 0:
		o.keepTTL = true
	case resp.IsWord(args[0], "PERSIST") && o.at == 0:
		o.persist = true
	case len(args) > 1 && o.at == 0 && !o.keepTTL && !o.persist && isTimeOption(args[0]):
		o.at, err = c.deadline(strings.ToUpper(string(args[0])), args[1])
		return args[2:], err
	default:
		return nil, resp.ErrSyntax
	}
	return args[1:], ""
}

func isTimeOption(word []byte) bool {
	return resp.IsWord(word, "EX") || resp.IsWord(word, "PX") || resp.IsWord(word, "EXAT") || resp.IsWord(word, "PXAT")
}

// deadline reads the time of EX, PX, EXAT or PXAT as Unix ms.
func (c *conn) deadline(unit string, word []byte) (int64, resp.Error) {
	n, ok := resp.ParseInt(word)
	if !ok {
		return 0, resp.ErrNotInteger
	}
	if n <= 0 || n > maxTimestamp/1000 {
		return 0, resp.Error("ERR invalid expire time in '" + c.running.name + "' command")
	}
	if strings.HasPrefix(unit, "E") {
		n *= 1000
	}
	if !strings.HasSuffix(unit, "AT") {
		n += c.srv.store.nowMillis()
	}
	return n, ""
}

func strSet(c *conn, d *database, args [][]byte) {
	var o setOptions
	for rest, err := args[3:], resp.Error(""); len(rest) > 0; {
		if rest, err = o.take(c, rest); err == "" && o.persist {
			err = resp.ErrSyntax
		}
		if err != "" {
			c.out.Error(err)
			return
		}
	}
	key := args[1]
	if o.get {
		t, ok := find[*stringObject](c, d, key)
		if !ok {
			return
		}
		defer c.textOrNull(t)
	}
	st := c.srv.store
	there := d.has(key)
	if there && o.mode == setNew || !there && o.mode == setKnown {
		if !o.get {
			c.out.Null()
		}
		return
	}
	if old := d.objects[string(key)]; old == nil && !st.room(growth(args[1:3])) || old != nil && !st.room(growth(args[1:3])-old.counted) {
		o.get = false
		c.fail(resp.ErrOOM)
		return
	}
	keep := int64(0)
	if o.keepTTL {
		keep = d.ttl.at[string(key)]
	}
	c.assign(d, key, newString(args[2]))
	d.ttl.set(string(key), max(keep, o.at))
	if !o.get {
		c.out.OK()
	}
}

// assign replaces a key of any kind.
func (c *conn) assign(d *database, key []byte, v content) {
	st := c.srv.store
	if d.objects[string(key)] == nil {
		st.dropAny(d, key)
	}
	d.ttl.set(string(key), 0)
	st.put(d, key, v)
}

func strSetNX(c *conn, d *database, args [][]byte) {
	if d.has(args[1]) {
		c.out.Int(0)
		return
	}
	c.assign(d, args[1], newString(args[2]))
	c.out.Int(1)
}

func strSetEX(c *conn, d *database, args [][]byte) {
	unit := "EX"
	if resp.IsWord(args[0], "PSETEX") {
		unit = "PX"
	}
	at, err := c.deadline(unit, args[2])
	if err != "" {
		c.out.Error(err)
		return
	}
	c.assign(d, args[1], newString(args[3]))
	d.ttl.set(string(args[1]), at)
	c.out.OK()
}

func strMSet(c *conn, d *database, args [][]byte) {
	if len(args)%2 == 0 {
		c.out.Error(c.running.wrongNumber())
		return
	}
	onlyNew := resp.IsWord(args[0], "MSETNX")
	for i := 1; onlyNew && i < len(args); i += 2 {
		if d.has(args[i]) {
			c.out.Int(0)
			return
		}
	}
	for i := 1; i < len(args); i += 2 {
		c.assign(d, args[i], newString(args[i+1]))
	}
	if onlyNew {
		c.out.Int(1)
	} else {
		c.out.OK()
	}
}

func strGetSet(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	c.textOrNull(t)
	c.assign(d, args[1], newString(args[2]))
}

func strGetDel(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	c.textOrNull(t)
	c.srv.store.dropAny(d, args[1])
}

func strGetEX(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	var o setOptions
	for rest, err := args[2:], resp.Error(""); len(rest) > 0; {
		if rest, err = o.take(c, rest); err == "" && (o.get || o.keepTTL || o.mode != setAlways) {
			err = resp.ErrSyntax
		}
		if err == resp.ErrSyntax || err != "" && t != nil {
			c.out.Error(err)
			return
		}
	}
	c.textOrNull(t)
	if t != nil && (o.at != 0 || o.persist) {
		d.ttl.set(string(args[1]), o.at)
		d.changed(string(args[1]))
	}
}

func strAppend(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	old := len(t.value())
	if old+len(args[2]) > resp.MaxCommandBytes {
		c.out.Error(errStringLimit)
		return
	}
	if t = c.widen(args[1], t, old+len(args[2])); t == nil {
		return
	}
	copy(t.b[old:], args[2])
	c.srv.store.put(d, args[1], t)
	c.out.Int(int64(len(t.b)))
}

// extend makes room for size bytes and an eighth more, so that appending does
// not copy each time.
func (t *stringObject) extend(size int) {
	if size > cap(t.b) {
		t.b = append(make([]byte, 0, size+size/8), t.b...)
	}
}

func strSetRange(c *conn, d *database, args [][]byte) {
	at, ok := resp.ParseInt(args[2])
	switch {
	case !ok:
		c.out.Error(resp.ErrNotInteger)
		return
	case at < 0:
		c.out.Error("ERR offset is out of range")
		return
	case at > resp.MaxCommandBytes-int64(len(args[3])):
		c.out.Error(errStringLimit)
		return
	}
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	if len(args[3]) == 0 {
		c.out.Int(int64(len(t.value())))
		return
	}
	if t = c.widen(args[1], t, int(at)+len(args[3])); t == nil {
		return
	}
	copy(t.b[at:], args[3])
	c.srv.store.put(d, args[1], t)
	c.out.Int(int64(len(t.b)))
}

// widen makes a string at least size bytes long, or answers OOM and returns nil.
func (c *conn) widen(key []byte, t *stringObject, size int) *stringObject {
	if size > len(t.value()) && !c.srv.store.room(objectBytes+int64(len(key)+size+size/8-len(t.value()))) {
		c.fail(resp.ErrOOM)
		return nil
	}
	if t == nil {
		t = &stringObject{}
	}
	if size > len(t.b) {
		t.extend(size)
		old := len(t.b)
		t.b = t.b[:size]
		clear(t.b[old:])
	}
	return t
}

func bitOffset(word []byte) (int64, bool) {
	n, ok := resp.ParseInt(word)
	return n, ok && n >= 0 && n < resp.MaxCommandBytes*8
}

const errBitOffset = "ERR bit offset is not an integer or out of range"

func strSetBit(c *conn, d *database, args [][]byte) {
	at, ok := bitOffset(args[2])
	if !ok {
		c.out.Error(errBitOffset)
		return
	}
	on, ok := resp.ParseInt(args[3])
	if !ok || on != 0 && on != 1 {
		c.out.Error("ERR bit is not an integer or out of range")
		return
	}
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	if t = c.widen(args[1], t, int(at/8)+1); t == nil {
		return
	}
	mask := byte(0x80) >> (at % 8)
	c.out.Bool(t.b[at/8]&mask != 0)
	if on == 1 {
		t.b[at/8] |= mask
	} else {
		t.b[at/8] &^= mask
	}
	c.srv.store.put(d, args[1], t)
}

func strGetBit(c *conn, d *database, args [][]byte) {
	at, ok := bitOffset(args[2])
	if !ok {
		c.out.Error(errBitOffset)
		return
	}
	if t, ok := find[*stringObject](c, d, args[1]); ok {
		b := t.value()
		c.out.Bool(at/8 < int64(len(b)) && b[at/8]&(byte(0x80)>>(at%8)) != 0)
	}
}

func strBitCount(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	from, to, okBounds := int64(0), int64(-1), true
	if len(args) == 4 {
		from, to, okBounds = parseBounds(args[2], args[3])
	}
	switch {
	case t == nil: // then Redis does not read the rest
		c.out.Int(0)
		return
	case len(args) != 2 && len(args) != 4:
		c.out.Error(resp.ErrSyntax)
		return
	case !okBounds:
		c.out.Error(resp.ErrNotInteger)
		return
	}
	n := 0
	lo, hi := slicingBytes(from, to, len(t.value()))
	for _, b := range t.value()[lo:hi] {
		n += bits.OnesCount8(b)
	}
	c.out.Int(int64(n))
}

func strGetRange(c *conn, d *database, args [][]byte) {
	from, to, ok := parseBounds(args[2], args[3])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	if t, ok := find[*stringObject](c, d, args[1]); ok {
		lo, hi := slicingBytes(from, to, len(t.value()))
		c.out.BulkBytes(t.value()[lo:hi])
	}
}

func parseBounds(first, last []byte) (from, to int64, ok bool) {
	from, ok = resp.ParseInt(first)
	if !ok {
		return 0, 0, false
	}
	to, ok = resp.ParseInt(last)
	return from, to, ok
}

// slicingBytes is slicing for strings, where an end before the first byte means
// the first byte.
func slicingBytes(from, to int64, n int) (lo, hi int) {
	if from < 0 && to < 0 && from > to {
		return 0, 0
	}
	if to < 0 {
		to = max(0, to+int64(n))
	}
	return slicing(from, to, n)
}

// slicing turns Redis' inclusive bounds, which may count from the end, into
// those of a Go slice.
func slicing(from, to int64, n int) (lo, hi int) {
	size := int64(n)
	if from < 0 {
		from = max(0, from+size)
	}
	if to < 0 {
		to += size
	}
	to = min(to, size-1)
	if from > to {
		return 0, 0
	}
	return int(from), int(to) + 1
}

func strIncr(c *conn, d *database, args [][]byte) {
	by, ok := int64(1), true
	if len(args) == 3 {
		by, ok = resp.ParseInt(args[2])
	}
	if args[0][0]|0x20 == 'd' {
		if by == math.MinInt64 {
			c.out.Error("ERR decrement would overflow")
			return
		}
		by = -by
	}
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	n, err := addInt(t.value(), t != nil, by)
	if err != "" {
		c.out.Error(err)
		return
	}
	c.srv.store.put(d, args[1], &stringObject{strconv.AppendInt(nil, n, 10)})
	c.out.Int(n)
}

// addInt adds to the integer in a string; there is none: 0.
func addInt(b []byte, there bool, by int64) (int64, resp.Error) {
	n, ok := int64(0), true
	if there {
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

func strIncrFloat(c *conn, d *database, args [][]byte) {
	t, ok := find[*stringObject](c, d, args[1])
	if !ok {
		return
	}
	sum, err := addFloat(t.value(), t != nil, args[2])
	if err != "" {
		c.out.Error(err)
		return
	}
	c.srv.store.put(d, args[1], &stringObject{sum})
	c.out.BulkBytes(sum)
}

// addFloat adds to the number in a string; there is none: 0.
func addFloat(b []byte, there bool, by []byte) ([]byte, resp.Error) {
	v, ok := 0.0, true
	if there {
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
