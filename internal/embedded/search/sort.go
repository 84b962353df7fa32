package search

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// hit is a indexedKey among the results, with what it is sorted by.
type hit struct {
	slot uint32
	keys []value
}

// sorter orders hits as RediSearch does: those without a value last whichever
// the direction, equal ones by age.
type sorter struct{ desc []bool }

func (s *sorter) compare(a, b hit) int {
	desc := false
	for i := range a.keys {
		desc = s.desc[i]
		x, y := &a.keys[i], &b.keys[i]
		switch {
		case x.kind == valueNone && y.kind == valueNone:
			continue
		case x.kind == valueNone:
			return 1
		case y.kind == valueNone:
			return -1
		}
		if c := x.compare(*y); c != 0 {
			return turned(c, desc)
		}
	}
	return turned(cmp.Compare(a.slot, b.slot), desc)
}

func turned(c int, desc bool) int {
	if desc {
		return -c
	}
	return c
}

// best keeps the first n hits that come, sorted, without sorting all of them.
type best struct {
	n    int
	by   func(a, b hit) int
	hits []hit
}

func (b *best) add(h hit) {
	const slack = 1024
	if b.hits = append(b.hits, h); len(b.hits) >= 2*b.n+slack {
		b.cut()
	}
}

func (b *best) cut() []hit {
	slices.SortFunc(b.hits, b.by)
	b.hits = b.hits[:min(len(b.hits), b.n)]
	return b.hits
}

// choose returns the page of the found documents that a request is for.
func (e *evaluator) choose(found bitset, sort []sortKey, p page) ([]hit, resp.Error) {
	if p.num == 0 {
		return nil, ""
	}
	if len(sort) == 0 {
		var hits []hit
		skip := p.offset
		for slot := range found.slots() {
			if skip--; skip >= 0 {
				continue
			}
			if len(hits) == p.num {
				break
			}
			hits = append(hits, hit{slot: slot})
		}
		return hits, ""
	}
	prop, known := e.ix.property(sort[0].name)
	if !known {
		return nil, resp.Error("Property `" + sort[0].name + "` not loaded nor in schema")
	}
	s := sorter{desc: []bool{sort[0].desc}}
	b := best{n: p.offset + p.num, by: s.compare}
	for slot := range found.slots() {
		b.add(hit{slot: slot, keys: []value{e.sortValue(slot, &prop)}})
	}
	hits := b.cut()
	return hits[min(p.offset, len(hits)):], ""
}

// sortValue reads what a indexedKey is sorted by; null is as good as nothing.
func (e *evaluator) sortValue(slot uint32, p *property) value {
	v := e.kept(slot, p)
	if v.kind == valueNull {
		return value{}
	}
	return v
}
