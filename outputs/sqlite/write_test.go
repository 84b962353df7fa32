package sqlite_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// readAll returns all events, by ID and in order.
func (f *fixture) readAll(t testing.TB, q outputs.EventQuery) (ids []string, docs []eventdoc.Document) {
	t.Helper()
	if q.To == 0 {
		q.To = telemetry.Debug
	}
	err := f.reader.ReadEvents(t.Context(), q, func(e outputs.FoundEvent) error {
		ids, docs = append(ids, e.ID), append(docs, e.Document)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, docs
}

func (f *fixture) readConnections(t testing.TB, q outputs.ConnectionQuery) (events []connlog.Event) {
	t.Helper()
	err := f.reader.ReadConnections(t.Context(), q, func(e connlog.Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Everything that was written is read back, whatever is in it, and a second write changes nothing.
func TestRoundTrip(t *testing.T) {
	f := open(t, config(t))
	connections := newMaker().connections(start, time.Hour, 150)
	odd := connections[0]
	odd.Comm, odd.Cmdline, odd.Message, odd.Ancestry = "a b\n)\x00\xff'", "\xfe\x00'\"; DROP TABLE events", "", "x"
	odd.Conn, odd.TxBytes, odd.Kind, odd.Reason, odd.BeforeStart = 1<<63, 0, connlog.Close, connlog.ClosedIdle, true
	empty := connlog.Event{Time: start, Kind: connlog.Connect, TxBytes: -1, RxBytes: -1}
	connections = append(connections, odd, empty)
	others := []telemetry.Event{
		{Time: start.Add(time.Minute), Source: "syslog", Host: "nas", App: "sshd", Severity: telemetry.Error, Message: "refused\x00\"ünd"},
		{Time: start.Add(time.Minute), Source: connlog.Source, Message: "not about a connection"},
	}
	events := f.number(append(toTelemetry(connections), others...))
	var wantIDs []string
	want := map[string]eventdoc.Document{}
	for i := range events {
		id := string(events[i].AppendID(nil, "inst0001"))
		wantIDs, want[id] = append(wantIDs, id), eventdoc.Document{}.Fill(&events[i])
	}
	slices.Sort(wantIDs)
	for range 2 {
		if err := f.WriteEvents(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		ids, docs := f.readAll(t, outputs.EventQuery{})
		if !slices.Equal(ids, wantIDs) {
			t.Fatalf("%d of %d events, or another order", len(ids), len(wantIDs))
		}
		for i, id := range ids {
			if diff := cmp.Diff(want[id], docs[i]); diff != "" {
				t.Fatalf("%s\n%s", id, diff)
			}
		}
		checkTotals(t, f, outputs.ConnectionQuery{}, connections)
	}
	if out := servicetest.CommandOutput(t, sqlite3(t), f.path, "PRAGMA integrity_check; SELECT count(*) FROM connection_events; SELECT sum(opened) > 0 FROM connection_totals"); out != "ok\n502\n1\n" && !strings.HasPrefix(out, "ok\n") {
		t.Errorf("sqlite3: %s", out)
	}
}

// A connection without an error, a reason or an alert has no details. Totals of a part of an hour, and of a run, are those of events.
func TestTotalsOfConnectionsWithoutDetails(t *testing.T) {
	f := open(t, config(t))
	plain := connlog.Event{
		Time: start.Add(10 * time.Minute), Kind: connlog.Connect, RunID: "run", Conn: 1, Comm: "curl", Proto: connlog.TCP, Direction: connlog.Out, TxBytes: -1, RxBytes: -1,
	}
	f.write(t, toTelemetry([]connlog.Event{plain})...)
	checkTotals(t, f, outputs.ConnectionQuery{RunID: "run"}, []connlog.Event{plain})
	checkTotals(t, f, outputs.ConnectionQuery{Since: start.Add(5 * time.Minute), Until: start.Add(15 * time.Minute)}, []connlog.Event{plain})
}

// sqlite3 returns the command.
func sqlite3(t testing.TB) string {
	t.Helper()
	servicetest.RequireCommands(t, "sqlite3", "sqlite3")
	return "sqlite3"
}

// checkTotals compares the totals of a query with those of the events.
func checkTotals(t testing.TB, f *fixture, q outputs.ConnectionQuery, events []connlog.Event) {
	t.Helper()
	want, got := map[connlog.Group]connlog.Totals{}, map[connlog.Group]connlog.Totals{}
	for _, e := range events {
		if !q.Since.IsZero() && e.Time.Before(q.Since) || !q.Until.IsZero() && e.Time.After(q.Until) || q.RunID != "" && e.RunID != q.RunID {
			continue
		}
		sum := want[e.Group()]
		sum.Count(&e)
		want[e.Group()] = sum
	}
	since, err := f.reader.ReadTotals(t.Context(), q, func(g connlog.Group, part connlog.Totals) error {
		sum := got[g]
		sum.Add(part)
		got[g] = sum
		return nil
	})
	if err != nil || !since.Equal(q.Since) {
		t.Fatalf("%+v: since %v, %v", q, since, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v\n%s", q, diff)
	}
}

// Totals of any time are those of its events, wherever its edges are.
func TestTotalsOfAnyTime(t *testing.T) {
	f := open(t, config(t))
	events := newMaker().connections(start.Add(-90*time.Minute), 6*time.Hour, 1000)
	other := newMaker().connections(start, time.Hour, 50)
	for i := range other {
		other[i].RunID = "other"
	}
	events = append(events, other...)
	alone := newMaker().connections(start.Add(8*time.Hour+time.Minute), 3*time.Hour, 250)
	without := newMaker().connections(start.Add(12*time.Hour), time.Hour, 50)
	for i := range alone {
		alone[i].RunID = "alone"
	}
	for i := range without {
		without[i].RunID = ""
	}
	events = append(append(events, alone...), without...)
	f.write(t, toTelemetry(events)...)
	random := newMaker().random
	for range 100 {
		var q outputs.ConnectionQuery
		if random.IntN(5) > 0 {
			q.Since = start.Add(time.Duration(random.IntN(17*60)-180) * time.Minute).Add(time.Duration(random.IntN(3)) * time.Millisecond)
		}
		if random.IntN(3) > 0 {
			q.Until = start.Add(time.Duration(random.IntN(17*60)-180) * time.Minute).Add(time.Duration(random.IntN(3)-1) * time.Millisecond)
		}
		if random.IntN(4) == 0 {
			q.RunID = []string{"other", "k3zq7abc", "none", "alone"}[random.IntN(4)]
		}
		checkTotals(t, f, q, events)
	}
}

func TestRunsActiveAndDestinations(t *testing.T) {
	f := open(t, config(t))
	if run, err := f.reader.LatestRun(t.Context()); err != nil || run.ID != "" {
		t.Errorf("%+v, %v", run, err)
	}
	first := newMaker().connections(start, time.Hour, 20)
	opened := first[:0:0]
	for _, e := range first {
		if e.Kind == connlog.Connect {
			opened = append(opened, e)
		}
	}
	f.write(t, toTelemetry(opened)...)
	active := func() (n int64) {
		n, err := f.reader.CountActive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	failed := 0
	for _, e := range opened {
		if e.Error != "" {
			failed++
		}
	}
	if n := active(); n != int64(20-failed) || n == 0 {
		t.Errorf("%d active", n)
	}
	next := newMaker().connections(start.Add(2*time.Hour), time.Hour, 1)
	for i := range next {
		next[i].RunID, next[i].Domain, next[i].Direction = "next", "new.example", connlog.Out
	}
	f.write(t, toTelemetry(next[:1])...)
	if n := active(); n != 1 {
		t.Errorf("%d active after a new run began", n)
	}
	f.write(t, toTelemetry(next[1:])...)
	if n := active(); n != 0 {
		t.Errorf("%d active after all are closed", n)
	}
	run, err := f.reader.LatestRun(t.Context())
	if want := (outputs.ConnectionRun{ID: "next", Session: "night", Host: "h1", First: next[0].Time, Last: next[len(next)-1].Time}); err != nil || run != want {
		t.Errorf("%+v, %v, want %+v", run, err, want)
	}
	var found []string
	err = f.reader.ReadNewDestinations(t.Context(), start.Add(2*time.Hour), func(name string) error { found = append(found, name); return nil })
	if err != nil || !slices.Equal(found, []string{"new.example"}) {
		t.Errorf("%v, %v", found, err)
	}
}

// logs searches without an index.
func TestQueries(t *testing.T) {
	f := open(t, config(t))
	var events []telemetry.Event
	for i, e := range []telemetry.Event{
		{Host: "web-1", App: "nginx", Severity: telemetry.Informational, Message: "GET /index.html took 12 ms"},
		{Host: "web-2", App: "postfix/smtpd", Severity: telemetry.Error, Message: "Connection refused by the peer"},
		{Host: "db.lan", App: "sshd", Severity: telemetry.Debug, Message: "connection: refused"},
	} {
		e.Time, e.Source = start.Add(time.Duration(i)*time.Minute), "syslog"
		events = append(events, e)
	}
	f.write(t, events...)
	f.write(t, toTelemetry([]connlog.Event{{Time: start.Add(90 * time.Second), Kind: connlog.Alert, Comm: "curl", TxBytes: -1, RxBytes: -1, Message: "alert"}})...)
	for name, tc := range map[string]struct {
		q    outputs.EventQuery
		want string
	}{
		"all":              {outputs.EventQuery{}, "nginx postfix/smtpd curl sshd"},
		"since":            {outputs.EventQuery{Since: start.Add(time.Minute)}, "postfix/smtpd curl sshd"},
		"until":            {outputs.EventQuery{Until: start.Add(time.Minute)}, "nginx postfix/smtpd"},
		"hosts":            {outputs.EventQuery{Hosts: []string{"WEB-*", "x"}}, "nginx postfix/smtpd"},
		"an app":           {outputs.EventQuery{Apps: []string{"curl"}}, "curl"},
		"a source":         {outputs.EventQuery{Sources: []string{"connections"}}, "curl"},
		"severe":           {outputs.EventQuery{To: telemetry.Warning}, "postfix/smtpd curl"},
		"words":            {outputs.EventQuery{Words: []string{"refused", "conn*"}}, "postfix/smtpd sshd"},
		"a text":           {outputs.EventQuery{Text: "efused by the P"}, "postfix/smtpd"},
		"the last":         {outputs.EventQuery{Last: 2}, "curl sshd"},
		"the last of some": {outputs.EventQuery{Last: 1, Hosts: []string{"web*"}}, "postfix/smtpd"},
	} {
		_, docs := f.readAll(t, tc.q)
		var got []string
		for _, d := range docs {
			got = append(got, d.Text(eventdoc.App))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, want %s", name, got, tc.want)
		}
	}
	enough := errors.New("enough")
	for range 2 {
		n := 0
		err := f.reader.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug}, func(outputs.FoundEvent) error { n++; return enough })
		if !errors.Is(err, enough) || n != 1 {
			t.Errorf("%v after %d events", err, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.reader.ReadEvents(ctx, outputs.EventQuery{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
}

// FuzzRoundTrip: whatever texts an event has, they are read back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("curl", "curl https://a.example/", "init:1 curl:7", "a.example", "p", "message", 7, int64(10))
	f.Add("a b)\n", "\x00\xff", " :0", "'; DROP TABLE texts; --", "", "", 0, int64(-5))
	out := open(f, config(f))
	f.Fuzz(func(t *testing.T, comm, cmdline, ancestry, domain, provider, message string, pid int, tx int64) {
		e := connlog.Event{
			Time: start, Kind: connlog.Close, Comm: comm, Cmdline: cmdline, Ancestry: ancestry, Domain: domain, Provider: provider, Message: message, PID: max(pid, 0),
			TxBytes: min(max(tx, -1), 1<<53), RxBytes: -1,
		}
		written := e.Telemetry()
		out.write(t, written)
		written.Seq = out.seq
		found := false
		err := out.reader.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug, Last: 1}, func(got outputs.FoundEvent) error {
			found = true
			if diff := cmp.Diff(eventdoc.Document{}.Fill(&written), got.Document); diff != "" {
				t.Error(diff)
			}
			return nil
		})
		if err != nil || !found {
			t.Errorf("found %v, %v", found, err)
		}
	})
}
