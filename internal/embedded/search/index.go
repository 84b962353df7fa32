package search

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
)

// index finds the keys of database 0 that have one of its prefixes. Each key
// gets a slot in the order of arrival. A removed key leaves its slot empty, and
// stays in the term lists until compact removes it.
type index struct {
	name            string
	definition      definition
	fields          []field
	columns         []column // in the order of fields
	pathTree        pathNode // of the fields
	slots           []*indexedKey
	keyCount        int
	addedKeys       int64 // number of keys that were ever added
	failures        indexFailures
	definitionBytes int // size of its definition in bytes
	useCount        atomic.Int64
	// dialects has one bit for each dialect that was used.
	dialects atomic.Uint32
	gathered gathered
}

// definition is what FT.CREATE defines besides the fields.
type definition struct {
	isJSON       bool
	prefixes     []string
	options      []string // as FT.INFO returns them: NOFREQS, …
	stopWords    stopWords
	stopWordList []string
	score        float64
}

type fieldKind uint8

const (
	fieldText fieldKind = iota
	fieldTag
	fieldNumeric
)

func (k fieldKind) String() string { return [...]string{"TEXT", "TAG", "NUMERIC"}[k] }

// field is one entry of the schema.
type field struct {
	path, name    string
	jsonPath      jsondoc.Path
	kind          fieldKind
	weight        float64
	separator     byte // 0 if tags are not split
	caseSensitive bool // CASESENSITIVE
	noStem        bool
	sortable      bool
	unnormalized  bool
	noIndex       bool
	suffixTrie    bool // WITHSUFFIXTRIE, which has no effect
	failures      indexFailures
}

// column holds the values of all keys in one field.
type column struct {
	vocabulary     vocabulary
	numbers        []float64            // by slot; NaN if there is none
	furtherNumbers map[uint32][]float64 // further values of a slot
}

// indexFailures counts keys that could not be indexed.
type indexFailures struct {
	count             int64
	lastText, lastKey string
}

func (f *indexFailures) add(text, key string) {
	const enough = 1024 // the texts outlive the key
	f.count, f.lastText, f.lastKey = f.count+1, truncate(text, enough), truncate(key, enough)
}

// truncate copies at most n bytes of a text, so that it does not keep a large one.
func truncate(s string, n int) string {
	if len(s) > n {
		return strings.Clone(s[:n])
	}
	return s
}

func newIndex(name string, def definition, fields []field) *index {
	ix := &index{name: name, definition: def}
	ix.addFields(fields)
	return ix
}

func (ix *index) addFields(fields []field) {
	for _, f := range fields {
		ix.fields = append(ix.fields, f)
		ix.columns = append(ix.columns, newColumn(len(ix.slots)))
		if ix.definition.isJSON {
			ix.pathTree.add(&f.jsonPath, len(ix.fields)-1)
		}
	}
}

func newColumn(slots int) column {
	c := column{vocabulary: newVocabulary(), numbers: make([]float64, slots)}
	for i := range c.numbers {
		c.numbers[i] = math.NaN()
	}
	return c
}

// fieldAt returns the position of a field, or -1.
func (ix *index) fieldAt(name string) int {
	return slices.IndexFunc(ix.fields, func(f field) bool { return f.name == name })
}

