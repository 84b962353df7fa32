package search

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/datatypes"
	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// Module runs the commands of all indexes and keeps the indexes up to date. The
// store's lock guards it.
type Module struct {
	store     *keyspace.Store
	maxHashes int
	byName    map[string]*index
	aliases   map[string]*index
	indexes   []*index               // in the order of their creation
	keys      map[string]*indexedKey // those that are in an index
}

// indexedKey is a document or a hash that is in an index.
type indexedKey struct {
	key      string
	document *jsondoc.Document // nil for a hash
	hash     *datatypes.Hash   // nil for a document
	places   []place
	// firstPlace is the memory of places for the usual case of one index.
	firstPlace [1]place
}

func newIndexedKey(key string) *indexedKey {
	k := &indexedKey{key: key}
	k.places = k.firstPlace[:0]
	return k
}

// place is where a key is in one index.
type place struct {
	index *index
	slot  uint32
}

// New adds indexes to a store. An index holds at most maxHashes hashes.
func New(store *keyspace.Store, maxHashes int) *Module {
	m := &Module{store: store, maxHashes: maxHashes}
	m.clear()
	store.Observe(m)
	return m
}

// Commands returns the commands of RediSearch.
func (m *Module) Commands() []keyspace.Command {
	return []keyspace.Command{
		keyspace.Custom("FT.CREATE", -2, keyspace.FlagWrite, m.runCreate),
		keyspace.Custom("FT.ALTER", -2, keyspace.FlagWrite, m.runAlter),
		keyspace.Custom("FT.DROPINDEX", -2, keyspace.FlagWrite, m.runDropIndex),
		keyspace.Custom("FT._LIST", -1, 0, m.runList),
		keyspace.Custom("FT.INFO", 2, 0, m.runInfo),
		keyspace.Custom("FT.ALIASADD", -3, keyspace.FlagWrite, m.runAliasAdd),
		keyspace.Custom("FT.ALIASUPDATE", -3, keyspace.FlagWrite, m.runAliasUpdate),
		keyspace.Custom("FT.ALIASDEL", -2, keyspace.FlagWrite, m.runAliasDel),
		keyspace.Custom("FT.TAGVALS", -3, 0, m.runTagVals),
		keyspace.Custom("FT.SEARCH", -3, 0, m.runSearch),
		keyspace.Custom("FT.AGGREGATE", -3, 0, m.runAggregate),
	}
}

// Bytes estimates the memory of all indexes. The store must be locked.
func (m *Module) Bytes() int64 {
	const wordBytes, slotBytes, recordBytes, numberBytes = 120, 8, 4, 8
	var n int64
	for _, ix := range m.indexes {
		n += int64(cap(ix.slots)) * slotBytes
		for i := range ix.columns {
			c := &ix.columns[i]
			n += int64(len(c.vocabulary.lists))*wordBytes + c.vocabulary.records*recordBytes + int64(cap(c.numbers))*numberBytes
		}
	}
	return n
}

func (m *Module) clear() {
	m.byName, m.aliases, m.indexes = map[string]*index{}, map[string]*index{}, nil
	m.keys = map[string]*indexedKey{}
}

// find returns an index by its name or an alias, nil if there is none.
func (m *Module) find(name []byte) *index {
	if ix := m.byName[string(name)]; ix != nil {
		return ix
	}
	return m.aliases[string(name)]
}

func (m *Module) addIndex(ix *index) {
	m.byName[ix.name] = ix
	m.indexes = append(m.indexes, ix)
}

// dropIndex removes an index and its aliases. It returns the keys that were in
// the index.
func (m *Module) dropIndex(ix *index) []*indexedKey {
	var dropped []*indexedKey
	for _, k := range ix.slots {
		if k != nil {
			k.places = slices.DeleteFunc(k.places, func(p place) bool { return p.index == ix })
			m.forgetUnindexed(k)
			dropped = append(dropped, k)
		}
	}
	delete(m.byName, ix.name)
	for name, target := range m.aliases {
		if target == ix {
			delete(m.aliases, name)
		}
	}
	m.indexes = slices.DeleteFunc(m.indexes, func(other *index) bool { return other == ix })
	return dropped
}

func (m *Module) forgetUnindexed(k *indexedKey) {
	if len(k.places) == 0 {
		delete(m.keys, k.key)
	}
}

