package embedded

import (
	"cmp"
	"slices"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// renameHash follows a hash that was renamed. An index that looked at it under
// its old name does not look again.
func (st *store) renameHash(from, to string) {
	s := &st.search
	if s.onHashes == 0 {
		return
	}
	if st.dbs[0].hash(to) == nil {
		st.syncHash(st.dbs[0], from)
		st.syncHash(st.dbs[0], to)
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
	doc.key = to
	s.hashes[to] = doc
	for _, ix := range s.list {
		switch {
		case ix.def.json || !ix.wants(to):
			ix.remove(doc)
		case !ix.wants(from):
			st.takeHash(ix, doc)
			st.takeHash(ix, doc) // as often as RediSearch looks
		}
	}
	s.forgetUnindexed(to, doc)
}

// wanted reports whether an index on hashes takes in a key.
func (s *searches) wanted(key string) bool {
	return slices.ContainsFunc(s.list, func(ix *searchIndex) bool { return !ix.def.json && ix.wants(key) })
}

// syncHash makes the indexes agree with what is stored under a key.
func (st *store) syncHash(d *database, key string) {
	s := &st.search
	if s.onHashes == 0 || d != st.dbs[0] {
		return
	}
	doc := s.hashes[key]
	if d.hash(key) == nil {
		if doc != nil {
			doc.leaveIndexes()
			s.forgetUnindexed(key, doc)
		}
		return
	}
	if doc == nil && !s.wanted(key) {
		return
	}
	if doc == nil {
		doc = &document{key: key}
		s.hashes[key] = doc
	}
	for _, ix := range s.list {
		if !ix.def.json && ix.wants(key) {
			st.takeHash(ix, doc)
		}
	}
	s.forgetUnindexed(key, doc)
}

// takeHash puts a hash into an index, unless that is full.
func (st *store) takeHash(ix *searchIndex, doc *document) {
	if len(doc.refs) == 0 && ix.live >= st.docs.maxCount {
		ix.faults.add(faultTooMany, doc.key)
		return
	}
	if h := st.dbs[0].hash(doc.key); h != nil {
		ix.put(doc, ix.gatherHash(h))
	}
}

// noteEmptied is for HDEL that took the last field: RediSearch then looks for
// the hash.
func (st *store) noteEmptied(d *database, key string) {
	for _, ix := range st.search.list {
		if d == st.dbs[0] && !ix.def.json && ix.wants(key) {
			ix.faults.add(faultGoneHash+key, key)
		}
	}
}

// scanHashes is scan for an index on hashes.
func (st *store) scanHashes(ix *searchIndex) {
	s, d := &st.search, st.dbs[0]
	var keys []string
	for key := range d.objects {
		if ix.wants(key) && d.hash(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		doc := s.hashes[key]
		if doc == nil {
			doc = &document{key: key}
			s.hashes[key] = doc
		}
		st.takeHash(ix, doc)
		s.forgetUnindexed(key, doc)
	}
}
