package search

import (
	"hash/maphash"
	"iter"
	"math/bits"
)

// vocabulary is the words or tags of one field, each with the slots of the
// documents that have it, ascending. Slots of documents that are gone stay in
// until move.
type vocabulary struct {
	table   []termPlace // open addressing, a power of two, at most half full
	seed    maphash.Seed
	lists   []termList
	records int64 // places in all postings
}

// termPlace is where a word's list is: one more than its place in lists, 0 is
// free. A part of the hash is at hand, so that most looks end here. A map would
// do, but this is where writing a indexedKey spends its time.
type termPlace struct{ hash, at uint32 }

// termList keeps its first slot apart: most words of a log, numbers and
// identifiers, occur once and then need no list.
type termList struct {
	word  string
	first uint32
	last  uint32 // the last of rest, or first: seen without going there
	rest  []uint32
}

func newVocabulary() vocabulary {
	return vocabulary{seed: maphash.MakeSeed(), table: make([]termPlace, 8)}
}

// look returns the place in the table where a word is, or should go.
func (v *vocabulary) look(word []byte) (place *termPlace, hash uint32) {
	h := maphash.Bytes(v.seed, word)
	hash, mask := uint32(h>>32), len(v.table)-1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		p := &v.table[i]
		if p.at == 0 || p.hash == hash && v.lists[p.at-1].word == string(word) {
			return p, hash
		}
	}
}

// add notes that a slot has a word; slots must come in ascending order.
func (v *vocabulary) add(word []byte, slot uint32) {
	place, hash := v.look(word)
	if place.at == 0 {
		v.lists = append(v.lists, termList{word: string(word), first: slot, last: slot})
		*place = termPlace{hash, uint32(len(v.lists))}
		v.records++
		if 2*len(v.lists) > len(v.table) {
			v.rebuild(4 * len(v.lists))
		}
		return
	}
	if p := &v.lists[place.at-1]; p.last != slot {
		p.rest, p.last = append(p.rest, slot), slot
		v.records++
	}
}

// find returns a word's posting, or nil.
func (v *vocabulary) find(word string) *termList {
	if place, _ := v.look([]byte(word)); place.at != 0 {
		return &v.lists[place.at-1]
	}
	return nil
}

// rebuild makes a table with at least so many places.
func (v *vocabulary) rebuild(places int) {
	size := 8
	for size < places {
		size *= 2
	}
	v.table = make([]termPlace, size)
	for i := range v.lists {
		place, hash := v.look([]byte(v.lists[i].word))
		*place = termPlace{hash, uint32(i + 1)}
	}
}

// mark sets the bits of a posting's slots.
func (p *termList) mark(set bitset) {
	set.add(p.first)
	for _, slot := range p.rest {
		set.add(slot)
	}
}

// move gives slots their new numbers and forgets words that nobody has.
func (v *vocabulary) move(moved []uint32) {
	old, left := v.lists, 0
	v.records = 0
	for i := range old {
		if p := &old[i]; p.move(moved) {
			v.records += int64(1 + len(p.rest))
			old[left] = *p
			left++
		}
	}
	if left == len(old) {
		return
	}
	clear(old[left:])
	if v.lists = old[:left]; left < cap(old)/4 {
		v.lists = append(make([]termList, 0, 2*left), old[:left]...)
	}
	v.rebuild(4 * left)
}

// move is false when no indexedKey has the word any more.
func (p *termList) move(moved []uint32) bool {
	rest := p.rest[:0]
	for _, slot := range p.rest {
		if moved[slot] != gone {
			rest = append(rest, moved[slot])
		}
	}
	p.first = moved[p.first]
	if p.first == gone {
		if len(rest) == 0 {
			return false
		}
		p.first, rest = rest[0], rest[1:]
	}
	if p.rest = rest; len(rest) < cap(rest)/4 {
		p.rest = append([]uint32(nil), rest...)
	}
	if p.last = p.first; len(rest) > 0 {
		p.last = rest[len(rest)-1]
	}
	return true
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
