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

	shortestPause = 20 * time.Millisecond
)

type backoff struct{ pause time.Duration }

// next returns the pause before the next attempt.
func (b *backoff) next() time.Duration {
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	return b.pause/2 + rand.N(b.pause/2+1)
}

// afterProgress returns the pause after an attempt that failed but got somewhere, and took so long: a small part of
// that, so that a link which breaks again and again is still used most of the time.
func (b *backoff) afterProgress(took time.Duration) time.Duration {
	b.reset()
	return min(max(took/16, shortestPause), firstPause)
}

func (b *backoff) reset() { b.pause = 0 }
