package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxPatternBytes bounds the patterns of KEYS, SCAN and the like: matching takes
// time in proportion to their length.
const maxPatternBytes = 256

// patternFits answers an error for a pattern that is too long.
func (c *conn) patternFits(pattern string) bool {
	if len(pattern) > maxPatternBytes {
		c.out.Error("ERR pattern is too long")
		return false
	}
	return true
}

func keyDel(c *conn, d *database, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if c.srv.store.dropAny(d, key) {
			n++
		}
	}
	c.out.Int(n)
}

func keyExists(c *conn, d *database, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if d.has(key) {
			n++
		}
	}
	c.out.Int(n)
}

func keyType(c *conn, d *database, args [][]byte) { c.out.Simple(d.kind(string(args[1]))) }

// kind is the type of a key as TYPE names it.
func (d *database) kind(key string) string {
	switch {
	case d.keys[key] != nil:
		return scanTypeTSDB
	case d.docs[key] != nil:
		return scanTypeJSON
	case d.objects[key] != nil:
		return d.objects[key].kind()
	}
	return "none"
}

// match lists the keys that match a pattern and are of a type (empty: any).
func (d *database) match(pattern, kind string) []string {
	keys := matchingKeys(nil, d.keys, pattern, kind == "" || strings.EqualFold(kind, scanTypeTSDB))
	keys = matchingKeys(keys, d.docs, pattern, kind == "" || strings.EqualFold(kind, scanTypeJSON))
	for key, o := range d.objects {
		if (kind == "" || strings.EqualFold(kind, o.kind())) && (pattern == "*" || glob(pattern, key)) {
			keys = append(keys, key)
		}
	}
	return keys
}