// KeyEvent keeps the indexes up to date.
func (m *Module) KeyEvent(event keyspace.Event, d *keyspace.Database, key string, v keyspace.Value) {
	if len(m.indexes) == 0 || !d.IsFirst() {
		return
	}
	switch event {
	case keyspace.Written:
		m.update(key, v)
	case keyspace.Removed:
		m.remove(key)
	case keyspace.Emptied:
		m.countMissing(key, v)
	case keyspace.DeadlineSet:
		// RediSearch indexes documents again and hashes twice, and counts a
		// failure each time.
		m.update(key, v)
		if datatypes.HashOf(v) != nil {
			m.update(key, v)
		}
	}
}

// KeyRenamed moves a key in the indexes. As in RediSearch, an index that knows
// the old key does not read the value again.
func (m *Module) KeyRenamed(d *keyspace.Database, from, to string, v keyspace.Value) {
	if len(m.indexes) == 0 || !d.IsFirst() {
		return
	}
	m.remove(to)
	k := m.keys[from]
	delete(m.keys, from)
	if k == nil {
		k = newIndexedKey(to)
	}
	k.key = to
	if !k.setValue(v) {
		return
	}
	m.keys[to] = k
	for _, ix := range m.indexes {
		switch {
		case !ix.accepts(k):
			ix.remove(k)
		case !ix.hasPrefixOf(from):
			m.put(ix, k)
		}
	}
	m.forgetUnindexed(k)
}

// DatabaseFlushed drops all indexes. RediSearch does so for every database.
func (m *Module) DatabaseFlushed(*keyspace.Database) { m.clear() }

// DatabaseReplaced fills the indexes from another database 0.
func (m *Module) DatabaseReplaced(d *keyspace.Database) {
	for _, k := range m.keys {
		k.leaveIndexes()
	}
	m.keys = map[string]*indexedKey{}
	for _, ix := range m.indexes {
		m.scan(d, ix)
	}
}

// scan adds the existing keys to an index that was created or got more fields.
func (m *Module) scan(d *keyspace.Database, ix *index) {
	var found []*indexedKey
	for key, v := range d.All() {
		k := m.keys[key]
		if k == nil {
			k = newIndexedKey(key)
		}
		if k.setValue(v) && ix.accepts(k) {
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b *indexedKey) int { return cmp.Compare(a.key, b.key) })
	for _, k := range found {
		m.keys[k.key] = k
		m.put(ix, k)
		m.forgetUnindexed(k)
	}
}

// update makes all indexes agree with the value of a key.
func (m *Module) update(key string, v keyspace.Value) {
	k, isKnown := m.keys[key]
	if !isKnown {
		k = newIndexedKey(key)
	}
	if !k.setValue(v) {
		m.remove(key)
		return
	}
	for _, ix := range m.indexes {
		if ix.accepts(k) {
			m.put(ix, k)
		} else {
			ix.remove(k)
		}
	}
	switch isIndexed := len(k.places) > 0; {
	case isIndexed && !isKnown:
		m.keys[key] = k
	case !isIndexed && isKnown:
		delete(m.keys, key)
	}
}

func (m *Module) remove(key string) {
	if k := m.keys[key]; k != nil {
		k.leaveIndexes()
		delete(m.keys, key)
	}
}

// put adds a key to an index or replaces it there. It counts a failure for a
// hash that would exceed the limit.
func (m *Module) put(ix *index, k *indexedKey) {
	if k.hash != nil && len(k.places) == 0 && ix.keyCount >= m.maxHashes {
		ix.failures.add(failureTooMany, k.key)
		return
	}
	ix.put(k)
}

// countMissing counts a failure for a key that lost its last element. RediSearch
// looks for the key then and does not find it.
func (m *Module) countMissing(key string, v keyspace.Value) {
	k := indexedKey{key: key}
	if !k.setValue(v) {
		return
	}
	text := failureMissing
	if k.hash != nil {
		text = failureMissingHash
	}
	for _, ix := range m.indexes {
		if ix.accepts(&k) {
			ix.failures.add(text+key, key)
		}
	}
}

// setValue reports whether the value has a type that can be indexed.
func (k *indexedKey) setValue(v keyspace.Value) bool {
	k.document, _ = v.(*jsondoc.Document)
	k.hash = datatypes.HashOf(v)
	return k.document != nil || k.hash != nil
}

func (k *indexedKey) leaveIndexes() {
	for len(k.places) > 0 {
		k.places[0].index.remove(k)
	}
}
