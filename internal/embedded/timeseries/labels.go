package timeseries

import (
	"cmp"
	"slices"
)

// posting holds all series with one label. Each series knows its position in
// the posting, so removing it takes the same time for ten members as for a
// hundred thousand. Name and value are stored once for all members.
type posting struct {
	name, value string
	members     []member
}

type member struct {
	series  *series
	labelAt int // index in s.labels
}

type labelRef struct {
	posting  *posting
	memberAt int // index in posting.members
}

// labelName holds all values of one label name.
type labelName struct {
	name   string
	values map[string]*posting
}

// labelIndex finds series by the name and value of a label.
type labelIndex struct{ names map[string]*labelName }

func newLabelIndex() labelIndex { return labelIndex{names: map[string]*labelName{}} }

// add gives a series its labels. The pairs are name, value, name, value…
func (x *labelIndex) add(s *series, pairs [][]byte) {
	if len(pairs) == 0 {
		return
	}
	s.labels = make([]labelRef, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		p := x.posting(pairs[i], pairs[i+1])
		s.labels = append(s.labels, labelRef{p, len(p.members)})
		p.members = append(p.members, member{s, len(s.labels) - 1})
	}
}

// posting returns the posting of a label and creates it if necessary.
func (x *labelIndex) posting(name, value []byte) *posting {
	n := x.names[string(name)]
	if n == nil {
		n = &labelName{name: string(name), values: map[string]*posting{}}
		x.names[n.name] = n
	}
	p := n.values[string(value)]
	if p == nil {
		p = &posting{name: n.name, value: string(value)}
		n.values[p.value] = p
	}
	return p
}

// find returns the posting of a label, nil if no series has it.
func (x *labelIndex) find(name, value string) *posting {
	n := x.names[name]
	if n == nil {
		return nil
	}
	return n.values[value]
}

func (x *labelIndex) remove(s *series) {
	for _, ref := range s.labels {
		p, last := ref.posting, len(ref.posting.members)-1
		moved := p.members[last]
		p.members[ref.memberAt] = moved
		moved.series.labels[moved.labelAt].memberAt = ref.memberAt
		p.members[last] = member{}
		p.members = p.members[:last]
		if last == 0 {
			n := x.names[p.name]
			delete(n.values, p.value)
			if len(n.values) == 0 {
				delete(x.names, p.name)
			}
		}
	}
	s.labels = nil
}

// label returns the value of the first label with this name.
func (s *series) label(name string) (string, bool) {
	for _, ref := range s.labels {
		if ref.posting.name == name {
			return ref.posting.value, true
		}
	}
	return "", false
}

// query returns the series that satisfy all matchers, sorted by key. It visits
// only the members of the most selective positive matcher.
func (x *labelIndex) query(ms []matcher) []*series {
	best, size := x.mostSelective(ms)
	if best < 0 || size == 0 {
		return nil
	}
	found := make([]*series, 0, min(size, 1024))
	for _, v := range distinct(ms[best].values) {
		p := x.find(ms[best].name, v)
		if p == nil {
			continue
		}
		for _, m := range p.members {
			if matchesAll(m.series, ms) {
				found = append(found, m.series)
			}
		}
	}
	slices.SortFunc(found, func(a, b *series) int { return cmp.Compare(a.key, b.key) })
	return slices.Compact(found) // a series that has a label twice is found twice
}

// mostSelective returns the positive matcher with the fewest members, and their
// number. It returns -1 if there is no positive matcher.
func (x *labelIndex) mostSelective(ms []matcher) (best, size int) {
	best = -1
	for i := range ms {
		if !ms[i].isPositive() {
			continue
		}
		if n := x.memberCount(&ms[i]); best < 0 || n < size {
			best, size = i, n
		}
	}
	return best, size
}

// memberCount returns the number of series that a positive matcher selects.
func (x *labelIndex) memberCount(m *matcher) int {
	n := 0
	for _, v := range m.values {
		if p := x.find(m.name, v); p != nil {
			n += len(p.members)
		}
	}
	return n
}

func distinct(values []string) []string {
	if len(values) < 2 {
		return values
	}
	return slices.Compact(slices.Sorted(slices.Values(values)))
}

func matchesAll(s *series, ms []matcher) bool {
	for i := range ms {
		if !ms[i].matches(s) {
			return false
		}
	}
	return true
}
