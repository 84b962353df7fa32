// Package pause waits between attempts: [Sleep] ends early when a context is done, and [Backoff] lengthens the pauses.
package pause

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

const (
	defaultFirst   = time.Second
	defaultLongest = 30 * time.Second

	// shortest is the least pause after an attempt that made progress.
	shortest = 20 * time.Millisecond
)

// Backoff computes the pauses between attempts. They double from First to Longest. Half of each pause is random, so that a
// thousand agents do not all come back to a restarted server in the same second. The zero value is ready: it pauses 1 s,
// 2 s … 30 s.
type Backoff struct {
	First, Longest time.Duration // 0: 1 s and 30 s

	last time.Duration // before the random part
}

// Next returns the pause before the next attempt.
func (b *Backoff) Next() time.Duration {
	b.last = min(max(2*b.last, b.first()), cmp.Or(b.Longest, defaultLongest))
	return b.last/2 + rand.N(b.last/2+1)
}

// AfterProgress returns the pause after an attempt that failed but made progress, and resets the backoff. The pause is a
// sixteenth of the time that the attempt took, so that a link which breaks often is still used most of the time.
func (b *Backoff) AfterProgress(took time.Duration) time.Duration {
	b.Reset()
	return min(max(took/16, shortest), b.first())
}

// Reset makes the next pause the first again. Call it after a success.
func (b *Backoff) Reset() { b.last = 0 }

func (b *Backoff) first() time.Duration { return cmp.Or(b.First, defaultFirst) }

// Sleep waits for d. It reports false when ctx was done first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
