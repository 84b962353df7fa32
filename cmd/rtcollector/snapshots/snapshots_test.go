package snapshots

import (
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// end is the time of the newest snapshot of a day.
const end = 1_700_000_000_000

// newDay returns a reader of snapshots: so many, a minute apart, each with so many rows.
func newDay(t testing.TB, count, rows int) outputs.EventReader {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	settings := redissearch.Defaults()
	settings.Config = redisconn.Defaults()
	settings.Host, settings.Port = servicetest.HostPort(t, server.Addr())
	w, err := redissearch.New(outputs.Env{ID: "redissearch", Instance: "inst0001"}, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	var events []telemetry.Event
	for i := range count {
		at := time.UnixMilli(end).Add(-time.Duration(i) * time.Minute)
		for rank := 1; rank <= rows; rank++ {
			row := proclog.Row{Time: at, Host: "box", Snapshot: at.UnixMilli(), Rank: rank, PID: rank, Name: "program", Cmdline: "program " + strings.Repeat("x", 100), Group: "web", CPU: 100 / float64(rank)}
			e := row.Event()
			e.Seq = uint64(len(events) + 1)
			events = append(events, e)
		}
	}
	for len(events) > 0 {
		n := min(1000, len(events))
		if err := w.WriteEvents(t.Context(), events[:n]); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
	reader := settings.NewEventReader(nil)
	t.Cleanup(func() { _ = reader.Close() })
	return reader
}

// More processes than are read: the newest times are known, and that there are others.
func TestTimesAreBounded(t *testing.T) {
	r := newDay(t, 250, 50)
	times, truncated, err := Times(t.Context(), r, "box", time.UnixMilli(end).Add(-24*time.Hour), time.UnixMilli(end))
	if err != nil || !truncated || len(times) != maxEvents/50 || !times[len(times)-1].Equal(time.UnixMilli(end)) {
		t.Errorf("%d times, truncated %v, %v", len(times), truncated, err)
	}
	times, truncated, err = Times(t.Context(), r, "box", time.UnixMilli(end).Add(-10*time.Minute), time.UnixMilli(end).Add(-time.Minute))
	if err != nil || truncated || len(times) != 10 {
		t.Errorf("%d times, truncated %v, %v", len(times), truncated, err)
	}
	s, err := Find(t.Context(), r, "box", time.UnixMilli(end).Add(-240*time.Minute-time.Second))
	if err != nil || s == nil || len(s.Rows) != 50 || !s.Time.Equal(time.UnixMilli(end).Add(-241*time.Minute)) || s.Rows[49].Rank != 50 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOrder(t *testing.T) {
	s := Snapshot{Rows: []proclog.Row{
		{PID: 1, PSS: proclog.Unknown, Group: "a", Subgroup: "x"}, {PID: 2, PSS: 0, Group: "a"}, {PID: 3, PSS: 7, Group: "a", Subgroup: "y"}, {PID: 4, PSS: proclog.Unknown, Group: "b"},
	}}
	s.Sort("pss")
	order := func() (pids []int) {
		for _, r := range s.Rows {
			pids = append(pids, r.PID)
		}
		return pids
	}
	if got := order(); got[0] != 3 || got[1] != 2 || got[2] != 1 || got[3] != 4 {
		t.Errorf("by PSS: %v", got)
	}
	s.Keep("a")
	if got := order(); len(got) != 3 {
		t.Errorf("group a: %v", got)
	}
	s.Keep("a/x")
	if got := order(); len(got) != 1 || got[0] != 1 {
		t.Errorf("subgroup: %v", got)
	}
	for _, by := range strings.FieldsFunc(Orders, func(r rune) bool { return r == ',' || r == ' ' }) {
		if by != "or" && !IsOrder(by) {
			t.Errorf("%s is no order", by)
		}
	}
	if IsOrder("") || IsOrder("size") {
		t.Error("there are orders that do not exist")
	}
}

func BenchmarkFind(b *testing.B) {
	r := newDay(b, 200, 50)
	for b.Loop() {
		if s, err := Find(b.Context(), r, "box", time.UnixMilli(end).Add(-100*time.Minute)); err != nil || len(s.Rows) != 50 {
			b.Fatal(err)
		}
	}
}

func BenchmarkTimes(b *testing.B) {
	r := newDay(b, 200, 50)
	for b.Loop() {
		if _, _, err := Times(b.Context(), r, "box", time.UnixMilli(end).Add(-24*time.Hour), time.UnixMilli(end)); err != nil {
			b.Fatal(err)
		}
	}
}
