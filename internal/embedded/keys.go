package embedded

import (
	"slices"
	"strings"
)

// The commands on keys of any type see both halves of the keyspace: series
// and documents here, everything else in miniredis.

func keyDel(c *conn, args [][]byte) {
	defer c.followHashes(args)
	var n int64
	for _, key := range args[1:] {
		if c.dropOwn(key) || c.srv.mini.DB(c.db).Del(string(key)) {
			n++
		}
	}
	c.out.int(n)
}

func (c *conn) dropOwn(key []byte) bool {
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	return st.dropKey(d, string(key))
}

func keyExists(c *conn, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if c.owns(key) || c.foreign(key) {
			n++
		}
	}
	c.out.int(n)
}

func keyType(c *conn, args [][]byte) {
	switch c.ownKind(args[1]) {
	case scanTypeTSDB:
		c.out.simple(scanTypeTSDB)
	case scanTypeJSON:
		c.out.simple(scanTypeJSON)
	default:
		c.delegate(args)
	}
}

// ownKind is the type of a series or document; empty: the key is neither.
func (c *conn) ownKind(key []byte) string {
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	switch {
	case d.keys[string(key)] != nil:
		return scanTypeTSDB
	case d.docs[string(key)] != nil:
		return scanTypeJSON
	}
	return ""
}

// allKeys lists the keys that match a pattern and are of a type (empty: any).
func (c *conn) allKeys(pattern, kind string) []string {
	st := c.srv.store
	d := st.rlock(c.db)
	keys := matchingKeys(nil, d.keys, pattern, kind == "" || strings.EqualFold(kind, scanTypeTSDB))
	keys = matchingKeys(keys, d.docs, pattern, kind == "" || strings.EqualFold(kind, scanTypeJSON))
	st.mu.RUnlock()
	db := c.srv.mini.DB(c.db)
	for _, key := range db.Keys() {
		if glob(pattern, key) && (kind == "" || strings.EqualFold(kind, db.Type(key))) {
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

func (c *conn) bulks(list []string) {
	c.out.array(len(list))
	for _, s := range list {
		c.out.bulk(s)
	}
}

func keyKeys(c *conn, args [][]byte) { c.bulks(c.allKeys(string(args[1]), "")) }

// keyScan answers everything at once with cursor 0. That is a legal answer,
// each key comes exactly once, and the number of series and documents is bounded.
func keyScan(c *conn, args [][]byte) {
	cursor, ok := parseInt(args[1])
	if !ok || cursor < 0 {
		c.out.error("ERR invalid cursor")
		return
	}
	pattern, kind := "*", ""
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			c.out.error("ERR syntax error")
			return
		}
		switch {
		case is(rest[0], "MATCH"):
			pattern = string(rest[1])
		case is(rest[0], "TYPE"):
			kind = string(rest[1])
		case is(rest[0], "COUNT"):
		default:
			c.out.error("ERR syntax error")
			return
		}
	}
	var keys []string
	if cursor == 0 {
		keys = c.allKeys(pattern, kind)
	}
	c.out.array(2)
	c.out.bulk("0")
	c.bulks(keys)
}

func keyDBSize(c *conn, _ [][]byte) {
	c.out.int(int64(c.countOwn() + len(c.srv.mini.DB(c.db).Keys())))
}

func (c *conn) countOwn() int {
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	return len(d.keys) + len(d.docs)
}

func keyRandom(c *conn, args [][]byte) {
	if key, ok := c.anyOwn(); ok {
		c.out.bulk(key)
		return
	}
	c.pass("RANDOMKEY", texts(args))
}

func (c *conn) anyOwn() (string, bool) {
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	for key := range d.keys { // the order of a map is random
		return key, true
	}
	for key := range d.docs {
		return key, true
	}
	return "", false
}

func keyFlushAll(c *conn, args [][]byte) {
	if c.badFlush(args) {
		return
	}
	c.srv.store.flushAll()
	c.pass("FLUSHALL", []string{"FLUSHALL"})
}

func keyFlushDB(c *conn, args [][]byte) {
	if c.badFlush(args) {
		return
	}
	c.srv.store.flush(c.db)
	c.pass("FLUSHDB", []string{"FLUSHDB"})
}

func (c *conn) badFlush(args [][]byte) bool {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "SYNC") && !is(args[1], "ASYNC") {
		c.out.error("ERR syntax error")
		return true
	}
	return false
}

func keySwapDB(c *conn, args [][]byte) {
	a, okA := parseInt(args[1])
	b, okB := parseInt(args[2])
	if !okA || !okB || a < 0 || b < 0 || a >= databases || b >= databases {
		c.out.error("ERR DB index is out of range")
		return
	}
	st := c.srv.store
	st.mu.Lock()
	st.dbs[a], st.dbs[b] = st.dbs[b], st.dbs[a]
	st.mu.Unlock()
	c.pass("SWAPDB", texts(args))
	if a == 0 || b == 0 {
		st.mu.Lock()
		st.reindexAll()
		st.mu.Unlock()
	}
}

// keySet: SET replaces a key of any type.
func keySet(c *conn, args [][]byte) {
	if c.owns(args[1]) {
		nx := slices.ContainsFunc(args[3:], func(a []byte) bool { return is(a, "NX") })
		get := slices.ContainsFunc(args[3:], func(a []byte) bool { return is(a, "GET") })
		switch {
		case get:
			c.out.error("WRONGTYPE Operation against a key holding the wrong kind of value")
			return
		case nx:
			c.out.null()
			return
		}
		c.dropOwn(args[1])
	}
	c.delegate(args)
}

func keySetNX(c *conn, args [][]byte) {
	if c.owns(args[1]) {
		c.out.int(0)
		return
	}
	c.delegate(args)
}

func keyMSet(c *conn, args [][]byte) {
	for i := 1; i < len(args); i += 2 {
		if !c.owns(args[i]) {
			continue
		}
		if is(args[0], "MSETNX") {
			c.out.int(0)
			return
		}
		c.dropOwn(args[i])
	}
	c.delegate(args)
}

// keySetRange refuses the offsets with which miniredis would fill the memory
// of this process; Redis' own limit is 512 MB.
func keySetRange(c *conn, args [][]byte) {
	limit := int64(maxCommandBytes)
	if is(args[0], "SETBIT") {
		limit *= 8
	}
	if at, ok := parseInt(args[2]); ok && at >= limit {
		c.out.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
		return
	}
	c.delegate(args)
}

// keyRename moves either kind of key, replacing what is there.
func keyRename(c *conn, args [][]byte) {
	defer c.followHashes(args)
	from, to := args[1], args[2]
	nx := is(args[0], "RENAMENX")
	if nx && (c.owns(to) || c.foreign(to)) && (c.owns(from) || c.foreign(from)) {
		c.out.int(0)
		return
	}
	if !c.owns(from) {
		if c.foreign(from) {
			c.dropOwn(to)
		}
		c.pass("RENAME", texts(args))
		return
	}
	if string(from) != string(to) {
		c.srv.mini.DB(c.db).Del(string(to))
		c.renameOwn(from, to)
	}
	if nx {
		c.out.int(1)
	} else {
		c.out.ok()
	}
}

func (c *conn) renameOwn(from, to []byte) {
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	old, name := string(from), string(to)
	if !d.has(from) {
		return
	}
	at := d.ttl.at[old]
	st.dropKey(d, name)
	d.ttl.set(old, 0)
	if s := d.keys[old]; s != nil {
		delete(d.keys, old)
		s.key = name
		d.keys[name] = s
	} else {
		st.renameDocument(d, d.docs[old], name)
	}
	d.ttl.set(name, at)
}
