package processtop

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/procusage"
)

// candidate is a name, or a process, and what it uses.
type candidate struct {
	key  procusage.Key
	uses uses
}

// choose returns those that use the most, overall and in each group. Those that use nothing are left out.
func (c *Config) choose(all []candidate, by use) []candidate {
	ranked := rank(all, by)
	inGroup := map[string]int{}
	var chosen []candidate
	for i, one := range ranked {
		inGroup[one.key.Group]++
		if i < c.Top || inGroup[one.key.Group] <= c.TopPerGroup {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

// rank returns those that use something, the one that uses most first. Ties are in the order of their names, so that they do not change
// places.
func rank(all []candidate, by use) []candidate {
	var ranked []candidate
	for _, c := range all {
		if c.uses[by] > 0 {
			ranked = append(ranked, c)
		}
	}
	slices.SortFunc(ranked, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.uses[by], a.uses[by]), cmp.Compare(a.key.Group, b.key.Group), cmp.Compare(a.key.Name, b.key.Name), cmp.Compare(a.key.PID, b.key.PID))
	})
	return ranked
}
