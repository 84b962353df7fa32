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
	case len(args) > 1 && isDeadline(args[0]):
		st.search.noteTTL(st.search.hashDB(), string(args[1]))
		return
	}
	db := st.search.hashDB()
	for _, word := range args[1:] {
		if key := string(word); st.search.hashes[key] != nil || st.search.wanted(key) {
			st.syncHash(db, key)
		}
	}
}

func isScript(name []byte) bool { return is(name, "EVAL") || is(name, "EVALSHA") }

func isDeadline(name []byte) bool {
	return is(name, "EXPIRE") || is(name, "PEXPIRE") || is(name, "EXPIREAT") || is(name, "PEXPIREAT") || is(name, "PERSIST")
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
		if len(doc.refs) == 0 && ix.live >= st.docs.maxCount {
			ix.faults.add(faultTooMany, key)
			continue
		}
		if g, ok := ix.gatherHash(db, key); ok {
			ix.put(doc, g)
		}
	}
	s.noteTTL(db, key)
	s.forgetUnindexed(key, doc)
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

// syncHashes looks at all hashes: when an index is made, and after a script.
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
