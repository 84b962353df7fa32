package search

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
)

// index finds the documents of database 0 whose keys have one of its
// prefixes. Documents get slots in the order in which they come; one that goes
// leaves its slot empty, and its places in the postings until tidy.
type index struct {
	name     string
	def      definition
	fields   []field
	columns  []column // of the field at the same place
	paths    pathNode // of the fields whose paths are names only
	slots    []*indexedKey
	live     int
	maxDoc   int64 // how many documents were ever taken in
	failures indexFailures
	defined  int // bytes of its definition
	uses     atomic.Int64
	// dialects has a bit for each that was asked for
	dialects atomic.Uint32
	scratch  gathered
}

// definition is what FT.CREATE says besides the fields.
type definition struct {
	json     bool
	prefixes []string
	options  []string // as FT.INFO tells them back: NOFREQS, …
	stop     stopWords
	stopList []string
	score    float64
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
	path, name string
	json       jsondoc.Path
	kind       fieldKind
	weight     float64
	separator  byte // 0: a tag is not split
	exact      bool // CASESENSITIVE
	noStem     bool
	sortable   bool
	unf        bool
	noIndex    bool
	suffix     bool // WITHSUFFIXTRIE: told back, and not needed
	failures   indexFailures
}

// column is what the documents have in one field.
type column struct {
	terms   vocabulary
	numbers []float64            // by slot; NaN: none
	more    map[uint32][]float64 // the values of a slot that has several
}

// indexFailures counts documents that could not be indexed.
type indexFailures struct {
	count     int64
	last, key string
}

func (f *indexFailures) add(text, key string) {
	const enough = 1024 // both are kept when the indexedKey is gone
	f.count, f.last, f.key = f.count+1, clip(text, enough), clip(key, enough)
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.Clone(s[:n])
	}
	return s
}

func newIndex(name string, def definition, fields []field) *index {
	ix := &index{name: name, def: def}
	ix.addFields(fields)
	return ix
}

func (ix *index) addFields(fields []field) {
	for _, f := range fields {
		ix.fields = append(ix.fields, f)
		ix.columns = append(ix.columns, newColumn(len(ix.slots)))
		if ix.def.json {
			ix.paths.add(&f.json, len(ix.fields)-1)
		}
	}
}

func newColumn(slots int) column {
	c := column{terms: newVocabulary(), numbers: make([]float64, slots)}
	for i := range c.numbers {
		c.numbers[i] = math.NaN()
	}
	return c
}

func (ix *index) field(name string) int {
	return slices.IndexFunc(ix.fields, func(f field) bool { return f.name == name })
}

// wants tells whether a key belongs to the index.
func (ix *index) hasPrefixOf(key string) bool {
	return slices.ContainsFunc(ix.def.prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// accepts reports whether a key belongs in the index.
func (ix *index) accepts(k *indexedKey) bool {
	return ix.def.json == (k.document != nil) && ix.hasPrefixOf(k.key)
}

// put takes a indexedKey in, anew when it is there. One with a value that does
// not fit its field stays out and is counted.
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
	ix.live++
	ix.maxDoc++
	doc.places = append(doc.places, place{ix, slot})
	for i := range ix.fields {
		ix.store(i, slot, g)
	}
}

// remove takes a indexedKey out. Its postings go when enough have gathered.
func (ix *index) remove(doc *indexedKey) {
	for i, ref := range doc.places {
		if ref.index == ix {
			ix.slots[ref.slot] = nil
			ix.live--
			doc.places = slices.Delete(doc.places, i, i+1)
			ix.tidy()
			return
		}
	}
}

// store writes the values of one field to its column.
func (ix *index) store(at int, slot uint32, g *gathered) {
	f, col := &ix.fields[at], &ix.columns[at]
	col.numbers = append(col.numbers, math.NaN())
	if f.noIndex && f.kind != fieldNumeric { // numbers are kept for SORTBY
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
	f, terms := &ix.fields[at], &ix.columns[at].terms
	s := tagScanner{text: text, separator: f.separator, exact: f.exact, buf: g.lower}
	for tag, ok := s.next(); ok; tag, ok = s.next() {
		terms.add(tag, slot)
	}
	g.lower = s.buf
}

func (ix *index) storeWords(at int, slot uint32, text []byte, g *gathered) {
	terms := &ix.columns[at].terms
	s := wordScanner{text: text, buf: g.lower}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if !ix.def.stop.contains(word) {
			terms.add(word, slot)
		}
	}
	g.lower = s.buf
}

func (c *column) setNumber(slot uint32, v float64) {
	if math.IsNaN(c.numbers[slot]) {
		c.numbers[slot] = v
		return
	}
	if c.more == nil {
		c.more = map[uint32][]float64{}
	}
	c.more[slot] = append(c.more[slot], v)
}

// tidy closes the gaps that removed documents left, once there are more of
// them than documents: each removal pays for its share.
func (ix *index) tidy() {
	const few = 1024
	if dead := len(ix.slots) - ix.live; dead <= ix.live+few {
		return
	}
	moved := make([]uint32, len(ix.slots))
	left := ix.slots[:0]
	for slot, doc := range ix.slots {
		moved[slot] = gone
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
		ix.columns[i].move(moved, len(left))
	}
}

// gone marks a slot that tidy drops.
const gone = math.MaxUint32

func (c *column) move(moved []uint32, left int) {
	numbers := make([]float64, left)
	more := map[uint32][]float64{}
	for old, slot := range moved {
		if slot == gone {
			continue
		}
		numbers[slot] = c.numbers[old]
		if list := c.more[uint32(old)]; list != nil {
			more[slot] = list
		}
	}
	c.numbers, c.more = numbers, more
	c.terms.move(moved)
}
