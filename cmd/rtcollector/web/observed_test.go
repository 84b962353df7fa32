package web_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
)

// connection returns an event about a connection, so many seconds after T.
func connection(seconds float64, kind connlog.Kind, conn uint64, process, provider, domain string) connlog.Event {
	return connlog.Event{
		Time: time.UnixMilli(T*1000 + int64(seconds*1000)), Host: "box", Kind: kind, RunID: "run1", Conn: conn, PID: 300, Comm: process, Ancestry: "systemd:1 > bash:20 > " + process + ":300",
		Provider: provider, Proto: connlog.TCP, Direction: connlog.Out, Local: netip.MustParseAddrPort("10.0.0.5:50000"), Remote: netip.MustParseAddrPort("203.0.113.9:443"),
		Domain: domain, TxBytes: -1, RxBytes: -1, Via: "ebpf",
	}
}

// someConnections are: 1 is closed and got its name late, 2 is open, 3 failed, 4 began before and ends, and two alerts: of 2, and of none.
func someConnections() (all []telemetry.Event) {
	closed := connection(20, connlog.Close, 1, "claude", "anthropic", "api.anthropic.com")
	closed.HasDuration, closed.Duration, closed.TxBytes, closed.RxBytes = true, 1500*time.Millisecond, 100, 2000
	failed := connection(15, connlog.Connect, 3, "git", "anthropic", "Evil.Example.net")
	failed.Error = "connection refused"
	old := connection(16, connlog.Close, 4, "codex", "openai", "")
	old.TxBytes, old.Remote = 7, netip.MustParseAddrPort("203.0.113.10:8443")
	alert := connection(17, connlog.Alert, 2, "git", "anthropic", "github.com")
	alert.Alert, alert.Message, alert.Domain, alert.Ancestry = "domains", "not allowed", "", ""
	many := connlog.Event{Time: time.UnixMilli(T*1000 + 18_000), Host: "box", Kind: connlog.Alert, Alert: "max_connections", RunID: "run1", Message: "101 connections", TxBytes: -1, RxBytes: -1}
	for _, e := range []connlog.Event{
		connection(10, connlog.Connect, 1, "claude", "anthropic", ""), connection(12, connlog.Connect, 2, "git", "anthropic", "github.com"), failed, old, alert, many, closed,
	} {
		all = append(all, e.Telemetry())
	}
	return append(all, event(13, "box", "claude", telemetry.Informational, "a line of a log, not a connection"))
}

// connectionStores are servers over the same events in each kind of store.
func connectionStores(t *testing.T, events []telemetry.Event) map[string]string {
	t.Helper()
	a := newArchive(t)
	a.write(events...)
	file := sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")}
	w, err := sqlite.New(outputs.Env{ID: "sqlite", Instance: "inst0001"}, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if err := w.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"redis": a.base, "sqlite": serve(t, web.Config{Redis: redisconn.Defaults(), Events: &file})}
}

// connectionsFound is the answer of /api/connections.
type connectionsFound struct {
	Since, Until      float64
	Truncated         bool
	Total             map[string]float64
	Groups            []map[string]any
	Connections, Open []map[string]any
	Alerts            []map[string]any
	ConnectionsMore   int `json:"connections_more"`
	OpenMore          int `json:"open_more"`
	AlertsMore        int `json:"alerts_more"`
	GroupsMore        int `json:"groups_more"`
	Error             string
}

func fetchConnections(t *testing.T, base, query string) (code int, f connectionsFound) {
	t.Helper()
	code, body := fetch(t, base+"/api/connections?"+query)
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatal(query, body, err)
	}
	return code, f
}

// list writes one field of each element.
func list(of []map[string]any, fields ...string) string {
	var all []string
	for _, one := range of {
		var texts []string
		for _, f := range fields {
			texts = append(texts, fmt.Sprint(one[f]))
		}
		all = append(all, strings.Join(texts, " "))
	}
	return strings.Join(all, ", ")
}

const wholeSpan = "since=1750003200&until=1750003800"

