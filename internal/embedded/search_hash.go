package embedded

import (
	"cmp"
	"slices"

	"github.com/alicebob/miniredis/v2"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// followHashes brings the indexes up to date after a command that wrote to
// miniredis. Any of its words may be a key: looking costs less than knowing
// the places of keys in all commands.
func (c *conn) followHashes(args [][]byte) {
	st := c.srv.store
	if c.db != 0 || st.search.onHashes.Load() == 0 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case isScript(args[0]): // it writes what it likes
		st.syncHashes()
		return
	case len(args) > 1 && is(args[0], "PERSIST"):
		st.search.noteTTL(st.search.hashDB(), string(args[1]))
		return
	case len(args) > 2 && isRename(args[0]):
		st.renameHash(string(args[1]), string(args[2]))
		return
	}
	db := st.search.hashDB()
	if len(args) > 1 && isDeadline(args[0]) { // RediSearch looks twice, and counts a bad hash twice
		st.syncHash(db, string(args[1]))
	}
	for _, word := range args[1:] {
		if key := string(word); st.search.hashes[key] != nil || st.search.wanted(key) {
			st.syncHash(db, key)
		}
	}
}

func isScript(name []byte) bool { return is(name, "EVAL") || is(name, "EVALSHA") }

func isDeadline(name []byte) bool {
	return is(name, "EXPIRE") || is(name, "PEXPIRE") || is(name, "EXPIREAT") || is(name, "PEXPIREAT")
}

func isRename(name []byte) bool { return is(name, "RENAME") || is(name, "RENAMENX") }

// renameHash follows a hash to its new name. An index that has looked at it under its old name does not look again.
func (st *store) renameHash(from, to string) {
	s, db := &st.search, st.search.hashDB()
	if from == to || db.Exists(from) || db.Type(to) != "hash" {
		st.syncHash(db, from)
		st.syncHash(db, to)
		return
	}
	if doc := s.hashes[to]; doc != nil {
		doc.leaveIndexes()
		s.forgetUnindexed(to, doc)
	}
	doc := s.hashes[from]
	if doc == nil {
		doc = &document{}
	}
	delete(s.hashes, from)
	delete(s.volatile, from)
	doc.key = to
	s.hashes[to] = doc
	for _, ix := range s.list {
		switch {
		case ix.def.json || !ix.wants(to):
			ix.remove(doc)
		case !ix.wants(from):
			st.takeHash(db, ix, doc)
			st.takeHash(db, ix, doc) // as often as RediSearch looks
		}
	}
	s.noteTTL(db, to)
	s.forgetUnindexed(to, doc)
}

// wanted tells whether an index on hashes takes in a key.
func (s *searches) wanted(key string) bool {
	return slices.ContainsFunc(s.list, func(ix *searchIndex) bool { return !ix.def.json && ix.wants(key) })
}

// syncHash makes the indexes agree with what miniredis has under a key.
func (st *store) syncHash(db *miniredis.RedisDB, key string) {
	s := &st.search
	doc := s.hashes[key]
	if db.Type(key) != "hash" {
		if doc != nil {
			doc.leaveIndexes()
			s.forgetUnindexed(key, doc)
		}
		return
	}
	if doc == nil {
		doc = &document{key: key}
		s.hashes[key] = doc
	}
	for _, ix := range s.list {
		if ix.def.json || !ix.wants(key) {
			continue
		}
		st.takeHash(db, ix, doc)
	}
	s.noteTTL(db, key)
	s.forgetUnindexed(key, doc)
}

// takeHash puts a hash into an index, unless that is full.
func (st *store) takeHash(db *miniredis.RedisDB, ix *searchIndex, doc *document) {
	if len(doc.refs) == 0 && ix.live >= st.docs.maxCount {
		ix.faults.add(faultTooMany, doc.key)
		return
	}
	if g, ok := ix.gatherHash(db, doc.key); ok {
		ix.put(doc, g)
	}
}

// hasAny tells whether a hash has one of the fields: without any, HDEL changes nothing.
func (c *conn) hasAny(key string, fields []string) bool {
	names, err := c.srv.mini.DB(c.db).HKeys(key)
	return err == nil && slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(names, f) })
}

// noteEmptied is for HDEL that took the last field: RediSearch then looks for the hash.
func (c *conn) noteEmptied(key string) {
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.search.hashDB().Exists(key) {
		return
	}
	for _, ix := range st.search.list {
		if !ix.def.json && ix.wants(key) {
			ix.faults.add(faultGoneHash+key, key)
		}
	}
}

// noteTTL remembers which indexed hashes will expire.
func (s *searches) noteTTL(db *miniredis.RedisDB, key string) {
	if doc := s.hashes[key]; doc == nil {
		return
	}
	switch {
	case db.TTL(key) > 0:
		s.volatile[key] = true
	case !db.Exists(key): // EXPIRE with a time that has passed
		s.volatile[key] = true
	default:
		delete(s.volatile, key)
	}
}

// syncHashes looks at all hashes, after a script.
func (st *store) syncHashes() {
	db := st.search.hashDB()
	for key := range st.search.hashes {
		if !db.Exists(key) {
			st.syncHash(db, key)
		}
	}
	for _, key := range db.Keys() {
		if st.search.wanted(key) {
			st.syncHash(db, key)
		}
	}
}

// scanHashes is scan for an index on hashes.
func (st *store) scanHashes(ix *searchIndex) {
	s, db := &st.search, st.search.hashDB()
	for _, key := range db.Keys() {
		if !ix.wants(key) || db.Type(key) != "hash" {
			continue
		}
		doc := s.hashes[key]
		if doc == nil {
			doc = &document{key: key}
			s.hashes[key] = doc
		}
		st.takeHash(db, ix, doc)
		s.noteTTL(db, key)
		s.forgetUnindexed(key, doc)
	}
}

// dropExpiredHashes removes from the indexes what miniredis let expire.
func (st *store) dropExpiredHashes() {
	if len(st.search.volatile) == 0 {
		return
	}
	db := st.search.hashDB()
	for key := range st.search.volatile {
		if !db.Exists(key) {
			st.syncHash(db, key)
		}
	}
}

// lockSearch opens the store for a query: what has expired is gone.
func (st *store) lockSearch() {
	if st.search.onHashes.Load() > 0 {
		st.mu.Lock()
		st.dropExpiredHashes()
		st.mu.Unlock()
	}
	st.rlock(0)
}
