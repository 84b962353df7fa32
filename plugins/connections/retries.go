package connections

import (
	"net/netip"
	"time"
)

// retries counts how often a process connects to the same remote end again.
type retries struct {
	recent map[attempt]attempts
}

type attempt struct {
	pid    int
	start  uint64
	remote netip.AddrPort
}

type attempts struct {
	count int
	last  time.Time
}

// maxRecent is how many remote ends of processes are remembered.
const maxRecent = 16_384

// count records a connection. It returns how many came before it, each within the window after the one before.
func (r *retries) count(c *connection, at time.Time, window time.Duration) int {
	if r.recent == nil {
		r.recent = map[attempt]attempts{}
	}
	key := attempt{c.process.PID, c.process.Start, c.remote}
	a, known := r.recent[key]
	switch {
	case known && at.Sub(a.last) <= window:
		a.count++
	case !known && len(r.recent) >= maxRecent:
		r.prune(at, window)
		a.count = 0
	default:
		a.count = 0
	}
	a.last = at
	r.recent[key] = a
	return a.count
}

// prune makes room: it forgets what is older than the window, or everything if nothing is.
func (r *retries) prune(now time.Time, window time.Duration) {
	for key, a := range r.recent {
		if now.Sub(a.last) > window {
			delete(r.recent, key)
		}
	}
	if len(r.recent) >= maxRecent {
		clear(r.recent)
	}
}
