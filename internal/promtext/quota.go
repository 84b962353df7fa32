package promtext

import "fmt"

// Quota bounds the memory of the series that the readers of one input keep, in bytes. A page that has other series each time
// would fill the memory: a series is kept for some gathers after it was last seen. It is not safe for concurrent use.
type Quota struct{ Most, used int }

const (
	seriesCost   = 550 // beside its ID, which is there about twice
	unwantedCost = 150 // of one that the user does not want
)

// full reports whether no more series are taken. A nil quota has no limit.
func (q *Quota) full() bool { return q != nil && q.used >= q.Most }

func (q *Quota) err(left int) error {
	return fmt.Errorf("%d samples are left out: their series would take more than %d bytes with those of the other pages of this input: "+
		"exclude some with metrics, or spread the URLs over several inputs", left, q.Most)
}

// cost is what a series takes.
func (h *handle) cost(id string) int {
	if h.gauge == nil && h.total == nil {
		return unwantedCost + len(id)
	}
	return seriesCost + 2*len(id)
}

// account brings the quota up to date after a page: series may have been forgotten.
func (r *Reader) account() {
	if r.Quota == nil || r.series.Len() == r.counted {
		return
	}
	r.counted = r.series.Len()
	cost := 0
	for id, h := range r.series.All() {
		cost += h.cost(id)
	}
	r.Quota.used += cost - r.cost
	r.cost = cost
}
