package search

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// hit is a key among the results, with the values to sort by.
type hit struct {
	slot uint32
	keys []value
}

// sorter orders hits as RediSearch does: those without a value last in both
// directions, and equal ones by age.
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
			return negateIf(c, desc)
		}
	}
	return negateIf(cmp.Compare(a.slot, b.slot), desc)
}

func negateIf(c int, desc bool) int {
	if desc {
		return -c
	}
	return c
}

// topHits keeps the first n of all hits in order without sorting all of them.
type topHits struct {
	limit   int
	compare func(a, b hit) int
	hits    []hit
}

func (b *topHits) add(h hit) {
	const slack = 1024
	if b.hits = append(b.hits, h); len(b.hits) >= 2*b.limit+slack {
		b.sorted()
	}
}

func (b *topHits) sorted() []hit {
	slices.SortFunc(b.hits, b.compare)
	b.hits = b.hits[:min(len(b.hits), b.limit)]
	return b.hits
}

// selectPage returns the requested page of the found keys.
func (e *evaluator) selectPage(found bitset, sort []sortKey, p page) ([]hit, resp.Error) {
	if p.count == 0 {
		return nil, ""
	}
	if len(sort) == 0 {
		var hits []hit
		skip := p.offset
		for slot := range found.slots() {
			if skip--; skip >= 0 {
				continue
			}
			if len(hits) == p.count {
				break
			}
			hits = append(hits, hit{slot: slot})
		}
		return hits, ""
	}
	prop, known := e.index.resolveProperty(sort[0].name)
	if !known {
		return nil, resp.Error("Property `" + sort[0].name + "` not loaded nor in schema")
	}
	s := sorter{desc: []bool{sort[0].desc}}
	b := topHits{limit: p.offset + p.count, compare: s.compare}
	for slot := range found.slots() {
		b.add(hit{slot: slot, keys: []value{e.sortValue(slot, &prop)}})
	}
	hits := b.sorted()
	return hits[min(p.offset, len(hits)):], ""
}

// sortValue returns the value to sort a key by. null counts as no value.
func (e *evaluator) sortValue(slot uint32, p *property) value {
	v := e.readSortable(slot, p)
	if v.kind == valueNull {
		return value{}
	}
	return v
}
