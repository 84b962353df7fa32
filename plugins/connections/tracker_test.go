package connections

import (
	"cmp"
	"fmt"

	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/remotename"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// nowhere is a host without files.
var nowhere = hostfs.Root{Proc: "/nonexistent", Root: "/nonexistent"}

func newTestTracker(change func(*Config)) *tracker {
	c := defaults()
	if change != nil {
		change(&c)
	}
	w := newWatcher(&c, -1)
	return &tracker{
		config: &c, watcher: w, processes: proctable.New[verdict](nowhere, w), users: proctable.NewUsers(nowhere), runID: "run", host: "host",
		open: map[*connection]struct{}{}, totals: map[totalsKey]*totals{},
	}
}

func watchEverything(c *Config) { c.Patterns = nil }

func decodeEvent(t testing.TB, stored *telemetry.Event) connlog.Event {
	e, err := connlog.Parse(eventdoc.Document(nil).Fill(stored))
	if err != nil {
		t.Error(err)
	}
	return e
}

func parseAll(t *testing.T, events []telemetry.Event) (all []connlog.Event) {
	t.Helper()
	for i := range events {
		all = append(all, decodeEvent(t, &events[i]))
	}
	return all
}

// summarize returns an event as a line: what a test compares.
func summarize(e *connlog.Event) string {
	parts := []string{string(e.Kind)}
	for _, p := range []string{e.Alert, e.Direction, e.Comm, e.Remote.String(), e.Domain, e.Error, e.Reason} {
		if p != "" && p != "invalid AddrPort" {
			parts = append(parts, p)
		}
	}
	if e.HasDuration {
		parts = append(parts, e.Duration.String())
	}
	if e.BeforeStart {
		parts = append(parts, "before start")
	}
	return strings.Join(parts, " ")
}

func summarizeAll(t *testing.T, events []telemetry.Event) []string {
	t.Helper()
	var lines []string
	for _, e := range parseAll(t, events) {
		lines = append(lines, summarize(&e))
	}
	return lines
}

func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// fakeNames knows names after a while.
type fakeNames struct {
	names  map[netip.Addr]remotename.Name
	final  bool
	closed int
}

func (f *fakeNames) Lookup(c remotename.Conn) (remotename.Name, bool) {
	if !f.final {
		return remotename.Name{}, false
	}
	return f.names[c.Remote.Addr()], true
}
func (f *fakeNames) Closed(remotename.Conn)  { f.closed++ }
func (f *fakeNames) Stats() remotename.Stats { return remotename.Stats{} }
func (f *fakeNames) Close() error            { return nil }

var start = time.UnixMilli(1_700_000_000_000)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// claude is a process that is watched.
func claude(t *tracker) *process {
	t.processes.Executed(proctable.ID{PID: 300, Start: 1}, 0, 0, "claude", []byte("claude\x00"))
	return t.processes.Find(300)
}

func (t *tracker) testConnect(p *process, remote string, when time.Time) *connection {
	c := t.begin(&connection{
		process: p, proto: connlog.TCP, direction: connlog.Out, remote: netip.MustParseAddrPort(remote), opened: when, tx: 0, rx: 0,
	})
	t.establish(c, when)
	return c
}

// Events wait for the name, but not for ever, and a connection that ends in the meantime has both of its events, in order.
func TestEventsWaitForNames(t *testing.T) {
	tr := newTestTracker(nil)
	names := &fakeNames{names: map[netip.Addr]remotename.Name{netip.MustParseAddr("192.0.2.1"): {Name: "api.anthropic.com", Source: connlog.FromPTR}}}
	tr.names = names
	p := claude(tr)
	tr.end(tr.testConnect(p, "192.0.2.1:443", at(0)), at(5), "")
	tr.announceNamed(at(1000))
	if len(tr.events) > 0 {
		t.Fatalf("%q did not wait", summarizeAll(t, tr.takeEvents()))
	}
	names.final = true
	tr.announceNamed(at(1100))
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{
		"connect out claude 192.0.2.1:443 api.anthropic.com", "close out claude 192.0.2.1:443 api.anthropic.com 5ms",
	})
	names.final = false
	tr.end(tr.testConnect(p, "192.0.2.8:443", at(1900)), at(4000), "")
	tr.fail(tr.begin(&connection{process: p, proto: connlog.TCP, direction: connlog.Out, remote: netip.MustParseAddrPort("192.0.2.7:443"), opened: at(1900)}), at(1900), "refused")
	tr.announceNamed(at(4899))
	if len(tr.events) > 0 {
		t.Errorf("%q did not wait", summarizeAll(t, tr.takeEvents()))
	}
	tr.announceNamed(at(4900))
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{
		"connect out claude 192.0.2.8:443", "close out claude 192.0.2.8:443 2.1s", "connect out claude 192.0.2.7:443 refused",
	})
	tr.testConnect(p, "192.0.2.9:443", at(2000))
	tr.announceNamed(at(4999))
	if len(tr.events) > 0 {
		t.Error("the event did not wait")
	}
	tr.announceNamed(at(5000))
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{"connect out claude 192.0.2.9:443"})
	if names.closed != 3 || len(tr.open) != 1 {
		t.Errorf("%d connections were closed, %d are open", names.closed, len(tr.open))
	}
}

