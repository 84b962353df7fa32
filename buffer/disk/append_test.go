package disk

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

var errTest = errors.New("input/output error")

// failSync makes the n-th sync from now on fail.
func failSync(s *Store, n int) {
	s.Sync = func(*os.File) error {
		if n--; n == 0 {
			return errTest
		}
		return nil
	}
}

// Whatever fails in an append, each sample is either on the disk or returned, also those of a batch that two records share.
func TestFailedAppendReturnsTheRest(t *testing.T) {
	for failing := range 4 { // the number of the sync that fails; 0: a write does
		r, s := newRig(t, t.TempDir(), 1<<20), newSource(11, 20) // segments of 64 KiB
		first := s.batch(900)
		r.append(first)
		want := samplesOf(first)
		var batches []*telemetry.Batch
		for range 40 {
			batches = append(batches, s.batch(900))
		}
		want = append(want, samplesOf(batches...)...)
		if failing == 0 {
			_ = r.queue.segments.file.Close()
		} else {
			failSync(r.store, failing)
		}
		rest, err := r.queue.Append(batches)
		if err == nil {
			t.Fatalf("sync %d: no error", failing)
		}
		if n := len(want) - len(samplesOf(rest...)); r.stats.Count.Load() != int64(n) {
			t.Errorf("sync %d: %d samples are on the disk, %d were not returned", failing, r.stats.Count.Load(), n)
		}
		r.append(rest...) // in a new segment: there is room again
		r.stop()
		r.start()
		if got := r.takeAll(5000); !slices.Equal(got, want) {
			t.Errorf("sync %d: %d samples came back of %d", failing, len(got), len(want))
		}
	}
}

// testEvents is a codec of events like that of the agent.
func testEvents() Codec[[]telemetry.Event] {
	count := func(events []telemetry.Event) int { return len(events) }
	return Codec[[]telemetry.Event]{
		Kind: Events, Count: count, Weigh: count, MaxWeight: 25,
		Split: func(events []telemetry.Event, weight int) (head, rest []telemetry.Event, divided bool) {
			if weight = max(weight, 1); len(events) <= weight {
				return events, nil, false
			}
			return events[:weight], events[weight:], true
		},
		Skip:       func(events []telemetry.Event, n int) []telemetry.Event { return events[n:] },
		NewEncoder: func() Encoder[[]telemetry.Event] { return testEventCoder{EventEncoder{Run: "run"}} },
		NewDecoder: func() Decoder[[]telemetry.Event] { return testEventCoder{} },
	}
}

type testEventCoder struct{ EventEncoder }

func (c testEventCoder) Append(buf []byte, events []telemetry.Event) []byte {
	for i := range events {
		buf = c.EventEncoder.Append(buf, &events[i])
	}
	return buf
}

func (testEventCoder) Decode(payload []byte, count int) ([][]telemetry.Event, error) {
	events, err := DecodeEvents(payload, count)
	return [][]telemetry.Event{events}, err
}

func TestFailedAppendReturnsTheRestOfEvents(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	store := NewStore(t.TempDir(), 1<<20, log)
	failSync(store, 1)
	q := NewQueue(store, "redis", testEvents(), &selfstat.Disk{}, func(n int) { t.Errorf("%d dropped", n) }, log)
	defer store.Close()
	defer q.Close()
	var lists [][]telemetry.Event
	for i := range 10 {
		var list []telemetry.Event
		for j := range 9 {
			list = append(list, telemetry.Event{Time: time.Unix(1, 0), Seq: uint64(9*i + j), Message: "m"})
		}
		lists = append(lists, list)
	}
	rest, err := q.Append(lists)
	if err == nil {
		t.Fatal("no error")
	}
	next := uint64(0)
	for _, e := range slices.Concat(rest...) {
		if e.Seq != next {
			t.Fatalf("event %d is returned in the place of %d", e.Seq, next)
		}
		next++
	}
	if next != 90 || q.HasBacklog() {
		t.Errorf("%d events are returned of 90; on the disk: %v", next, q.HasBacklog())
	}
}
