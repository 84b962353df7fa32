package promtext

import "fmt"

// Quota bounds the memory of the series that the readers of one input keep, in bytes. A page that has other series each time
// would fill the memory: a series is kept for some gathers after it was last seen. It is not safe for concurrent use.
type Quota struct{ Most, used int }

const (
	textCost     = 130 // of a text that samples have, beside the text
	seriesCost   = 440 // beside its identity
	unwantedCost = 60  // of one that the user does not want
)

// full reports whether no more series are taken. A nil quota has no limit.
func (q *Quota) full() bool { return q != nil && q.used >= q.Most }

func (q *Quota) err(left int) error {
	return fmt.Errorf("%d samples are left out: their series would take more than %d bytes with those of the other pages of this input: "+
		"exclude some with metrics, or spread the URLs over several inputs", left, q.Most)
}

// cost is what a series takes, beside its texts.
func (h *handle) cost(id string) int {
	if h.gauge == nil && h.total == nil {
		return unwantedCost + len(id)
	}
	return seriesCost + len(id)
}

// charge counts memory that this reader takes from now on.
func (r *Reader) charge(bytes int) {
	r.cost += bytes
	if r.Quota != nil {
		r.Quota.used += bytes
	}
}

// recount brings the quota up to date after something was forgotten.
func (r *Reader) recount() {
	cost := 0
	for text := range r.texts.All() {
		cost += textCost + len(text)
	}
	for id, h := range r.series {
		cost += h.cost(id)
	}
	r.charge(cost - r.cost)
}
