package datatypes

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errStreamID       = "ERR Invalid stream ID specified as stream command argument"
	errStreamIDSmall  = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	errStreamIDZero   = "ERR The ID specified in XADD must be greater than 0-0"
	errStreamFull     = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errUnbalancedRead = "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
)

func (m *Module) streamCommands() []keyspace.Command {
	return []keyspace.Command{
		m.growing("xadd", -5, m.runXAdd),
		keyspace.Write("xdel", -3, m.runXDel),
		keyspace.Write("xtrim", -4, m.runXTrim),
		keyspace.Read("xlen", 2, onValue(m.runXLen)),
		keyspace.Read("xrange", -4, m.runXRange),
		keyspace.Read("xrevrange", -4, m.runXRange),
		keyspace.Read("xinfo", -2, m.runXInfo),
		keyspace.Custom("xread", -4, keyspace.FlagBlocking, m.runXRead),
	}
}

func (m *Module) runXAdd(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	var t trimLimit
	create, rest, err := true, args[2:], resp.Error("")
	for parsing := true; parsing && len(rest) > 0; {
		switch {
		case resp.IsWord(rest[0], "NOMKSTREAM"):
			create, rest = false, rest[1:]
		case resp.IsWord(rest[0], "MAXLEN"), resp.IsWord(rest[0], "MINID"):
			if t, rest, err = parseTrim(rest); err != "" {
				c.Fail(err)
				return
			}
		default:
			parsing = false
		}
	}
	if len(rest) < 3 || len(rest)%2 == 0 {
		c.Fail(c.Command.ArityError())
		return
	}
	s, ok := find[*stream](c, d, args[1])
	if !ok {
		return
	}
	missing := s == nil
	if missing {
		s = &stream{}
	}
	id, err := s.nextID(rest[0], uint64(c.Store.NowMillis()))
	switch {
	case missing && !create && (err == "" || err == errStreamIDSmall):
		c.Out.Null()
		return
	case err != "":
		c.Fail(err)
		return
	}
	s.add(id, rest[1:])
	t.apply(s)
	m.put(d, args[1], s)
	c.Out.Bulk(id.String())
}

// nextID returns the ID for XADD: a new one for "*" and "ms-*", otherwise that
// of the client.
func (s *stream) nextID(word []byte, now uint64) (streamID, resp.Error) {
	after, more := s.last.next()
	if !more {
		return after, errStreamFull
	}
	if string(word) == "*" {
		if id := (streamID{now, 0}); !id.less(after) {
			return id, ""
		}
		return after, ""
	}
	if ms, isAuto := bytes.CutSuffix(word, []byte("-*")); isAuto {
		n, err := strconv.ParseUint(string(ms), 10, 64)
		switch {
		case err != nil:
			return after, errStreamID
		case n < after.ms:
			return after, errStreamIDSmall
		case n == after.ms:
			return after, ""
		}
		return streamID{n, 0}, ""
	}
	id, ok := parseStreamID(word, 0)
	switch {
	case !ok:
		return id, errStreamID
	case id == streamID{}:
		return id, errStreamIDZero
	case id.less(after):
		return id, errStreamIDSmall
	}
	return id, ""
}

