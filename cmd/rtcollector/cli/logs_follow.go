package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// followInterval is the time between two queries for new lines.
	followInterval = time.Second

	// maxLookback is the time before the newest line that each query covers again. Lines may arrive late, because an agent waited
	// for its Redis or the clock of a sender is slow. If such a query takes longer than maxRereadTime, the time is halved, down to
	// minLookback.
	maxLookback   = 15 * time.Minute
	minLookback   = 20 * time.Second
	maxRereadTime = followInterval / 4
)

// follower remembers which lines of the lookback were seen. Times are milliseconds since the epoch by the clocks of the senders.
// Some clocks may be ahead, so a new line may be older than the newest one.
type follower struct {
	oldest, newest int64            // times of all lines seen
	from           int64            // start of the next query
	seen           map[string]int64 // times of lines by their IDs
	halvings       int              // how many times maxLookback is halved at present
}

// markSeen remembers a line and reports whether it is new.
func (f *follower) markSeen(id string, ms int64) bool {
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

// forgetOld moves the start of the next query forward and forgets the lines before it.
func (f *follower) forgetOld() {
	now := time.Now().UnixMilli()
	if f.newest > 0 {
		now = min(now, f.newest) // our own clock may be ahead
	}
	back := max(maxLookback>>f.halvings, minLookback)
	f.from = max(f.from, now-back.Milliseconds())
	maps.DeleteFunc(f.seen, func(_ string, ms int64) bool { return ms < f.from })
}

// adaptLookback shortens the lookback if the last query took too long, and lengthens it otherwise.
func (f *follower) adaptLookback(took time.Duration) {
	switch {
	case took <= maxRereadTime:
		f.halvings = max(f.halvings-1, 0)
	case maxLookback>>f.halvings > minLookback:
		f.halvings++
	}
}

// follow prints new events until ctx is done. While Redis cannot be reached it keeps trying, and prints each distinct error once to
// stderr.
func (p *eventPrinter) follow(ctx context.Context, r outputs.EventReader, q outputs.EventQuery, stderr io.Writer) error {
	q.Last = 0
	since, lastError := q.Since, ""
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.forgetOld()
		if q.Since = time.UnixMilli(p.from); q.Since.Before(since) {
			q.Since = since
		}
		began := time.Now()
		err := p.printFound(ctx, r, q)
		p.adaptLookback(time.Since(began))
		switch {
		case err == nil:
			lastError = ""
		case ctx.Err() != nil:
			return nil
		case isOutputError(err):
			return err
		case err.Error() != lastError:
			lastError = err.Error()
			fmt.Fprintf(stderr, "%v\nretrying\n", err)
		}
	}
}
