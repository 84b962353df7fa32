package httpx

import "sync/atomic"

// maxPages is how much memory the pages of one input may take together, in bytes. Each keeps its last one, and large ones are read
// at the same moment.
const maxPages = 24 << 20

// pool counts the bytes of the pages that the targets of one input hold.
type pool struct{ held atomic.Int64 }

// take takes room for n bytes, and reports whether there was enough. A nil pool has no limit.
func (p *pool) take(n int) bool {
	return p == nil || p.held.Add(int64(n)) <= maxPages
}

func (p *pool) give(n int) {
	if p != nil {
		p.held.Add(-int64(n))
	}
}