// hasPrefixOf reports whether a key has one of the prefixes.
func (ix *index) hasPrefixOf(key string) bool {
	return slices.ContainsFunc(ix.definition.prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// accepts reports whether a key belongs in the index.
func (ix *index) accepts(k *indexedKey) bool {
	return ix.definition.isJSON == (k.document != nil) && ix.hasPrefixOf(k.key)
}

// put adds a key or replaces it. A key with a value of the wrong type is not
// added, but counted as a failure.
func (ix *index) put(doc *indexedKey) {
	ix.remove(doc)
	g := ix.gather(doc)
	if at, text := ix.check(g); text != "" {
		ix.failures.add(text, doc.key)
		ix.fields[at].failures.add(text, doc.key)
		return
	}
	slot := uint32(len(ix.slots))
	ix.slots = append(ix.slots, doc)
	ix.keyCount++
	ix.addedKeys++
	doc.places = append(doc.places, place{ix, slot})
	for i := range ix.fields {
		ix.storeField(i, slot, g)
	}
}

// remove removes a key. Its slot stays in the term lists until enough keys were
// removed.
func (ix *index) remove(doc *indexedKey) {
	for i, ref := range doc.places {
		if ref.index == ix {
			ix.slots[ref.slot] = nil
			ix.keyCount--
			doc.places = slices.Delete(doc.places, i, i+1)
			ix.compact()
			return
		}
	}
}

// storeField adds the values of one field to its column.
func (ix *index) storeField(at int, slot uint32, g *gathered) {
	f, col := &ix.fields[at], &ix.columns[at]
	col.numbers = append(col.numbers, math.NaN())
	if f.noIndex && f.kind != fieldNumeric { // SORTBY needs the numbers
		return
	}
	switch f.kind {
	case fieldNumeric:
		for _, val := range g.values[at] {
			g.eachNumber(val, func(v float64) { col.setNumber(slot, v) })
		}
	case fieldTag:
		for _, val := range g.values[at] {
			g.eachText(val, func(text []byte) { ix.storeTags(at, slot, text, g) })
		}
	case fieldText:
		for _, val := range g.values[at] {
			g.eachText(val, func(text []byte) { ix.storeWords(at, slot, text, g) })
		}
	}
}

func (ix *index) storeTags(at int, slot uint32, text []byte, g *gathered) {
	f, terms := &ix.fields[at], &ix.columns[at].vocabulary
	s := tagScanner{text: text, separator: f.separator, caseSensitive: f.caseSensitive, buffer: g.lower}
	for tag, ok := s.next(); ok; tag, ok = s.next() {
		terms.add(tag, slot)
	}
	g.lower = s.buffer
}

func (ix *index) storeWords(at int, slot uint32, text []byte, g *gathered) {
	terms := &ix.columns[at].vocabulary
	s := wordScanner{text: text, buffer: g.lower}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if !ix.definition.stopWords.contains(word) {
			terms.add(word, slot)
		}
	}
	g.lower = s.buffer
}

func (c *column) setNumber(slot uint32, v float64) {
	if math.IsNaN(c.numbers[slot]) {
		c.numbers[slot] = v
		return
	}
	if c.furtherNumbers == nil {
		c.furtherNumbers = map[uint32][]float64{}
	}
	c.furtherNumbers[slot] = append(c.furtherNumbers[slot], v)
}

// compact renumbers the slots when more of them are empty than used. So each
// removal pays for a share of the work.
func (ix *index) compact() {
	const few = 1024
	if dead := len(ix.slots) - ix.keyCount; dead <= ix.keyCount+few {
		return
	}
	moved := make([]uint32, len(ix.slots))
	left := ix.slots[:0]
	for slot, doc := range ix.slots {
		moved[slot] = removedSlot
		if doc == nil {
			continue
		}
		moved[slot] = uint32(len(left))
		for i := range doc.places {
			if doc.places[i].index == ix {
				doc.places[i].slot = moved[slot]
			}
		}
		left = append(left, doc)
	}
	ix.slots = slices.Clone(left)
	for i := range ix.columns {
		ix.columns[i].renumber(moved, len(left))
	}
}

// removedSlot is the new number of an empty slot.
const removedSlot = math.MaxUint32

// renumber applies the new numbers of the slots.
func (c *column) renumber(moved []uint32, left int) {
	numbers := make([]float64, left)
	more := map[uint32][]float64{}
	for old, slot := range moved {
		if slot == removedSlot {
			continue
		}
		numbers[slot] = c.numbers[old]
		if list := c.furtherNumbers[uint32(old)]; list != nil {
			more[slot] = list
		}
	}
	c.numbers, c.furtherNumbers = numbers, more
	c.vocabulary.renumber(moved)
}
