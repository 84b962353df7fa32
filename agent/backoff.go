package agent

import (
	"math/rand/v2"
	"time"
)

// Pauses between attempts double from firstPause to longestPause; half of each is random, so that a thousand agents
// do not all come back to a restarted server in the same second.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

type backoff struct{ pause time.Duration }

// next returns the pause before the next attempt.
func (b *backoff) next() time.Duration {
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	return b.pause/2 + rand.N(b.pause/2+1)
}

func (b *backoff) reset() { b.pause = 0 }