func (m *Module) runXDel(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	s, ok := find[*stream](c, d, args[1])
	switch {
	case !ok:
		return
	case s == nil:
		c.Out.Int(0)
		return
	}
	gone := map[streamID]bool{}
	for _, word := range args[2:] {
		id, ok := parseStreamID(word, 0)
		if !ok {
			c.Fail(errStreamID)
			return
		}
		gone[id] = true
	}
	n := s.entries.retain(func(_ int, e *streamEntry) bool {
		if gone[e.id] {
			s.size -= e.bytes()
		}
		return !gone[e.id]
	})
	c.Out.Int(int64(n))
	if n > 0 {
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runXTrim(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if !resp.IsWord(args[2], "MAXLEN") && !resp.IsWord(args[2], "MINID") {
		c.Fail(resp.ErrSyntax)
		return
	}
	t, rest, err := parseTrim(args[2:])
	if err == "" && len(rest) > 0 {
		err = resp.ErrSyntax
	}
	if c.Fail(err) {
		return
	}
	s, ok := find[*stream](c, d, args[1])
	if !ok {
		return
	}
	n := 0
	if s != nil {
		n = t.apply(s)
	}
	c.Out.Int(int64(n))
	if n > 0 {
		m.changed(d, string(args[1]))
	}
}

func (m *Module) runXLen(c *keyspace.Session, d *keyspace.Database, s *stream, args [][]byte) {
	c.Out.Int(int64(s.len()))
}

// parseStreamBound parses an end of XRANGE: "-", "+", an ID, or "(" and an ID.
func parseStreamBound(word []byte, isLow bool) (id streamID, ok bool) {
	switch string(word) {
	case "-":
		return streamID{}, true
	case "+":
		return streamID{math.MaxUint64, math.MaxUint64}, true
	}
	open := len(word) > 0 && word[0] == '('
	if open {
		word = word[1:]
	}
	seq := uint64(0)
	if !isLow {
		seq = math.MaxUint64
	}
	id, ok = parseStreamID(word, seq)
	switch {
	case !ok || !open:
		return id, ok
	case isLow:
		return id.next()
	case id.seq > 0:
		return streamID{id.ms, id.seq - 1}, true
	case id.ms > 0:
		return streamID{id.ms - 1, math.MaxUint64}, true
	}
	return id, false
}

func (m *Module) runXRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	low, high, reverse := args[2], args[3], resp.IsWord(args[0], "XREVRANGE")
	if reverse {
		low, high = high, low
	}
	from, okFrom := parseStreamBound(low, true)
	to, okTo := parseStreamBound(high, false)
	if !okFrom || !okTo {
		c.Fail(errStreamID)
		return
	}
	count := int64(math.MaxInt64)
	if len(args) > 4 {
		var ok bool
		if len(args) != 6 || !resp.IsWord(args[4], "COUNT") {
			c.Fail(resp.ErrSyntax)
			return
		}
		if count, ok = resp.ParseInt(args[5]); !ok {
			c.Fail(resp.ErrNotInteger)
			return
		}
	}
	s, ok := find[*stream](c, d, args[1])
	switch {
	case !ok:
		return
	case s != nil && count <= 0: // Redis does not answer an empty array
		c.Out.NullArray()
		return
	}
	lo, hi := s.indexOf(from), s.len()
	if next, more := to.next(); more {
		hi = s.indexOf(next)
	}
	n := max(0, min(int64(hi-lo), count))
	c.Out.Array(int(n))
	for i := range int(n) {
		if reverse {
			writeEntry(c, s.entries.at(hi-1-i))
		} else {
			writeEntry(c, s.entries.at(lo+i))
		}
	}
}

func writeEntry(c *keyspace.Session, e *streamEntry) {
	c.Out.Array(2)
	c.Out.Bulk(e.id.String())
	c.Out.Array(len(e.fields))
	for _, f := range e.fields {
		c.Out.BulkBytes(f)
	}
}

// maxReadStreams bounds XREAD, which can name one large stream many times.
const maxReadStreams = 1024

// readRequest is the request of XREAD.
type readRequest struct {
	count    int64
	wait     time.Duration
	blocks   bool
	keys     [][]byte
	after    []streamID
	onlyNew  []bool // "$": entries added from now on
	onlyLast []bool // "+": only the last entry
}

func parseRead(args [][]byte) (r readRequest, err resp.Error) {
	for ; len(args) > 0; args = args[2:] {
		var ok bool
		switch {
		case resp.IsWord(args[0], "STREAMS"):
			return r, r.parseStreams(args[1:])
		case len(args) < 2:
			return r, resp.ErrSyntax
		case resp.IsWord(args[0], "COUNT"):
			if r.count, ok = resp.ParseInt(args[1]); !ok {
				return r, resp.ErrNotInteger
			}
		case resp.IsWord(args[0], "BLOCK"):
			ms, ok := resp.ParseInt(args[1])
			if !ok || ms < 0 || ms > maxWaitMillis {
				return r, errWaitRange
			}
			r.blocks, r.wait = true, time.Duration(ms)*time.Millisecond
		default:
			return r, resp.ErrSyntax
		}
	}
	return r, resp.ErrSyntax
}

func (r *readRequest) parseStreams(args [][]byte) resp.Error {
	n := len(args) / 2
	switch {
	case n == 0 || len(args)%2 != 0:
		return errUnbalancedRead
	case n > maxReadStreams:
		return "ERR too many streams"
	}
	r.keys = args[:n]
	r.after, r.onlyNew, r.onlyLast = make([]streamID, n), make([]bool, n), make([]bool, n)
	for i, word := range args[n:] {
		r.onlyNew[i], r.onlyLast[i] = string(word) == "$", string(word) == "+"
		if r.onlyNew[i] || r.onlyLast[i] {
			continue
		}
		var ok bool
		if r.after[i], ok = parseStreamID(word, 0); !ok {
			return errStreamID
		}
	}
	return ""
}

func (m *Module) runXRead(c *keyspace.Session, args [][]byte) {
	r, err := parseRead(args[1:])
	if c.Fail(err) {
		return
	}
	try := func() bool {
		d := c.Store.RLock(c.DB)
		defer c.Store.RUnlock()
		return r.writeEntries(c, d)
	}
	if !r.blocks && try() || r.blocks && c.WaitFor(r.wait, try) {
		return
	}
	c.Out.NullArray()
}

// writeEntries writes the requested entries. It returns false if there are none yet.
func (r *readRequest) writeEntries(c *keyspace.Session, d *keyspace.Database) bool {
	type part struct {
		key    []byte
		s      *stream
		lo, hi int
	}
	var parts []part
	for i, key := range r.keys {
		s, ok := find[*stream](c, d, key)
		if !ok {
			return true
		}
		if r.onlyNew[i] { // "$" means the end at the first attempt
			r.onlyNew[i] = false
			if s != nil {
				r.after[i] = s.last
			}
		}
		if s.len() == 0 {
			continue
		}
		lo := s.len() - 1
		if !r.onlyLast[i] {
			lo = s.len()
			if next, more := r.after[i].next(); more {
				lo = s.indexOf(next)
			}
		}
		hi := s.len()
		if r.count > 0 {
			hi = int(min(int64(hi), int64(lo)+r.count))
		}
		if lo < hi {
			parts = append(parts, part{key, s, lo, hi})
		}
	}
	if len(parts) == 0 {
		return false
	}
	c.Out.Pairs(len(parts))
	for _, p := range parts {
		c.Out.Pair(2)
		c.Out.BulkBytes(p.key)
		c.Out.Array(p.hi - p.lo)
		for i := p.lo; i < p.hi; i++ {
			writeEntry(c, p.s.entries.at(i))
		}
	}
	return true
}

func (m *Module) runXInfo(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	isGroups := resp.IsWord(args[1], "GROUPS")
	if !isGroups && !resp.IsWord(args[1], "STREAM") || len(args) != 3 {
		c.FailSubcommand(args[1])
		return
	}
	s, ok := find[*stream](c, d, args[2])
	switch {
	case !ok:
		return
	case s == nil:
		c.Fail(resp.ErrNoSuchKey)
		return
	case isGroups:
		writeGroups(c, s)
		return
	}
	c.Out.Map(6)
	for _, kv := range []struct {
		name string
		n    int64
	}{{"length", int64(s.len())}, {"entries-added", s.added}, {"groups", int64(len(s.groups))}} {
		c.Out.Bulk(kv.name)
		c.Out.Int(kv.n)
	}
	c.Out.Bulk("last-generated-id")
	c.Out.Bulk(s.last.String())
	for _, name := range []string{"first-entry", "last-entry"} {
		c.Out.Bulk(name)
		switch {
		case s.len() == 0:
			c.Out.Null()
		case name == "first-entry":
			writeEntry(c, s.entries.at(0))
		default:
			writeEntry(c, s.entries.at(s.len()-1))
		}
	}
}
