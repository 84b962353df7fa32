package httpx

import "sync/atomic"

// maxPages bounds the memory of all pages of one input, in bytes. Each target keeps its last page, and large pages are read at
// the same time.
const maxPages = 24 << 20

// pageBudget counts the bytes of the pages that the targets of one input hold.
type pageBudget struct{ held atomic.Int64 }

// reserve reserves n bytes and reports whether they were available. A nil pool has no limit.
func (p *pageBudget) reserve(n int) bool {
	return p == nil || p.held.Add(int64(n)) <= maxPages
}

func (p *pageBudget) release(n int) {
	if p != nil {
		p.held.Add(-int64(n))
	}
}
