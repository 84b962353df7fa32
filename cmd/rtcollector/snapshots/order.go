package snapshots

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/proclog"
)

// Orders lists what rows can be ordered by, for messages.
const Orders = "cpu, rss, pss, read, write, rx or tx"

// Value returns the value of a row that an order compares, or [proclog.Unknown]. ok is false if there is no such order.
func Value(r *proclog.Row, by string) (v float64, ok bool) {
	switch by {
	case "cpu":
		return r.CPU, true
	case "rss":
		return float64(r.RSS), true
	case "pss":
		return float64(r.PSS), true
	case "read":
		return r.Read, true
	case "write":
		return r.Write, true
	case "rx":
		return r.Rx, true
	case "tx":
		return r.Tx, true
	}
	return 0, false
}

// IsOrder reports whether rows can be ordered by this.
func IsOrder(by string) bool {
	_, ok := Value(&proclog.Row{}, by)
	return ok
}

// Sort orders the rows by a value, the largest first. Rows without the value are the last ones. Equal rows stay in their order.
func (s *Snapshot) Sort(by string) {
	slices.SortStableFunc(s.Rows, func(a, b proclog.Row) int {
		x, _ := Value(&a, by)
		y, _ := Value(&b, by)
		return cmp.Compare(y, x)
	})
}

// Keep leaves only the rows of a group, or of a subgroup that is written as "group/subgroup".
func (s *Snapshot) Keep(group string) {
	s.Rows = slices.DeleteFunc(s.Rows, func(r proclog.Row) bool {
		return r.Group != group && r.Group+"/"+r.Subgroup != group
	})
}
