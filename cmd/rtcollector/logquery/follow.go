// Package logquery has what all readers of stored log lines need.
//
//   - follow.go: [Follower], which reads new lines again and again.
//   - severity.go, time.go: ranges of severities, and times, as users write them. source.go: what is no line of a log.
package logquery

import (
	"context"
	"maps"
	"time"
)

const (
	// interval is the time between two queries for new lines.
	interval = time.Second

	// maxLookback is the time before the newest line that each query covers again. Lines may arrive late, because an agent waited
	// for its Redis or the clock of a sender is slow. If such a query takes longer than maxRereadTime, the time is halved, down to
	// minLookback.
	maxLookback   = 15 * time.Minute
	minLookback   = 20 * time.Second
	maxRereadTime = interval / 4
)

// Follower remembers which lines of the lookback were seen. Times are milliseconds since the epoch by the clocks of the senders.
// Some clocks may be ahead, so a new line may be older than the newest one. The zero value has seen nothing.
type Follower struct {
	oldest, newest int64            // times of all lines seen
	from           int64            // start of the next query
	seen           map[string]int64 // times of lines by their IDs
	halvings       int              // how many times maxLookback is halved at present
}

// MarkSeen remembers a line and reports whether it is new.
func (f *Follower) MarkSeen(id string, ms int64) bool {
	if _, known := f.seen[id]; known {
		return false
	}
	if f.seen == nil {
		f.seen, f.oldest = map[string]int64{}, ms
	}
	f.seen[id] = ms
	f.oldest, f.newest = min(f.oldest, ms), max(f.newest, ms)
	if len(f.seen)%10_000 == 0 { // there may be millions of lines
		f.forgetOld()
	}
	return true
}

// StartAt leaves out lines before a time.
func (f *Follower) StartAt(t time.Time) { f.from = t.UnixMilli() }

// StartAtOldest leaves out lines before the oldest one that was seen.
func (f *Follower) StartAtOldest() { f.from = f.oldest }

// forgetOld moves the start of the next query forward and forgets the lines before it.
func (f *Follower) forgetOld() {
	now := time.Now().UnixMilli()
	if f.newest > 0 {
		now = min(now, f.newest) // our own clock may be ahead
	}
	back := max(maxLookback>>f.halvings, minLookback)
	f.from = max(f.from, now-back.Milliseconds())
	maps.DeleteFunc(f.seen, func(_ string, ms int64) bool { return ms < f.from })
}

// adaptLookback shortens the lookback if the last query took too long, and lengthens it otherwise.
func (f *Follower) adaptLookback(took time.Duration) {
	switch {
	case took <= maxRereadTime:
		f.halvings = max(f.halvings-1, 0)
	case maxLookback>>f.halvings > minLookback:
		f.halvings++
	}
}

// Follow calls read once a second until ctx is done, which is no error. read gets the time from which on lines may be new, and must call
// MarkSeen for each line; the time is never before earliest, which may be zero. check gets the result of each read. Its error ends Follow.
func (f *Follower) Follow(ctx context.Context, earliest time.Time, read func(context.Context, time.Time) error, check func(error) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		f.forgetOld()
		since := time.UnixMilli(f.from)
		if since.Before(earliest) {
			since = earliest
		}
		began := time.Now()
		err := read(ctx, since)
		f.adaptLookback(time.Since(began))
		if ctx.Err() != nil {
			return nil
		}
		if err := check(err); err != nil {
			return err
		}
	}
}
