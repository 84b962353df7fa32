package search

import (
	"bytes"
	"math"
	"strings"
)

// minAffixBytes is the length from which a word with a star finds anything.
const minAffixBytes = 2

// evaluator finds the slots that a query matches.
type evaluator struct {
	index    *index
	existing bitset
}

func (ix *index) newEvaluator() *evaluator {
	e := &evaluator{index: ix, existing: newBitset(len(ix.slots))}
	for slot, doc := range ix.slots {
		if doc != nil {
			e.existing.add(uint32(slot))
		}
	}
	return e
}

// findSlots returns the slots that a query matches.
func (e *evaluator) findSlots(n *node) bitset {
	found := newBitset(len(e.index.slots))
	if n != nil {
		e.mark(n, found)
		found.and(e.existing)
	}
	return found
}

// mark adds the slots that a node matches to a set, and possibly slots of
// removed keys.
func (e *evaluator) mark(n *node, set bitset) {
	switch n.kind {
	case nodeAll:
		set.or(e.existing)
	case nodeWord:
		e.markWord(n, set)
	case nodePhrase:
		e.markPhrase(n, set)
	case nodeTag:
		if n.field >= 0 {
			for _, w := range n.words {
				e.index.columns[n.field].vocabulary.markMatches(w, set)
			}
		}
	case nodeNumber:
		e.markNumbers(n, set)
	case nodeOr:
		for _, kid := range n.children {
			e.mark(kid, set)
		}
	case nodeAnd:
		e.markAnd(n, set)
	case nodeNot:
		none := newBitset(len(e.index.slots))
		e.mark(n.children[0], none)
		all := bitset(append([]uint64(nil), e.existing...))
		all.andNot(none)
		set.or(all)
	case nodeOptional:
		set.or(e.existing)
	}
}

func (e *evaluator) markAnd(n *node, set bitset) {
	var both bitset
	for _, kid := range n.children {
		one := newBitset(len(e.index.slots))
		e.mark(kid, one)
		if both == nil {
			both = one
		} else {
			both.and(one)
		}
	}
	set.or(both)
}

// eachTextField visits the text fields that a node applies to.
func (e *evaluator) eachTextField(n *node, visit func(at int)) {
	for at := range e.index.fields {
		if e.index.fields[at].kind == fieldText && (n.fields == nil || n.fields[at]) {
			visit(at)
		}
	}
}

func (e *evaluator) markWord(n *node, set bitset) {
	e.eachTextField(n, func(at int) { e.index.columns[at].vocabulary.markMatches(n.words[0], set) })
}

// markMatches adds the slots of a word, or of all words that match a star.
func (v *vocabulary) markMatches(w wordMatch, set bitset) {
	if !w.starBefore && !w.starAfter {
		if p := v.find(w.text); p != nil {
			p.addTo(set)
		}
		return
	}
	if len(w.text) < minAffixBytes {
		return
	}
	for i := range v.lists {
		if w.matches(v.lists[i].word) {
			v.lists[i].addTo(set)
		}
	}
}

func (w *wordMatch) matches(word string) bool {
	switch {
	case w.starBefore && w.starAfter:
		return strings.Contains(word, w.text)
	case w.starBefore:
		return strings.HasSuffix(word, w.text)
	case w.starAfter:
		return strings.HasPrefix(word, w.text)
	}
	return word == w.text
}

func (e *evaluator) markNumbers(n *node, set bitset) {
	if n.field < 0 || e.index.fields[n.field].noIndex {
		return
	}
	col := &e.index.columns[n.field]
	for slot, v := range col.numbers {
		if n.contains(v) {
			set.add(uint32(slot))
		}
	}
	for slot, list := range col.furtherNumbers {
		for _, v := range list {
			if n.contains(v) {
				set.add(slot)
			}
		}
	}
}

// contains reports whether a number is in the range. NaN is in none.
func (n *node) contains(v float64) bool {
	return (v > n.min.value || v == n.min.value && !n.min.excluded) && (v < n.max.value || v == n.max.value && !n.max.excluded) && !math.IsNaN(v)
}

// markPhrase finds the keys with all words and reads their texts again to check
// the order, because the index has no positions of words.
func (e *evaluator) markPhrase(n *node, set bitset) {
	e.eachTextField(n, func(at int) {
		var all bitset
		for _, w := range n.words {
			one := newBitset(len(e.index.slots))
			e.index.columns[at].vocabulary.markMatches(w, one)
			if all == nil {
				all = one
			} else {
				all.and(one)
			}
		}
		all.and(e.existing)
		for slot := range all.slots() {
			if len(n.words) == 1 || e.hasPhrase(e.index.slots[slot], at, n.words) {
				set.add(slot)
			}
		}
	})
}

func (e *evaluator) hasPhrase(doc *indexedKey, at int, words []wordMatch) bool {
	var g gathered
	g.reset(1, e.index.definition.isJSON)
	f := &e.index.fields[at]
	if !g.isJSON {
		g.values[0] = append(g.values[0], doc.hashField(f.path))
	} else {
		for _, span := range f.jsonPath.Find(doc.document.Text()) {
			g.values[0] = append(g.values[0], doc.document.Text()[span.From:span.To])
		}
	}
	found := false
	for _, val := range g.values[0] {
		g.eachText(val, func(text []byte) { found = found || e.index.containsPhrase(text, words) })
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

// hashNames returns the names of all fields in the hashes of the rows, those of
// the schema first.
func (e *evaluator) hashNames(rows []tableRow) []string {
	var list []string
	seen := map[string]bool{}
	for i := range e.index.fields {
		name := e.index.fields[i].path
		list, seen[name] = append(list, name), true
	}
	for i := range rows {
		for _, name := range e.index.slots[rows[i].slot].hash.FieldNames() {
			if !seen[name] {
				list, seen[name] = append(list, name), true
			}
		}
	}
	return list
}

// containsPhrase reports whether a text contains the words in this order. It
// ignores stop words.
func (ix *index) containsPhrase(text []byte, words []wordMatch) bool {
	var seen [][]byte
	s := wordScanner{text: text}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if !ix.definition.stopWords.contains(word) {
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
