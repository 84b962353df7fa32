package connections

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// archive is the same events in both kinds of stores.
type archive struct {
	writers       []outputs.EventWriter
	tables, redis Store
	seq           uint64
}

func newArchive(t testing.TB) *archive {
	t.Helper()
	file := sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")}
	server := outputtest.NewEmbedded(t)
	search := redissearch.Defaults()
	search.Host, search.Port = server.Host, server.Port
	env := outputs.Env{ID: "test", Instance: "inst0001"}
	a := &archive{tables: NewStore(file.NewEventReader(nil)), redis: NewStore(search.NewEventReader(nil))}
	writeFile, err := sqlite.New(env, file)
	if err != nil {
		t.Fatal(err)
	}
	writeSearch, err := redissearch.New(env, search)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []interface {
		outputs.Output
		outputs.EventWriter
	}{writeFile, writeSearch} {
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.writers = append(a.writers, out)
		t.Cleanup(func() { _ = out.Close() })
	}
	t.Cleanup(func() {
		_ = a.tables.Close()
		_ = a.redis.Close()
	})
	return a
}

func (a *archive) write(t testing.TB, events ...connlog.Event) {
	t.Helper()
	var all []telemetry.Event
	for i := range events {
		e := events[i].Telemetry()
		a.seq++
		e.Seq = a.seq
		all = append(all, e)
	}
	for _, w := range a.writers {
		if err := w.WriteEvents(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
}

var start = time.UnixMilli(1_700_000_000_000).Truncate(time.Hour)

// randomEvents returns events with all combinations of what reports distinguish.
func randomEvents(r *rand.Rand, n int, span time.Duration) (events []connlog.Event) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for i := range n {
		e := connlog.Event{
			Time: start.Add(time.Duration(r.Int64N(int64(span)))).Truncate(time.Millisecond), Host: "h1", Kind: connlog.Kind(pick("connect", "close", "alert")),
			RunID: pick("run1", "run2"), Conn: uint64(i + 1), PID: 1 + r.IntN(9), Comm: pick("claude", "git", "=cmd\x1b[2J", ""), Provider: pick("anthropic", "openai", ""),
			Proto: pick("tcp", "udp"), Direction: pick("out", "in", "listen", ""), Local: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.5"), uint16(r.IntN(3)+22)),
			Domain: pick("a.example", "b.example", "", ""), TxBytes: r.Int64N(1000) - 1, RxBytes: r.Int64N(1000) - 1, Error: pick("", "", "refused"), Via: "ebpf",
			HasDuration: r.IntN(2) == 0,
		}
		if e.HasDuration {
			e.Duration = time.Duration(r.IntN(1e6)) * time.Microsecond
		}
		if r.IntN(5) > 0 {
			e.Remote = netip.AddrPortFrom(netip.MustParseAddr(pick("::ffff:203.0.113.9", "203.0.113.9", "2001:db8::1")), uint16(r.IntN(3)+80))
		}
		if e.Kind != connlog.Close {
			e.TxBytes, e.RxBytes = -1, -1
		}
		events = append(events, e)
	}
	return events
}

func TestReportsAreEqual(t *testing.T) {
	a := newArchive(t)
	r := rand.New(rand.NewPCG(3, 4))
	a.write(t, randomEvents(r, 400, 5*time.Hour)...)
	last := Seen{Time: start.Add(-time.Hour)}
	for i := range 25 {
		q := Query{Top: 1 + r.IntN(6), Latest: i%10 == 0}
		if r.IntN(4) > 0 {
			q.Since = start.Add(time.Duration(r.Int64N(int64(5 * time.Hour))))
		}
		if r.IntN(3) == 0 {
			q.Until = q.Since.Add(time.Duration(r.Int64N(int64(5 * time.Hour))))
			if q.Since.IsZero() {
				q.Until = start.Add(time.Hour)
			}
		}
		var texts [2]string
		for i, s := range []Store{a.tables, a.redis} {
			report, err := NewReport(t.Context(), s, q, last)
			if err != nil {
				t.Fatal(err)
			}
			if q.Latest && report.Run.ID == "" || !q.Latest && q.Since.IsZero() && q.Until.IsZero() && report.IsEmpty() {
				t.Errorf("%+v: %+v", q, report)
			}
			if q.Latest { // which kind of store remembers it
				report.New, report.NewSince = nil, time.Time{}
			}
			text, err := json.MarshalIndent(report, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			texts[i] = string(text)
		}
		if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
			t.Fatalf("%+v: the file (-) and Redis (+) differ:\n%s", q, diff)
		}
	}
}

// A list says how much of it was cut, and its sum is that of all.
func TestTop(t *testing.T) {
	groups := tally{}
	for i := range 30 {
		groups.add(connlog.Group{Destination: fmt.Sprint(i % 10), Port: uint16(i)}, connlog.Totals{Opened: int64(i % 10)})
	}
	l := newList(groups, 3, func(g connlog.Group) string { return g.Destination })
	if len(l.Lines) != 3 || l.More != 7 || l.Lines[0].Name != "9" || l.Lines[0].Opened != 27 {
		t.Errorf("%+v", l)
	}
}

// Memory is bounded, whatever the events hold. What is over is counted.
func TestManyGroups(t *testing.T) {
	sums := tally{}
	for i := range maxGroups + 500 {
		sums.add(connlog.Group{Destination: fmt.Sprint(i), Provider: "p"}, connlog.Totals{Opened: 1})
	}
	if rest := sums[connlog.Group{Provider: "p"}]; len(sums) != maxGroups+1 || rest.Opened != 500 {
		t.Errorf("%d groups, %+v", len(sums), rest)
	}
}

func connect(at time.Time, run string, conn uint64, domain string) connlog.Event {
	return connlog.Event{Time: at, Kind: connlog.Connect, RunID: run, Conn: conn, Comm: "curl", Direction: connlog.Out, Domain: domain, TxBytes: -1, RxBytes: -1}
}

func TestLatestRun(t *testing.T) {
	a := newArchive(t)
	for _, s := range []Store{a.tables, a.redis} {
		if run, err := s.LatestRun(t.Context()); err != nil || run.ID != "" {
			t.Errorf("%+v, %v", run, err)
		}
	}
	a.write(t, connect(start, "old", 1, "a"))
	for i := range 20 {
		a.write(t, connect(start.Add(time.Duration(30+i*7)*time.Minute), "new", uint64(i), "b"))
	}
	for _, s := range []Store{a.tables, a.redis} {
		run, err := s.LatestRun(t.Context())
		if err != nil || run.ID != "new" || !run.First.Equal(start.Add(30*time.Minute)) || !run.Last.Equal(start.Add(163*time.Minute)) {
			t.Errorf("%T: %+v, %v", s, run, err)
		}
	}
}

func TestStatus(t *testing.T) {
	a := newArchive(t)
	now := time.Date(2026, 11, 5, 19, 30, 0, 0, time.Local)
	stores := []Store{a.tables, a.redis}
	check := func(want Status) {
		t.Helper()
		for _, s := range stores {
			if got, err := s.ReadStatus(t.Context(), now); err != nil || got != want {
				t.Errorf("%T: %+v, %v, want %+v", s, got, err, want)
			}
		}
	}
	check(Status{Empty: true})
	closed := connect(now.Add(-time.Hour), "r", 1, "a")
	closed.Kind = connlog.Close
	alert := connect(now.Add(-time.Minute), "r", 2, "a")
	alert.Kind = connlog.Alert
	failed := connect(now.Add(-time.Minute), "r", 9, "a")
	failed.Error = "refused"
	a.write(t, connect(now.Add(-21*time.Hour), "r", 1, "a"), connect(now.Add(-20*time.Hour), "r", 2, "a"), connect(now.Add(-2*time.Hour), "r", 3, "a"), closed, alert, failed)
	check(Status{Active: 2, Opened: 1, Alerts: 1})
}

func TestMemory(t *testing.T) {
	a := newArchive(t)
	path := filepath.Join(t.TempDir(), "state", "reports.json")
	report := func(s Store, at time.Time) *Report {
		t.Helper()
		m, err := OpenMemory(path)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%T", s)
		r, err := NewReport(t.Context(), s, Query{Top: 2, ConnectionQuery: outputs.ConnectionQuery{Since: at.Add(-time.Hour)}}, m.Get(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Keep(name, s, r, at); err != nil {
			t.Fatal(err)
		}
		return r
	}
	in := connect(start.Add(11*time.Minute), "r", 9, "client.example")
	in.Direction = connlog.In
	a.write(t, connect(start, "r", 1, "old.example"), in)
	stores := []Store{a.tables, a.redis}
	report(stores[0], start.Add(time.Minute))
	if r := report(stores[1], start.Add(time.Minute)); r.KnowsNew {
		t.Errorf("the first report knows what is new: %+v", r)
	}
	// The second report reads one hour, but what is new since the first one is older.
	a.write(t, connect(start.Add(10*time.Minute), "r", 2, "early.example"), connect(start.Add(3*time.Hour), "r", 3, "late.example"), connect(start.Add(3*time.Hour), "r", 4, "old.example"))
	for _, s := range stores {
		r := report(s, start.Add(3*time.Hour+time.Minute))
		if !r.KnowsNew || !slices.Equal(r.New, []string{"early.example", "late.example"}) || !r.NewSince.Equal(start.Add(time.Minute)) {
			t.Errorf("%T: new %v since %v", s, r.New, r.NewSince)
		}
		if r := report(s, start.Add(4*time.Hour)); len(r.New) != 0 || !r.KnowsNew {
			t.Errorf("%T: new %v", s, r.New)
		}
	}
	if m, err := OpenMemory(t.TempDir()); err == nil || m.Get("x").Time != (time.Time{}) || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("%+v, %v", m, err)
	}
}
