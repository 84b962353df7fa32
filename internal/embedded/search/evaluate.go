package search

import (
	"bytes"
	"math"
	"strings"
)

// minAffix is how long a word before or behind a star must be to find anything.
const minAffix = 2

// evaluator finds the slots that a query matches.
type evaluator struct {
	ix   *index
	live bitset
}

func (ix *index) newEvaluator() *evaluator {
	e := &evaluator{ix: ix, live: newBitset(len(ix.slots))}
	for slot, doc := range ix.slots {
		if doc != nil {
			e.live.add(uint32(slot))
		}
	}
	return e
}

// find returns the documents that a query matches, as a set of slots.
func (e *evaluator) find(n *node) bitset {
	found := newBitset(len(e.ix.slots))
	if n != nil {
		e.mark(n, found)
		found.and(e.live)
	}
	return found
}

// mark adds to a set what a node matches; documents that are gone may be in it.
func (e *evaluator) mark(n *node, set bitset) {
	switch n.kind {
	case nodeAll:
		set.or(e.live)
	case nodeWord:
		e.markWord(n, set)
	case nodePhrase:
		e.markPhrase(n, set)
	case nodeTag:
		if n.field >= 0 {
			for _, w := range n.words {
				e.ix.columns[n.field].terms.mark(w, set)
			}
		}
	case nodeNumber:
		e.markNumbers(n, set)
	case nodeOr:
		for _, kid := range n.kids {
			e.mark(kid, set)
		}
	case nodeAnd:
		e.markAnd(n, set)
	case nodeNot:
		none := newBitset(len(e.ix.slots))
		e.mark(n.kids[0], none)
		all := bitset(append([]uint64(nil), e.live...))
		all.andNot(none)
		set.or(all)
	case nodeOptional:
		set.or(e.live)
	}
}

func (e *evaluator) markAnd(n *node, set bitset) {
	var both bitset
	for _, kid := range n.kids {
		one := newBitset(len(e.ix.slots))
		e.mark(kid, one)
		if both == nil {
			both = one
		} else {
			both.and(one)
		}
	}
	set.or(both)
}

// textFields goes over the text fields that a node means.
func (e *evaluator) textFields(n *node, visit func(at int)) {
	for at := range e.ix.fields {
		if e.ix.fields[at].kind == fieldText && (n.fields == nil || n.fields[at]) {
			visit(at)
		}
	}
}

func (e *evaluator) markWord(n *node, set bitset) {
	e.textFields(n, func(at int) { e.ix.columns[at].terms.mark(n.words[0], set) })
}

// mark adds the slots of a word, or of all that a star stands for.
func (v *vocabulary) mark(w wordMatch, set bitset) {
	if !w.before && !w.after {
		if p := v.find(w.text); p != nil {
			p.mark(set)
		}
		return
	}
	if len(w.text) < minAffix {
		return
	}
	for i := range v.lists {
		if w.matches(v.lists[i].word) {
			v.lists[i].mark(set)
		}
	}
}

func (w *wordMatch) matches(word string) bool {
	switch {
	case w.before && w.after:
		return strings.Contains(word, w.text)
	case w.before:
		return strings.HasSuffix(word, w.text)
	case w.after:
		return strings.HasPrefix(word, w.text)
	}
	return word == w.text
}

func (e *evaluator) markNumbers(n *node, set bitset) {
	if n.field < 0 || e.ix.fields[n.field].noIndex {
		return
	}
	col := &e.ix.columns[n.field]
	for slot, v := range col.numbers {
		if n.takes(v) {
			set.add(uint32(slot))
		}
	}
	for slot, list := range col.more {
		for _, v := range list {
			if n.takes(v) {
				set.add(slot)
			}
		}
	}
}

// takes tells whether a number is in range; NaN is in none.
func (n *node) takes(v float64) bool {
	return (v > n.min.at || v == n.min.at && !n.min.open) && (v < n.max.at || v == n.max.at && !n.max.open) && !math.IsNaN(v)
}

// markPhrase finds documents with all the words, and reads their texts again
// for the order: places of words are not kept.
func (e *evaluator) markPhrase(n *node, set bitset) {
	e.textFields(n, func(at int) {
		var all bitset
		for _, w := range n.words {
			one := newBitset(len(e.ix.slots))
			e.ix.columns[at].terms.mark(w, one)
			if all == nil {
				all = one
			} else {
				all.and(one)
			}
		}
		all.and(e.live)
		for slot := range all.slots() {
			if len(n.words) == 1 || e.hasPhrase(e.ix.slots[slot], at, n.words) {
				set.add(slot)
			}
		}
	})
}

func (e *evaluator) hasPhrase(doc *indexedKey, at int, words []wordMatch) bool {
	var g gathered
	g.reset(1, e.ix.def.json)
	f := &e.ix.fields[at]
	if !g.json {
		g.values[0] = append(g.values[0], doc.hashField(f.path))
	} else {
		for _, span := range f.json.Find(doc.document.Text()) {
			g.values[0] = append(g.values[0], doc.document.Text()[span.From:span.To])
		}
	}
	found := false
	for _, val := range g.values[0] {
		g.eachText(val, func(text []byte) { found = found || e.ix.containsPhrase(text, words) })
	}
	return found
}

// hashHas reports whether a hash has a field.
func (k *indexedKey) hashHas(name string) bool {
	_, ok := k.hash.Get([]byte(name))
	return ok
}

// hashField returns the value of a field, nil if there is none.
func (k *indexedKey) hashField(name string) []byte {
	value, _ := k.hash.Get([]byte(name))
	return value
}

// hashNames are the fields that any of the rows' hashes has: those of the
// schema first.
func (e *evaluator) hashNames(rows []tableRow) []string {
	var list []string
	seen := map[string]bool{}
	for i := range e.ix.fields {
		name := e.ix.fields[i].path
		list, seen[name] = append(list, name), true
	}
	for i := range rows {
		for _, name := range e.ix.slots[rows[i].slot].hash.FieldNames() {
			if !seen[name] {
				list, seen[name] = append(list, name), true
			}
		}
	}
	return list
}

// containsPhrase compares each run of words, stop words left out.
func (ix *index) containsPhrase(text []byte, words []wordMatch) bool {
	var seen [][]byte
	s := wordScanner{text: text}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if !ix.def.stop.contains(word) {
			seen = append(seen, bytes.Clone(word))
		}
	}
	for from := 0; from+len(words) <= len(seen); from++ {
		hit := true
		for i := range words {
			hit = hit && string(seen[from+i]) == words[i].text
		}
		if hit {
			return true
		}
	}
	return false
}
