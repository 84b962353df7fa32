package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// point is a series at a time, or an event.
type point struct {
	series string // its labels as they are written, in canonical form; "": an event
	ms     int64  // or the number of the event
}

func (p point) String() string {
	if p.series == "" {
		return fmt.Sprintf("event %d", p.ms)
	}
	return fmt.Sprintf("%s at %d", strings.ReplaceAll(p.series, "\x00", "="), p.ms)
}

// entry is what was gathered for a point. The value of an event is 1: how often it is on the server.
type entry struct {
	value float64
	page  *receipt
}

// receipt is what is known of the points of one gather.
type receipt struct {
	at     time.Time // when the gather was reported
	isSafe bool      // it has left the memory of the agent
	isTorn bool      // it was in the memory of an agent that was killed: what it gathered may be missing
}

// ledger knows everything that was gathered, and everything that the server had before it lost its memory.
type ledger struct {
	mu       sync.Mutex
	gathered map[point]entry
	gone     map[point]bool     // what the server had when it was emptied
	inMemory map[int64]*receipt // the gathers that may be in the memory of the agent, by number
	safe     time.Time          // when the last gather was reported that is safe
}

func newLedger() *ledger {
	return &ledger{gathered: map[point]entry{}, gone: map[point]bool{}, inMemory: map[int64]*receipt{}}
}

// enter notes what was gathered. Names are those of the series.
func (l *ledger) enter(g *gather, names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &receipt{at: time.Now()}
	l.inMemory[g.Number] = r
	for _, s := range g.Samples {
		l.gathered[point{names[s.Series], s.Ms}] = entry{s.Value, r}
	}
	for _, number := range g.Events {
		l.gathered[point{ms: number}] = entry{1, r}
	}
}

// secure notes that gathers have left the memory of the agent.
func (l *ledger) secure(numbers []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range numbers {
		r := l.inMemory[n]
		r.isSafe = true
		if r.at.After(l.safe) {
			l.safe = r.at
		}
		delete(l.inMemory, n)
	}
}

// lastSafe returns when the last gather was reported that is safe.
func (l *ledger) lastSafe() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.safe
}

// tear notes that the agent was killed. It returns how many gathers were in its memory, and how long ago the first of them was reported.
func (l *ledger) tear() (gathers int, oldest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gathers = len(l.inMemory)
	for _, r := range l.inMemory {
		r.isTorn = true
		oldest = max(oldest, time.Since(r.at))
	}
	clear(l.inMemory)
	return gathers, oldest
}

// loses notes what a server has that is about to lose it.
func (l *ledger) loses(written map[point]float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range written {
		l.gone[p] = true
	}
}

// settle compares the ledger with what the server has, when nothing waits to be written, and begins a new page, for an empty server. Lost is
// how much the agent counted as dropped or rejected since the last time.
func (l *ledger) settle(t *testing.T, written map[point]float64, lost tally) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing tally
	torn, wrong, invented := 0, 0, 0
	for p, e := range l.gathered {
		got, isThere := written[p]
		switch {
		case isThere && got != e.value:
			if wrong++; wrong <= 5 {
				t.Logf("wrong: %v is %v instead of %v", p, got, e.value)
			}
		case isThere || l.gone[p]:
		case e.page.isTorn:
			torn++
		default:
			if p.series == "" {
				missing.Events++
			} else {
				missing.Samples++
			}
			if missing.Samples+missing.Events <= 5 && lost == (tally{}) {
				t.Logf("missing: %v", p)
			}
		}
	}
	for p := range written {
		if _, isKnown := l.gathered[p]; !isKnown && !l.gone[p] {
			if invented++; invented <= 5 {
				t.Logf("invented: %v", p)
			}
		}
	}
	t.Logf("%d samples and events gathered, %d on the server, %d on it before it was emptied, %d were in memory of an agent that was killed; missing %+v, counted as lost %+v",
		len(l.gathered), len(written), len(l.gone), torn, missing, lost)
	// A sample whose reply was lost may be on the server and be dropped afterwards: more may be counted than are missing, but never fewer.
	if missing.Samples > lost.Samples || missing.Events > lost.Events || wrong > 0 || invented > 0 {
		t.Errorf("missing %+v, and counted as lost %+v; %d have a wrong value; %d were never gathered", missing, lost, wrong, invented)
	}
	clear(l.gathered)
	clear(l.gone)
}

// readAll returns all samples of this host on a server, except those that say that the host is alive, and all events of the campaign.
func readAll(ctx context.Context, c *redis.Client) (map[point]float64, error) {
	reply, err := c.Do(ctx, "TS.MRANGE", "-", "+", "WITHLABELS", "FILTER", "host="+host, "source!=").Slice()
	if err != nil {
		return nil, err
	}
	all := map[point]float64{}
	for _, one := range reply {
		parts := one.([]any)
		var labels []telemetry.Label
		for _, pair := range parts[1].([]any) {
			label := pair.([]any)
			labels = append(labels, telemetry.Label{Key: fmt.Sprint(label[0]), Value: fmt.Sprint(label[1])})
		}
		name := canonical(labels)
		for _, sample := range parts[2].([]any) {
			fields := sample.([]any)
			v, err := strconv.ParseFloat(fmt.Sprint(fields[1]), 64)
			if err != nil {
				return nil, err
			}
			all[point{name, fields[0].(int64)}] = v
		}
	}
	events, err := readEvents(ctx, c)
	if err != nil {
		return nil, err
	}
	for number, times := range events {
		all[point{ms: number}] = float64(times)
	}
	return all, nil
}
