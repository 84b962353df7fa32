package embedded

import (
	"iter"
	"math/bits"
)

// vocabulary is the words or tags of one field, each with the slots of the
// documents that have it, ascending. Slots of documents that are gone stay in
// until move.
type vocabulary struct {
	at      map[string]int32
	lists   []termList
	records int64 // places in all postings
}

// termList keeps its first slot apart: most words of a log, numbers and
// identifiers, occur once and then need no list.
type termList struct {
	word  string
	first uint32
	rest  []uint32
}

func newVocabulary() vocabulary { return vocabulary{at: map[string]int32{}} }

// add notes that a slot has a word; slots must come in ascending order.
func (v *vocabulary) add(word []byte, slot uint32) {
	at, ok := v.at[string(word)]
	if !ok {
		p := termList{word: string(word), first: slot}
		v.at[p.word] = int32(len(v.lists))
		v.lists = append(v.lists, p)
		v.records++
		return
	}
	if p := &v.lists[at]; p.last() != slot {
		p.rest = append(p.rest, slot)
		v.records++
	}
}

func (p *termList) last() uint32 {
	if len(p.rest) == 0 {
		return p.first
	}
	return p.rest[len(p.rest)-1]
}

// find returns a word's termList, or nil.
func (v *vocabulary) find(word string) *termList {
	if at, ok := v.at[word]; ok {
		return &v.lists[at]
	}
	return nil
}

// mark sets the bits of a termList's slots.
func (p *termList) mark(set bitset) {
	set.add(p.first)
	for _, slot := range p.rest {
		set.add(slot)
	}
}

// move gives slots their new numbers and forgets words that nobody has.
func (v *vocabulary) move(moved []uint32) {
	old := v.lists
	*v = newVocabulary()
	for i := range old {
		p := &old[i]
		left := p.rest[:0]
		for _, slot := range p.rest {
			if moved[slot] != gone {
				left = append(left, moved[slot])
			}
		}
		first := moved[p.first]
		if first == gone {
			if len(left) == 0 {
				continue
			}
			first, left = left[0], left[1:]
		}
		v.at[p.word] = int32(len(v.lists))
		v.lists = append(v.lists, termList{p.word, first, append([]uint32(nil), left...)})
		v.records += int64(1 + len(left))
	}
}

// bitset holds a bit for each slot of an index.
type bitset []uint64

func newBitset(slots int) bitset { return make(bitset, (slots+63)/64) }

func (b bitset) add(slot uint32) { b[slot>>6] |= 1 << (slot & 63) }

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// slots goes over the set bits, ascending.
func (b bitset) slots() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i<<6 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

func (b bitset) or(other bitset) {
	for i := range b {
		b[i] |= other[i]
	}
}

func (b bitset) and(other bitset) {
	for i := range b {
		b[i] &= other[i]
	}
}

func (b bitset) andNot(other bitset) {
	for i := range b {
		b[i] &^= other[i]
	}
}
