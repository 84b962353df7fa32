package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	outputtest.Run(t, outputtest.Case{Definition: sqlite.Plugin, Config: fmt.Sprintf("{path: %q, keep_events: 0, keep_totals: 0}", filepath.Join(t.TempDir(), "a ?#%b.db"))})
}

// fixture is an open output, its reader, and the sequence number of the last event.
type fixture struct {
	*sqlite.Writer
	reader interface {
		outputs.EventReader
		outputs.ConnectionReader
	}
	path string
	seq  uint64
}

// config returns settings for a new file that keeps everything.
func config(t testing.TB) sqlite.Config {
	t.Helper()
	return sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")}
}

func newFixture(t testing.TB, c sqlite.Config) *fixture {
	t.Helper()
	w, err := sqlite.New(outputs.Env{ID: "sqlite", Host: "h1", Instance: "inst0001"}, c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Writer: w, reader: c.NewEventReader(nil).(*sqlite.Reader), path: c.Path}
	t.Cleanup(func() {
		_ = w.Close()
		_ = f.reader.Close()
	})
	return f
}

func open(t testing.TB, c sqlite.Config) *fixture {
	t.Helper()
	f := newFixture(t, c)
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// number gives events the sequence numbers that an agent would.
func (f *fixture) number(events []telemetry.Event) []telemetry.Event {
	for i := range events {
		f.seq++
		events[i].Seq = f.seq
	}
	return events
}

func (f *fixture) write(t testing.TB, events ...telemetry.Event) {
	t.Helper()
	if err := f.WriteEvents(t.Context(), f.number(events)); err != nil {
		t.Fatal(err)
	}
}

// start is the time of events in tests that do not need the current time: the start of an hour.
var start = time.UnixMilli(1_700_000_000_000).Truncate(time.Hour)

// maker makes the events of connections over some time, each with a connect and a close event, some with an alert, in the order of time.
type maker struct {
	random *rand.Rand
	conn   uint64
}

func newMaker() *maker { return &maker{random: rand.New(rand.NewPCG(1, 2))} }

// connection returns the events of one connection that begins at a time.
func (m *maker) connection(at time.Time) (events []connlog.Event) {
	m.conn++
	n := m.random.IntN(200)
	parent := 1000 + int(m.conn)/5000
	e := connlog.Event{
		Time: at, Host: "h1", Kind: connlog.Connect, RunID: "k3zq7abc", Session: "night", Conn: m.conn, PID: 2000 + int(m.conn/20), Comm: []string{"claude", "git", "curl", "node"}[n%4],
		User: "alice", Provider: []string{"anthropic", "openai", ""}[n%3], Proto: connlog.TCP, Direction: connlog.Out,
		Local:  netip.AddrPortFrom(netip.MustParseAddr("10.0.0.5"), uint16(32768+m.conn%28000)),
		Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), []uint16{443, 443, 443, 80}[n%4]),
		Domain: fmt.Sprintf("host-%d.example.com", n), DomainSource: connlog.FromSNI, TxBytes: -1, RxBytes: -1, Via: "ebpf",
	}
	e.Cmdline = e.Comm + " --session 0123456789 https://example.com/some/where?job=" + fmt.Sprint(m.conn/20)
	e.Ancestry = fmt.Sprintf("systemd:1 sshd:700 bash:900 claude:%d %s:%d", parent, e.Comm, e.PID)
	if n%17 == 0 {
		e.Domain, e.DomainSource = "", ""
	}
	if n%11 == 0 {
		e.Direction, e.Local, e.Remote = connlog.In, netip.AddrPortFrom(e.Local.Addr(), 22), netip.AddrPortFrom(e.Remote.Addr(), e.Local.Port())
	}
	if n%13 == 0 {
		e.Error = "connection refused"
	}
	if n%5 == 0 {
		e.Proto = connlog.UDP
	}
	if n%23 == 0 {
		e.Remote = netip.AddrPortFrom(netip.AddrFrom16(e.Remote.Addr().As16()), e.Remote.Port()) // ::ffff:203.0.113.9
	}
	e.Message = e.Summary()
	events = append(events, e)
	if e.Error != "" {
		return events
	}
	e.Kind, e.Duration, e.HasDuration = connlog.Close, time.Duration(m.random.IntN(40_000))*time.Microsecond, n%7 != 0
	if !e.HasDuration {
		e.Duration = 0
	}
	e.Time, e.TxBytes, e.RxBytes, e.RetryCount = at.Add(e.Duration).Truncate(time.Millisecond), int64(m.random.IntN(1<<14)), int64(m.random.IntN(1<<20)), n%3
	e.Message = e.Summary()
	if n%29 == 0 {
		a := e
		a.Kind, a.Alert, a.TxBytes, a.RxBytes, a.Message = connlog.Alert, "unknown_domain", -1, -1, "something else"
		events = append(events, a)
	}
	return append(events, e)
}

// connections returns the events of n connections, evenly over a time.
func (m *maker) connections(from time.Time, d time.Duration, n int) (events []connlog.Event) {
	for i := range n {
		events = append(events, m.connection(from.Add(d*time.Duration(i)/time.Duration(n)).Truncate(time.Millisecond))...)
	}
	return events
}

func toTelemetry(events []connlog.Event) []telemetry.Event {
	out := make([]telemetry.Event, len(events))
	for i := range events {
		out[i] = events[i].Telemetry()
	}
	return out
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{path: \"\"}":      "sqlite.path: must not be empty: it is the file to write to",
		"{keep_events: 1m}": "sqlite.keep_events: must be at least 1h, or 0 to keep events for ever",
		"{keep_totals: 6d}": "sqlite.keep_totals: must be at least 1d and at least keep_events, or 0 to keep totals for ever",
		"{keep_events: 0}":  "sqlite.keep_totals: must be at least 1d and at least keep_events",
		"{max_size: 5kB}":   "sqlite.max_size: must be at least 1MiB, or 0 to set no limit",
		"{keep_events: 0, keep_totals: 0, max_size: 0}": "",
	} {
		_, problems := catalogtest.Decode(t, sqlite.Plugin, text)
		if got := fmt.Sprint(problems); want == "" && len(problems) > 0 || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