func matchingKeys[T any](keys []string, all map[string]T, pattern string, wanted bool) []string {
	if !wanted {
		return keys
	}
	for key := range all {
		if pattern == "*" || glob(pattern, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func keyKeys(c *conn, d *database, args [][]byte) {
	if pattern := string(args[1]); c.patternFits(pattern) {
		c.out.Bulks(d.match(pattern, ""))
	}
}

// keyScan answers everything at once with cursor 0. That is a legal answer,
// each key comes exactly once, and the number of keys is bounded.
func keyScan(c *conn, d *database, args [][]byte) {
	cursor, ok := resp.ParseInt(args[1])
	if !ok || cursor < 0 {
		c.out.Error("ERR invalid cursor")
		return
	}
	pattern, kind := "*", ""
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			c.out.Error(resp.ErrSyntax)
			return
		}
		switch {
		case resp.IsWord(rest[0], "MATCH"):
			pattern = string(rest[1])
		case resp.IsWord(rest[0], "TYPE"):
			kind = string(rest[1])
		case resp.IsWord(rest[0], "COUNT"):
		default:
			c.out.Error(resp.ErrSyntax)
			return
		}
	}
	if !c.patternFits(pattern) {
		return
	}
	var keys []string
	if cursor == 0 {
		keys = d.match(pattern, kind)
	}
	c.out.Array(2)
	c.out.Bulk("0")
	c.out.Bulks(keys)
}

func keyDBSize(c *conn, d *database, _ [][]byte) { c.out.Int(int64(d.size())) }

func keyRandom(c *conn, d *database, _ [][]byte) {
	if key, ok := d.anyKey(); ok {
		c.out.Bulk(key)
	} else {
		c.out.Null()
	}
}

// anyKey relies on the random order of Go's maps.
func (d *database) anyKey() (string, bool) {
	for key := range d.keys {
		return key, true
	}
	for key := range d.docs {
		return key, true
	}
	for key := range d.objects {
		return key, true
	}
	return "", false
}

func keyFlushAll(c *conn, args [][]byte) {
	if c.badFlush(args) {
		return
	}
	c.srv.store.flushAll()
	c.out.OK()
}

func keyFlushDB(c *conn, args [][]byte) {
	if c.badFlush(args) {
		return
	}
	c.srv.store.flush(c.db)
	c.out.OK()
}

func (c *conn) badFlush(args [][]byte) bool {
	if len(args) > 2 || len(args) == 2 && !resp.IsWord(args[1], "SYNC") && !resp.IsWord(args[1], "ASYNC") {
		c.out.Error(resp.ErrSyntax)
		return true
	}
	return false
}

func keySwapDB(c *conn, args [][]byte) {
	a, okA := parseDB(args[1])
	b, okB := parseDB(args[2])
	if !okA || !okB {
		c.out.Error("ERR DB index is out of range")
		return
	}
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dbs[a].changedAll()
	st.dbs[b].changedAll()
	st.dbs[a], st.dbs[b] = st.dbs[b], st.dbs[a]
	if a == 0 || b == 0 {
		st.reindexAll()
	}
	c.out.OK()
}

func parseDB(word []byte) (int, bool) {
	n, ok := resp.ParseInt(word)
	return int(n), ok && n >= 0 && n < databases
}

// keyRename moves a key of any kind, replacing what is there.
func keyRename(c *conn, d *database, args [][]byte) {
	from, to := args[1], args[2]
	nx := resp.IsWord(args[0], "RENAMENX")
	switch {
	case !d.has(from):
		c.out.Error("ERR no such key")
		return
	case nx && d.has(to):
		c.out.Int(0)
		return
	}
	if string(from) != string(to) && c.fail(c.srv.store.rename(d, string(from), string(to))) {
		return
	}
	if nx {
		c.out.Int(1)
	} else {
		c.out.OK()
	}
}

func (st *store) rename(d *database, from, to string) resp.Error {
	longer := int64(len(to) - len(from))
	if s := d.keys[from]; s != nil && st.labelBytes+longer > max(st.labelBytes, st.maxLabelBytes) ||
		d.docs[from] != nil && !st.docs.admit(0, longer) ||
		d.objects[from] != nil && !st.room(longer) && longer > 0 {
		return resp.ErrOOM
	}
	at := d.ttl.at[from]
	if d.objects[from] == nil || d.hash(to) == nil {
		st.dropKey(d, to)
	} else { // the index learns of it in renameHash
		st.objects.bytes -= d.objects[to].counted
		delete(d.objects, to)
	}
	d.ttl.set(from, 0)
	switch o := d.objects[from]; {
	case d.keys[from] != nil:
		s := d.keys[from]
		delete(d.keys, from)
		s.key, s.text = to, s.text+longer
		st.labelBytes += longer
		d.keys[to] = s
	case d.docs[from] != nil:
		st.renameDocument(d, d.docs[from], to)
	default:
		delete(d.objects, from)
		d.objects[to] = o
		o.counted += longer
		st.objects.bytes += longer
		if d == st.dbs[0] {
			st.renameHash(from, to)
		}
		st.wake()
	}
	d.ttl.set(to, at)
	d.changed(from)
	d.changed(to)
	return ""
}

// keyCopy copies ordinary keys.
func keyCopy(c *conn, args [][]byte) {
	to, replace, db := args[2], false, c.db
	for rest := args[3:]; len(rest) > 0; rest = rest[1:] {
		switch {
		case resp.IsWord(rest[0], "REPLACE"):
			replace = true
		case resp.IsWord(rest[0], "DB") && len(rest) > 1:
			var ok bool
			if db, ok = parseDB(rest[1]); !ok {
				c.out.Error("ERR DB index is out of range")
				return
			}
			rest = rest[1:]
		default:
			c.out.Error(resp.ErrSyntax)
			return
		}
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	dest := st.dbs[db]
	st.expire(dest)
	o := d.objects[string(args[1])]
	switch {
	case o == nil && d.has(args[1]):
		c.out.Error("ERR COPY of series and documents is not supported by rtcollector's embedded server")
		return
	case dest == d && string(args[1]) == string(to):
		c.out.Error("ERR source and destination objects are the same")
		return
	case o == nil, dest.has(to) && !replace:
		c.out.Int(0)
		return
	case !st.room(o.counted + int64(len(to))):
		c.fail(resp.ErrOOM)
		return
	}
	st.dropAny(dest, to)
	st.put(dest, to, o.clone())
	dest.ttl.set(string(to), d.ttl.at[string(args[1])])
	c.out.Int(1)
}

// keyMemory answers MEMORY USAGE.
func keyMemory(c *conn, d *database, args [][]byte) {
	if !resp.IsWord(args[1], "USAGE") || len(args) < 3 {
		c.unknownSub("MEMORY", args[1])
		return
	}
	if s := d.keys[string(args[2])]; s != nil {
		c.out.Int(s.bytes())
	} else if doc := d.docs[string(args[2])]; doc != nil {
		c.out.Int(doc.bytes() + documentBytes)
	} else if o := d.objects[string(args[2])]; o != nil {
		c.out.Int(o.counted)
	} else {
		c.out.Null()
	}
}
