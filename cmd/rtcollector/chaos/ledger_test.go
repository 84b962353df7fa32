package chaos

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/plugins"
)

// point is a series at a time.
type point struct {
	series string // its labels as they are written, in canonical form
	ms     int64
}

// ledger knows every sample that was gathered, and every sample that the server had before it lost its memory.
type ledger struct {
	isClosed atomic.Bool // inputs gather nothing, so that what is written can be compared

	mu       sync.Mutex
	gathered map[point]float64
	gone     map[point]bool // samples that the server had when it was emptied
	names    map[*telemetry.Series]string
}

func newLedger() *ledger {
	return &ledger{gathered: map[point]float64{}, gone: map[point]bool{}, names: map[*telemetry.Series]string{}}
}

// enter notes the samples of a batch.
func (l *ledger) enter(b *telemetry.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Len() {
		s, ms, v := b.Sample(i)
		name, isKnown := l.names[s]
		if !isKnown {
			name = canonical(tskey.Labels(s))
			l.names[s] = name
		}
		l.gathered[point{name, ms}] = v
	}
}

func canonical(labels []telemetry.Label) string {
	labels = slices.Clone(labels)
	slices.SortFunc(labels, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return tskey.Canonical(labels)
}

// loses notes what a server has that is about to lose it.
func (l *ledger) loses(written map[point]float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range written {
		l.gone[p] = true
	}
}

// settle compares the ledger with what the server has, when nothing waits to be written, and begins a new page, for an empty server. Lost is how many samples
// the agent counted as dropped or rejected since the last time.
func (l *ledger) settle(t *testing.T, written map[point]float64, lost int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, wrong, invented := 0, 0, 0
	for p, v := range l.gathered {
		got, isThere := written[p]
		switch {
		case !isThere && !l.gone[p]:
			if missing++; missing <= 5 {
				t.Logf("missing: %s at %d", strings.ReplaceAll(p.series, "\x00", "="), p.ms)
			}
		case isThere && got != v:
			wrong++
		}
	}
	for p := range written {
		if _, isKnown := l.gathered[p]; !isKnown && !l.gone[p] {
			if invented++; invented <= 5 {
				t.Logf("invented: %s at %d", strings.ReplaceAll(p.series, "\x00", "="), p.ms)
			}
		}
	}
	t.Logf("%d samples gathered, %d on the server, %d on it before it was emptied, %d missing, %d counted as lost", len(l.gathered), len(written), len(l.gone), missing, lost)
	// A sample whose reply was lost may be on the server and be dropped afterwards: more may be counted than are missing, but never fewer.
	if int64(missing) > lost || wrong > 0 || invented > 0 {
		t.Errorf("%d samples are missing and %d are counted as lost; %d have a wrong value; %d were never gathered", missing, lost, wrong, invented)
	}
	clear(l.gathered)
	clear(l.gone)
}

// forgetAll begins a new page without comparing anything.
func (l *ledger) forgetAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.gathered)
	clear(l.names)
}

// recorder enters what an input gathers into the ledger.
type recorder struct {
	plugins.Gatherer
	ledger *ledger
}

// Gather implements plugins.Gatherer.
func (r *recorder) Gather(ctx context.Context, b *telemetry.Batch) error {
	if r.ledger.isClosed.Load() {
		return nil
	}
	err := r.Gatherer.Gather(ctx, b)
	r.ledger.enter(b)
	return err
}

// Open implements plugins.Opener.
func (r *recorder) Open(ctx context.Context) error {
	if o, ok := r.Gatherer.(plugins.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

// Close implements io.Closer.
func (r *recorder) Close() error {
	if c, ok := r.Gatherer.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// readAll returns all samples of this host on a server, except those that say that the host is alive.
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
	return all, nil
}
