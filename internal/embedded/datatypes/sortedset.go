package datatypes

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// sortedSet is a sorted set: scores by member, and the members in order.
//
// Writing only notes which members changed. Reading sorts those and merges them
// into the order, so that adding many members never costs more than one merge.
type sortedSet struct {
	scores compactMap[float64]
	order  []scoredMember // may hold members that left or changed
	fresh  []string       // members whose score was set since order was made
	stale  bool           // order has to be made anew
}

// scoredMember is a member at its place.
type scoredMember struct {
	member string
	score  float64
}

func compareRanked(a, b scoredMember) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return cmp.Compare(a.member, b.member)
}

func (*sortedSet) typeName() string { return "zset" }
func (z *sortedSet) bytes() int64 {
	return z.scores.text + int64(max(z.scores.peak, len(z.order)))*2*elementBytes
}
func (z *sortedSet) isEmpty() bool  { return len(z.scores.m) == 0 }
func (z *sortedSet) clone() content { return &sortedSet{scores: z.scores.clone(), stale: true} }

func (z *sortedSet) len() int {
	if z == nil {
		return 0
	}
	return len(z.scores.m)
}

func (z *sortedSet) score(member string) (float64, bool) {
	if z == nil {
		return 0, false
	}
	v, ok := z.scores.m[member]
	return v, ok
}

func (z *sortedSet) set(member string, score float64) {
	z.fresh = append(z.fresh, member)
	if len(z.fresh) > fewElements+len(z.scores.m) { // the same member over and over
		z.fresh, z.stale = nil, true
	}
	z.scores.set(member, score)
}

func (z *sortedSet) remove(member string) bool {
	if !z.scores.remove(member) {
		return false
	}
	z.fresh = append(z.fresh, member) // it leaves the order at the next merge
	return true
}

// ordered returns the members by score. The store must be locked for writing:
// the order is brought up to date.
func (z *sortedSet) ordered() []scoredMember {
	switch {
	case z == nil:
		return nil
	case z.stale:
		z.order = make([]scoredMember, 0, len(z.scores.m))
		for m, v := range z.scores.m {
			z.order = append(z.order, scoredMember{m, v})
		}
		slices.SortFunc(z.order, compareRanked)
	case len(z.fresh) > 0:
		z.merge()
	}
	z.fresh, z.stale = nil, false
	return z.order
}

// merge replaces the fresh members in the order.
func (z *sortedSet) merge() {
	changed := make(map[string]bool, len(z.fresh))
	var list []scoredMember
	for _, m := range z.fresh {
		if v, there := z.scores.m[m]; there && !changed[m] {
			list = append(list, scoredMember{m, v})
		}
		changed[m] = true
	}
	slices.SortFunc(list, compareRanked)
	merged := make([]scoredMember, 0, len(z.scores.m))
	for _, r := range z.order {
		if changed[r.member] {
			continue
		}
		for len(list) > 0 && compareRanked(list[0], r) < 0 {
			merged, list = append(merged, list[0]), list[1:]
		}
		merged = append(merged, r)
	}
	z.order = append(merged, list...)
}

// pop removes the first or last n members and returns them.
func (z *sortedSet) pop(n int, highest bool) []scoredMember {
	all := z.ordered()
	n = min(n, len(all))
	var list []scoredMember
	if highest {
		list = slices.Clone(all[len(all)-n:])
		slices.Reverse(list)
		z.order = all[:len(all)-n]
	} else {
		list = slices.Clone(all[:n])
		clear(all[:n])
		z.order = all[n:]
	}
	for _, r := range list {
		z.scores.remove(r.member)
	}
	if cap(z.order) > fewElements && len(z.order) < cap(z.order)/4 {
		z.order = slices.Clone(z.order)
	}
	return list
}

// scoreRange is a range of scores; its ends may be open.
type scoreRange struct {
	min, max         float64
	openMin, openMax bool
}

func parseScoreRange(low, high []byte) (r scoreRange, ok bool) {
	if r.min, r.openMin, ok = parseScoreBound(low); !ok {
		return r, false
	}
	r.max, r.openMax, ok = parseScoreBound(high)
	return r, ok
}

func parseScoreBound(word []byte) (v float64, open, ok bool) {
	if len(word) > 0 && word[0] == '(' {
		word, open = word[1:], true
	}
	v, ok = resp.ParseDouble(word)
	return v, open, ok && v == v
}

// in returns the part of an order that is in the range.
func (r *scoreRange) in(all []scoredMember) []scoredMember {
	lo, _ := slices.BinarySearchFunc(all, r.min, func(e scoredMember, v float64) int {
		if e.score < v || r.openMin && e.score == v {
			return -1
		}
		return 1
	})
	hi, _ := slices.BinarySearchFunc(all, r.max, func(e scoredMember, v float64) int {
		if e.score < v || !r.openMax && e.score == v {
			return -1
		}
		return 1
	})
	return all[lo:max(lo, hi)]
}
