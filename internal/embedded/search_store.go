package embedded

import "slices"

// searches are the indexes of a server; the store's lock guards them.
type searches struct {
	byName  map[string]*searchIndex
	aliases map[string]*searchIndex
	list    []*searchIndex       // in the order of their creation
	hashes  map[string]*document // those that some index has taken in
	// onHashes is how many indexes are on hashes: without any, writes to
	// ordinary keys need not be followed.
	onHashes int
}

func (s *searches) clear() {
	for _, ix := range s.list {
		ix.dissolve()
	}
	s.byName, s.aliases, s.list = map[string]*searchIndex{}, map[string]*searchIndex{}, nil
	s.hashes = map[string]*document{}
	s.onHashes = 0
}

// find looks an index up by its name or an alias.
func (s *searches) find(name []byte) *searchIndex {
	if ix := s.byName[string(name)]; ix != nil {
		return ix
	}
	return s.aliases[string(name)]
}

func (s *searches) insert(ix *searchIndex) {
	s.byName[ix.name] = ix
	s.list = append(s.list, ix)
	if !ix.def.json {
		s.onHashes++
	}
}

// drop removes an index and its aliases; its documents stay.
func (s *searches) drop(ix *searchIndex) {
	ix.dissolve()
	delete(s.byName, ix.name)
	for name, target := range s.aliases {
		if target == ix {
			delete(s.aliases, name)
		}
	}
	s.list = slices.DeleteFunc(s.list, func(other *searchIndex) bool { return other == ix })
	if !ix.def.json {
		s.onHashes--
		for key, doc := range s.hashes {
			s.forgetUnindexed(key, doc)
		}
	}
}

func (s *searches) forgetUnindexed(key string, doc *document) {
	if len(doc.refs) == 0 {
		delete(s.hashes, key)
	}
}

// dissolve takes all documents out of an index that goes away.
func (ix *searchIndex) dissolve() {
	for _, doc := range ix.slots {
		if doc != nil {
			doc.refs = slices.DeleteFunc(doc.refs, func(r docRef) bool { return r.index == ix })
		}
	}
}

// bytes estimates what the indexes take.
func (s *searches) bytes() int64 {
	const perWord, perSlot = 120, 8
	var n int64
	for _, ix := range s.list {
		n += int64(cap(ix.slots)) * perSlot
		for i := range ix.columns {
			col := &ix.columns[i]
			n += int64(len(col.terms.lists))*perWord + col.terms.records*4 + int64(cap(col.numbers))*8
		}
	}
	return n
}

// reindex brings a document's place in all indexes up to date.
func (st *store) reindex(d *database, doc *document) {
	if d != st.dbs[0] {
		return
	}
	for _, ix := range st.search.list {
		if ix.def.json && ix.wants(doc.key) {
			ix.put(doc, ix.gatherJSON(doc.json))
		} else {
			ix.remove(doc)
		}
	}
}

func (doc *document) leaveIndexes() {
	for len(doc.refs) > 0 {
		doc.refs[0].index.remove(doc)
	}
}

// scan takes in what is there when an index is created or gets more fields.
func (st *store) scan(ix *searchIndex) {
	if !ix.def.json {
		st.scanHashes(ix)
		return
	}
	docs := make([]*document, 0, len(st.dbs[0].docs))
	for _, doc := range st.dbs[0].docs {
		if ix.wants(doc.key) {
			docs = append(docs, doc)
		}
	}
	slices.SortFunc(docs, func(a, b *document) int { return compareText(a.key, b.key) })
	for _, doc := range docs {
		ix.put(doc, ix.gatherJSON(doc.json))
	}
}

// reindexAll fills the indexes anew, after SWAPDB changed what database 0 is.
func (st *store) reindexAll() {
	for _, ix := range st.search.list {
		for _, doc := range slices.Clone(ix.slots) {
			if doc != nil {
				ix.remove(doc)
			}
		}
	}
	for key, doc := range st.search.hashes {
		st.search.forgetUnindexed(key, doc)
	}
	for _, ix := range st.search.list {
		st.scan(ix)
	}
}