// What is open at the end gets a close event that says so, also if its name is not known yet.
func TestShutDown(t *testing.T) {
	tr := newTestTracker(nil)
	tr.names = &fakeNames{}
	tr.testConnect(claude(tr), "192.0.2.1:443", at(0))
	tr.shutDown(at(70))
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{
		"connect out claude 192.0.2.1:443", "close out claude 192.0.2.1:443 shutdown 70ms",
	})
	if len(tr.open) != 0 || tr.active() != 0 {
		t.Errorf("%d are open", len(tr.open))
	}
}

// A child counts for the provider of its ancestor; a process without one for that of the domain.
func TestProviders(t *testing.T) {
	tr := newTestTracker(func(c *Config) {
		c.Patterns = nil
		c.Providers.List = []Provider{{Name: "mine", Processes: []string{"BUILD-tool"}, Domains: domainPatterns("*.cdn.example")}}
	})
	names := &fakeNames{final: true, names: map[netip.Addr]remotename.Name{
		netip.MustParseAddr("192.0.2.1"): {Name: "www.openai.com"},
		netip.MustParseAddr("192.0.2.2"): {Name: "shop.example", CNAMEs: []string{"edge.cdn.example"}},
		netip.MustParseAddr("192.0.2.3"): {Name: "openai.com.evil.example"},
	}}
	tr.names = names
	id := func(pid int) proctable.ID { return proctable.ID{PID: pid, Start: 1} }
	tr.processes.Executed(id(1), 0, 0, "init", []byte("init\x00"))
	tr.processes.Executed(id(10), 1, 0, "node", []byte("node\x00/usr/bin/claude\x00"))
	tr.processes.Executed(id(11), 10, 0, "git", []byte("git\x00fetch\x00"))
	tr.processes.Executed(id(12), 11, 0, "codex", []byte("codex\x00"))
	tr.processes.Executed(id(13), 1, 0, "curl", []byte("curl\x00"))
	tr.processes.Executed(id(14), 1, 0, "Build-Tool", nil)
	for _, c := range []struct {
		pid            int
		remote, wanted string
	}{
		{10, "192.0.2.1", "anthropic"}, {11, "192.0.2.1", "anthropic"}, {12, "192.0.2.9", "openai"}, {13, "192.0.2.1", "openai"}, {13, "192.0.2.2", "mine"},
		{13, "192.0.2.3", ""}, {13, "192.0.2.9", ""}, {14, "192.0.2.1", "mine"},
	} {
		conn := tr.testConnect(tr.processes.Find(c.pid), c.remote+":443", at(0))
		if conn.provider != c.wanted {
			t.Errorf("%s to %s counts for %q, not %q", conn.comm, c.remote, conn.provider, c.wanted)
		}
	}
	sums := map[string]int{}
	for k, s := range tr.totals {
		sums[k.provider] += s.active
	}
	if got := fmt.Sprint(sums); got != "map[anthropic:2 mine:2 openai:2 other:2]" {
		t.Error(got)
	}
}

// Each kind of alert is an event and a count; those within the cooldown are counted only.
func TestAlerts(t *testing.T) {
	tr := newTestTracker(func(c *Config) {
		c.Alerts = Alerts{
			Domains: domainPatterns("*.EVIL.example"), UnknownDomain: true, MaxConnections: 3, MaxPerProvider: 2, Duration: c.Alerts.Cooldown, Cooldown: c.Alerts.Cooldown,
		}
	})
	tr.names = &fakeNames{final: true, names: map[netip.Addr]remotename.Name{
		netip.MustParseAddr("192.0.2.1"): {Name: "good.example"}, netip.MustParseAddr("192.0.2.2"): {Name: "x.evil.example"},
	}}
	p := claude(tr)
	tr.testConnect(p, "192.0.2.1:1", at(0))
	tr.testConnect(p, "192.0.2.2:1", at(1))
	tr.testConnect(p, "192.0.2.2:2", at(2))
	tr.testConnect(p, "192.0.2.7:1", at(3))
	tr.testConnect(p, "127.0.0.1:1", at(4))
	tr.fail(tr.begin(&connection{process: p, proto: connlog.TCP, direction: connlog.Out, remote: netip.MustParseAddrPort("192.0.2.8:1"), opened: at(5)}), at(5), "refused")
	tr.alerts.checkDurations(tr, at(10_000))
	tr.alerts.checkDurations(tr, at(10_000))
	var alerts []string
	for _, e := range parseAll(t, tr.takeEvents()) {
		if e.Kind == connlog.Alert {
			alerts = append(alerts, e.Alert+": "+e.Message)
		}
	}
	wantLines(t, alerts, []string{
		"domains: claude connected to x.evil.example",
		"max_per_provider: 3 connections of anthropic are open, more than 2",
		"unknown_domain: claude connected to 192.0.2.7:1, which has no known name",
		"max_connections: 4 connections are open, more than 3",
		"unknown_domain: claude tried to connect to 192.0.2.8:1, which has no known name",
		"duration: claude has been connected to good.example for 10s",
	})
	want := map[string]uint64{alertDomains: 1, alertMaxPerProvider: 2, alertMaxConnections: 1, alertDuration: 0}
	for kind, n := range want {
		if got := tr.alerts.suppressed[kind]; got != n {
			t.Errorf("%d alerts %s were suppressed, want %d", got, kind, n)
		}
	}
}

