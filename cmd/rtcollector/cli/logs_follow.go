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
	// followEvery is how often Redis is asked for new lines.
	followEvery = time.Second

	// followBack is how much of what was seen already is asked for again: an agent may have waited for its Redis, and the clock
	// of a sender may be behind. It is less, down to followLeast, where reading that again takes longer than followCost.
	followBack  = 15 * time.Minute
	followLeast = 20 * time.Second
	followCost  = followEvery / 4
)

// follower knows what was seen, of the times that are asked for again. Times are milliseconds since the epoch, of the senders'
// clocks: some may be ahead, so that the newest line says little about when the next will be.
type follower struct {
	oldest, newest int64            // of all that was seen
	from           int64            // what is older is not asked for again
	seen           map[string]int64 // times by ID
	halved         int              // how often followBack was, because reading it took too long
}

// note says whether a line is new.
func (f *follower) note(id string, ms int64) bool {
	if _, known := f.seen[id]; known {
		return false
	}
	if f.seen == nil {
		f.seen, f.oldest = map[string]int64{}, ms
	}
	f.seen[id] = ms
	f.oldest, f.newest = min(f.oldest, ms), max(f.newest, ms)
	if len(f.seen)%10_000 == 0 { // a million lines may be shown
		f.forget()
	}
	return true
}

// forget drops what will not be asked for again.
func (f *follower) forget() {
	now := time.Now().UnixMilli()
	if f.newest > 0 {
		now = min(now, f.newest) // our own clock may be ahead, too
	}
	back := max(followBack>>f.halved, followLeast)
	f.from = max(f.from, now-back.Milliseconds())
	maps.DeleteFunc(f.seen, func(_ string, ms int64) bool { return ms < f.from })
}

// paced chooses how much is asked for again by how long it took.
func (f *follower) paced(took time.Duration) {
	switch {
	case took <= followCost:
		f.halved = max(f.halved-1, 0)
	case followBack>>f.halved > followLeast:
		f.halved++
	}
}

// follow prints what comes in until ctx is done. When Redis is away it says so and waits.
func (p *printer) follow(ctx context.Context, r outputs.EventReader, q outputs.EventQuery, complaints io.Writer) error {
	q.Last = 0
	since, said := q.Since, ""
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.forget()
		if q.Since = time.UnixMilli(p.from); q.Since.Before(since) {
			q.Since = since
		}
		began := time.Now()
		err := p.show(ctx, r, q)
		p.paced(time.Since(began))
		switch {
		case err == nil:
			said = ""
		case ctx.Err() != nil:
			return nil
		case isOutputError(err):
			return err
		case err.Error() != said:
			said = err.Error()
			fmt.Fprintf(complaints, "%v\nstill trying\n", err)
		}
	}
}
