package promtext

import "fmt"

// Quota bounds the memory of the series of all readers of one input, in bytes. A series is kept for some gathers after its
// last sample, so a page with different series each time would otherwise fill the memory. A Quota is not safe for
// concurrent use.
type Quota struct{ MaxBytes, usedBytes int }

const (
	idCost       = 130 // bytes of an ID of samples, in addition to its text
	seriesCost   = 440 // bytes of a series, in addition to its identity
	unwantedCost = 60  // the same for a series that the user does not want
)

// isFull reports whether no more series are accepted. A nil quota has no limit.
func (q *Quota) isFull() bool { return q != nil && q.usedBytes >= q.MaxBytes }

func (q *Quota) exceededError(excess int) error {
	return fmt.Errorf("%d samples are left out: the series of all pages of this input would need more than %d bytes: "+
		"exclude some with metrics, or distribute the URLs over several inputs", excess, q.MaxBytes)
}

// cost returns the memory of a series without its IDs, in bytes.
func (h *handle) cost(id string) int {
	if h.gauge == nil && h.total == nil {
		return unwantedCost + len(id)
	}
	return seriesCost + len(id)
}

// charge adds to the memory that this reader uses.
func (r *Reader) charge(bytes int) {
	r.cost += bytes
	if r.Quota != nil {
		r.Quota.usedBytes += bytes
	}
}

// recount corrects the memory that this reader uses, after series were removed.
func (r *Reader) recount() {
	cost := 0
	for text := range r.byID.All() {
		cost += idCost + len(text)
	}
	for id, h := range r.byIdentity {
		cost += h.cost(id)
	}
	r.charge(cost - r.cost)
}