// Connecting again shortly afterwards is a retry; to another remote end, later, or by another process, it is not.
func TestRetries(t *testing.T) {
	tr := newTestTracker(watchEverything)
	p := claude(tr)
	tr.processes.Executed(proctable.ID{PID: 301, Start: 1}, 0, 0, "other", nil)
	other := tr.processes.Find(301)
	for i, c := range []struct {
		p      *process
		remote string
		ms     int
		want   int
	}{
		{p, "192.0.2.1:443", 0, 0}, {p, "192.0.2.1:443", 100, 1}, {p, "192.0.2.1:80", 200, 0}, {other, "192.0.2.1:443", 300, 0},
		{p, "192.0.2.1:443", 30_100, 2}, {p, "192.0.2.1:443", 60_101, 0},
	} {
		if got := tr.testConnect(c.p, c.remote, at(c.ms)).retries; got != c.want {
			t.Errorf("attempt %d is retry %d, want %d", i, got, c.want)
		}
	}
	for i := range 3 * maxRecent {
		tr.retries.count(&connection{process: p, remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)}, at(60_200), time.Second)
	}
	if n := len(tr.retries.recent); n > maxRecent {
		t.Errorf("%d are remembered", n)
	}
}

// Neither too many connections nor outputs that are too slow make the input grow; both are counted.
func TestBounds(t *testing.T) {
	tr := newTestTracker(watchEverything)
	p := claude(tr)
	for range maxTracked + 10 {
		if c := tr.begin(&connection{process: p, proto: connlog.TCP, direction: connlog.Out, remote: netip.MustParseAddrPort("192.0.2.1:1"), opened: at(0)}); c != nil {
			tr.establish(c, at(0))
		}
	}
	if tr.missed != 10 || len(tr.open) != maxTracked || len(tr.events) > maxEvents || int(tr.droppedEvents)+len(tr.events) != maxTracked {
		t.Errorf("missed %d, open %d, events %d, dropped %d", tr.missed, len(tr.open), len(tr.events), tr.droppedEvents)
	}
}

func TestWatchedProcesses(t *testing.T) {
	id := func(pid int) proctable.ID { return proctable.ID{PID: pid, Start: uint64(pid)} }
	for name, c := range map[string]struct {
		change func(*Config)
		want   string // the watched ones
	}{
		"defaults":           {nil, "10 11 12 15"},
		"no descendants":     {func(c *Config) { c.Descendants = false }, "10 15"},
		"exclude":            {func(c *Config) { c.Exclude = []string{"GIT"} }, "10 15"},
		"exclude, but match": {func(c *Config) { c.Exclude, c.Patterns = []string{"git fetch"}, []string{"claude", "ssh"} }, "10 12 15"},
		"everything":         {watchEverything, "1 10 11 12 13 15"},
		"pids only":          {func(c *Config) { c.Patterns, c.PIDs = nil, []int{11} }, "11 12"},
		"a pid alone":        {func(c *Config) { c.Patterns, c.PIDs, c.Descendants = nil, []int{11}, false }, "11"},
		"case":               {func(c *Config) { c.Patterns = []string{"CURL"} }, "13"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTestTracker(c.change)
			tr.watcher.self = 14
			tr.processes.Executed(id(1), 0, 0, "init", []byte("init\x00"))
			tr.processes.Executed(id(10), 1, 0, "node", []byte("node\x00/opt/Claude/cli.js\x00"))
			tr.processes.Executed(id(11), 10, 0, "git", []byte("git\x00fetch\x00"))
			tr.processes.Executed(id(12), 11, 0, "ssh", []byte("ssh\x00git.example\x00"))
			tr.processes.Executed(id(13), 1, 0, "curl", []byte("curl\x00"))
			tr.processes.Executed(id(14), 1, 0, "rtcollector", []byte("rtcollector\x00observe\x00--pattern\x00claude\x00"))
			tr.processes.Forked(id(15), 10, 0, "node")
			var pids []int
			tr.processes.All(func(p *process) {
				if p.Info.watched {
					pids = append(pids, p.PID)
				}
			})
			slices.SortFunc(pids, cmp.Compare[int])
			got := strings.Trim(fmt.Sprint(pids), "[]")
			if got != c.want {
				t.Errorf("watched: %s, want %s", got, c.want)
			}
		})
	}
}

func nameOf(text string) *remotename.Name { return &remotename.Name{Name: text} }