func TestConnections(t *testing.T) {
	for store, base := range connectionStores(t, someConnections()) {
		t.Run(store, func(t *testing.T) {
			code, f := fetchConnections(t, base, wholeSpan+"&by=process_domain")
			if code != 200 || f.Truncated || f.Since != T || f.Until != T+600 {
				t.Fatal(code, f)
			}
			for _, c := range []struct{ what, got, want string }{
				{"connections", list(f.Connections, "id", "state", "domain"), "box/run1/1 closed api.anthropic.com, box/run1/2 open github.com, box/run1/4 closed 203.0.113.10, box/run1/3 failed Evil.Example.net"},
				{"open", list(f.Open, "id"), "box/run1/2"},
				{"alerts", list(f.Alerts, "kind", "message", "domain", "connection"), "max_connections 101 connections  <nil>, domains not allowed github.com box/run1/2"},
				{"groups", list(f.Groups, "process", "domain", "provider", "opened", "failed", "open", "alerts"),
					"claude api.anthropic.com anthropic 1 0 0 0, git github.com anthropic 1 0 1 1, git Evil.Example.net anthropic 0 1 0 0,    0 0 0 1, codex 203.0.113.10 openai 0 0 0 0"},
			} {
				if c.got != c.want {
					t.Errorf("%s: %s\nwant %s", c.what, c.got, c.want)
				}
			}
			first := f.Connections[0]
			want := map[string]any{
				"id": "box/run1/1", "state": "closed", "time": T + 20.0, "opened": T + 10.0, "closed": T + 20.0, "duration_ms": 1500.0, "tx_bytes": 100.0, "rx_bytes": 2000.0, "host": "box",
				"process": "claude", "pid": 300.0, "ancestry": "systemd:1 > bash:20 > claude:300", "provider": "anthropic", "proto": "tcp", "direction": "out", "domain": "api.anthropic.com",
				"local": "10.0.0.5:50000", "remote": "203.0.113.9:443", "via": "ebpf", "run_id": "run1",
			}
			if diff := cmp.Diff(want, first); diff != "" {
				t.Error(diff)
			}
			total := map[string]float64{"opened": 2, "failed": 1, "closed": 2, "open": 1, "alerts": 2, "tx_bytes": 107, "rx_bytes": 2000, "mean_ms": 1500, "longest_ms": 1500, "last_seen": T + 20}
			if diff := cmp.Diff(total, f.Total); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConnectionFilters(t *testing.T) {
	for store, base := range connectionStores(t, someConnections()) {
		for query, want := range map[string]string{
			"provider=openai": "4", "provider=openai&provider=nobody": "4", "domain=*.anthropic.com": "1", "domain=EVIL.*": "3", "domain=203.0.113.*": "4", "domain=~^git": "2",
			"process=git": "2 3", "process=c*": "1 4", "alert=domains": "2", "alert=duration": "", "host=box": "1 2 4 3", "host=other": "", "provider=": "", "process=git&domain=github.com": "2",
			"last=1": "1", "since=1750003216": "1 2 4", "until=1750003212": "2 1",
		} {
			code, f := fetchConnections(t, base, query+"&"+wholeSpan) // the first value of a parameter counts
			got := strings.ReplaceAll(strings.ReplaceAll(list(f.Connections, "id"), "box/run1/", ""), ",", "")
			if code != 200 || got != want {
				t.Errorf("%s: %s: %d %q, want %q", store, query, code, got, want)
			}
		}
		if _, f := fetchConnections(t, base, wholeSpan+"&last=1"); f.ConnectionsMore != 3 || f.AlertsMore != 1 || f.OpenMore != 0 {
			t.Errorf("%s: what was cut: %+v", store, f)
		}
		for by, want := range map[string]string{
			"": "anthropic, , openai", "provider": "anthropic, , openai", "process": "claude, git, , codex", "port": "443/tcp, , 8443/tcp", "domain": "api.anthropic.com, github.com, Evil.Example.net, , 203.0.113.10",
		} {
			_, f := fetchConnections(t, base, wholeSpan+"&by="+by)
			field := by
			if by == "" {
				field = "provider"
			}
			if got := sorted(list(f.Groups, field)); got != sorted(want) {
				t.Errorf("%s: by %q: %q, want %q", store, by, got, want)
			}
		}
	}
}

// sorted sorts the elements of a list, because groups of the same size have another order.
func sorted(text string) string {
	all := strings.Split(text, ", ")
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestConnectionMistakes: the answer names the parameter, or says what is missing.
func TestConnectionMistakes(t *testing.T) {
	base := newArchive(t).base
	for query, part := range map[string]string{
		"by=colour": "process_domain", "last=0": "last", "last=1001": "last", "since=x": "since", "until=x": "until", "since=2&until=1": "since", "domain=~(": "domain",
		"domain=" + strings.Repeat("x", 1001): "domain", strings.Repeat("alert=a&", 101): "alert", strings.Repeat("process=a&", 101): "process",
	} {
		if code, f := fetchConnections(t, base, query); code != 400 || !strings.Contains(f.Error, part) {
			t.Errorf("%.60s: %d %q", query, code, f.Error)
		}
	}
	if code, f := fetchConnections(t, serve(t, web.Config{Redis: redisconn.Defaults()}), ""); code != 503 || !strings.Contains(f.Error, "redissearch or sqlite") {
		t.Error(code, f)
	}
	if code, _ := fetchConnections(t, serve(t, web.Config{Redis: redisconn.Defaults(), Settings: config.Web{Auth: &httpauth.Auth{Token: secret.Literal("t")}}}), ""); code != 401 {
		t.Errorf("without a credential the status is %d", code)
	}
	gone := redissearch.Defaults()
	gone.Host, gone.Port = "127.0.0.1", 1
	if code, f := fetchConnections(t, serve(t, web.Config{Redis: gone.Config, Events: &gone}), ""); code != 503 || !strings.Contains(f.Error, "127.0.0.1") {
		t.Error(code, f)
	}
	if code, f := fetchConnections(t, base, ""); code != 200 || len(f.Connections)+len(f.Groups)+len(f.Open)+len(f.Alerts) != 0 || f.Until-f.Since != 3600 {
		t.Errorf("an empty store: %d %+v", code, f)
	}
}

// TestManyConnections: of more events than are read, the newest count, and the answer says so.
func TestManyConnections(t *testing.T) {
	events := make([]telemetry.Event, 0, web.MaxConnectionEvents+10)
	for i := range cap(events) {
		e := connection(float64(i)/100, connlog.Connect, uint64(i+1), "claude", "anthropic", fmt.Sprintf("host-%d.example", i%600))
		events = append(events, e.Telemetry())
	}
	a := newArchive(t)
	a.write(events...)
	_, f := fetchConnections(t, a.base, "by=domain&last=1000&"+wholeSpan)
	if !f.Truncated || f.Since != T+0.1 || f.Total["open"] != web.MaxConnectionEvents || len(f.Groups) != 500 || f.GroupsMore != 100 || len(f.Open) != 1000 || f.OpenMore != web.MaxConnectionEvents-1000 {
		t.Errorf("%v since %v, %v, %d groups and %d, %d open and %d", f.Truncated, f.Since, f.Total, len(f.Groups), f.GroupsMore, len(f.Open), f.OpenMore)
	}
}

// FuzzConnectionQuery: whatever the parameters are, an accepted query is bounded.
func FuzzConnectionQuery(f *testing.F) {
	for _, text := range []string{"by=port&last=5", "since=1e99", "until=-5", "domain=[a-&domain=~(", "domain=", "alert=%00&provider=%ff", "process=a*", "since=5&until=2025-06-15T16:00:02Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, last, err := web.ParseConnectionQuery(v, time.Unix(T, 0))
		if err == nil && (last < 1 || last > 1000 || q.Last != web.MaxConnectionEvents || q.Since.After(q.Until) || q.Until.IsZero() || len(q.Sources) != 1 || len(v["domain"]) > 100) {
			t.Errorf("%+v, %d", q, last)
		}
	})
}
