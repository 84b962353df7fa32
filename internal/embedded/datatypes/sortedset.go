package datatypes

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// sortedSet holds scores by member, and the members in order.
//
// A write only remembers which members changed. The next read sorts those and
// merges them into the order, so adding many members costs one merge.
type sortedSet struct {
	scores  compactMap[float64]
	order   []scoredMember // outdated for the members in changed
	changed []string       // members that were set or removed since the last merge
	stale   bool           // order must be rebuilt from scores
}

// scoredMember is a member with its score.
type scoredMember struct {
	member string
	score  float64
}

func compareMembers(a, b scoredMember) int {
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
	z.changed = append(z.changed, member)
	if len(z.changed) > minShrinkElements+len(z.scores.m) { // the same members were set again and again
		z.changed, z.stale = nil, true
	}
	z.scores.set(member, score)
}

func (z *sortedSet) remove(member string) bool {
	if !z.scores.remove(member) {
		return false
	}
	z.changed = append(z.changed, member)
	return true
}

// inOrder returns the members in the order of their scores. It updates the
// order, so the store must be locked for writing.
func (z *sortedSet) inOrder() []scoredMember {
	switch {
	case z == nil:
		return nil
	case z.stale:
		z.order = make([]scoredMember, 0, len(z.scores.m))
		for m, v := range z.scores.m {
			z.order = append(z.order, scoredMember{m, v})
		}
		slices.SortFunc(z.order, compareMembers)
	case len(z.changed) > 0:
		z.applyChanges()
	}
	z.changed, z.stale = nil, false
	return z.order
}

// applyChanges applies the changed members to the order.
func (z *sortedSet) applyChanges() {
	changed := make(map[string]bool, len(z.changed))
	var list []scoredMember
	for _, m := range z.changed {
		if v, exists := z.scores.m[m]; exists && !changed[m] {
			list = append(list, scoredMember{m, v})
		}
		changed[m] = true
	}
	slices.SortFunc(list, compareMembers)
	merged := make([]scoredMember, 0, len(z.scores.m))
	for _, r := range z.order {
		if changed[r.member] {
			continue
		}
		for len(list) > 0 && compareMembers(list[0], r) < 0 {
			merged, list = append(merged, list[0]), list[1:]
		}
		merged = append(merged, r)
	}
	z.order = append(merged, list...)
}

// pop removes the n members with the lowest or highest scores and returns them.
func (z *sortedSet) pop(n int, highest bool) []scoredMember {
	all := z.inOrder()
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
	if cap(z.order) > minShrinkElements && len(z.order) < cap(z.order)/4 {
		z.order = slices.Clone(z.order)
	}
	return list
}

// scoreRange is a range of scores. An open end excludes its score.
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

// slice returns the part of the ordered members that is in the range.
func (r *scoreRange) slice(all []scoredMember) []scoredMember {
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
