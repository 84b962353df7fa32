package search

import (
	"hash/maphash"
)

// vocabulary holds the words or tags of one field, and the slots of the keys
// that have each, in ascending order. Slots of removed keys stay until move.
type vocabulary struct {
	table   []termPlace // hash table with open addressing; its length is a power of two, and it is at most half full
	seed    maphash.Seed
	lists   []termList
	records int64 // slots in all lists
}

// termPlace is a place in the hash table: one more than an index in lists, or 0
// if it is free. The stored part of the hash makes most comparisons of words
// unnecessary. A map would do, but writing a document spends its time here.
type termPlace struct{ hash, at uint32 }

// termList is the slots of one word. It has the first slot apart, because most
// words of a log occur once and need no slice then.
type termList struct {
	word  string
	first uint32
	last  uint32 // of rest, or first
	rest  []uint32
}

func newVocabulary() vocabulary {
	return vocabulary{seed: maphash.MakeSeed(), table: make([]termPlace, 8)}
}

// lookup returns the place in the table where a word is or belongs.
func (v *vocabulary) lookup(word []byte) (place *termPlace, hash uint32) {
	h := maphash.Bytes(v.seed, word)
	hash, mask := uint32(h>>32), len(v.table)-1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		p := &v.table[i]
		if p.at == 0 || p.hash == hash && v.lists[p.at-1].word == string(word) {
			return p, hash
		}
	}
}

// add adds a slot to a word. Slots must come in ascending order.
func (v *vocabulary) add(word []byte, slot uint32) {
	place, hash := v.lookup(word)
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

// find returns the list of a word, nil if there is none.
func (v *vocabulary) find(word string) *termList {
	if place, _ := v.lookup([]byte(word)); place.at != 0 {
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
		place, hash := v.lookup([]byte(v.lists[i].word))
		*place = termPlace{hash, uint32(i + 1)}
	}
}

// addTo adds the slots of the list to a set.
func (p *termList) addTo(set bitset) {
	set.add(p.first)
	for _, slot := range p.rest {
		set.add(slot)
	}
}

// renumber renumbers the slots and forgets words without slots.
func (v *vocabulary) renumber(moved []uint32) {
	old, left := v.lists, 0
	v.records = 0
	for i := range old {
		if p := &old[i]; p.renumber(moved) {
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

// renumber renumbers the slots. It returns false if none is left.
func (p *termList) renumber(moved []uint32) bool {
	rest := p.rest[:0]
	for _, slot := range p.rest {
		if moved[slot] != removedSlot {
			rest = append(rest, moved[slot])
		}
	}
	p.first = moved[p.first]
	if p.first == removedSlot {
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
