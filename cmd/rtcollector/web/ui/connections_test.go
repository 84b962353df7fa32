package ui_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// connect returns the event of a connection that was opened on the host atlas, so long before end.
func connect(end time.Time, before time.Duration, conn uint64, process, provider, domain string) connlog.Event {
	return connlog.Event{
		Time: end.Add(-before), Host: "atlas", Kind: connlog.Connect, RunID: "run1", Conn: conn, PID: 300 + int(conn), Comm: process, Cmdline: process + " --continue", User: "anna",
		Ancestry: fmt.Sprintf("systemd:1 > bash:20 > claude:300 > %s:%d", process, 300+conn), Provider: provider, Proto: connlog.TCP, Direction: connlog.Out,
		Local: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.5"), 50_000+uint16(conn)), Remote: netip.MustParseAddrPort("203.0.113.9:443"), Domain: domain, DomainSource: connlog.FromSNI, TxBytes: -1, RxBytes: -1, Via: "ebpf",
	}
}

// closed returns the event of its end.
func closed(e connlog.Event, after time.Duration, tx, rx int64) connlog.Event {
	e.Time, e.Kind, e.Duration, e.HasDuration, e.TxBytes, e.RxBytes = e.Time.Add(after), connlog.Close, after, true, tx, rx
	return e
}

// fillConnections writes 60 invented connections of the hour before end: each tenth failed, each seventh is open, and some have an alert.
func (r *redis) fillConnections(t testing.TB, end time.Time) {
	t.Helper()
	talks := []struct{ process, provider, domain string }{
		{"claude", "anthropic", "api.anthropic.com"}, {"claude", "anthropic", "statsig.anthropic.com"}, {"git", "anthropic", "github.com"}, {"codex", "openai", "api.openai.com"},
		{"node", "openai", "registry.npmjs.org"}, {"gemini", "google", "generativelanguage.googleapis.com"}, {"curl", "", "tracker.example.net"},
	}
	var events []telemetry.Event
	for i := range 60 {
		talk := talks[i*13%29%6]
		if i%29 == 1 {
			talk = talks[6]
		}
		e := connect(end, time.Duration(60-i)*50*time.Second, uint64(i+1), talk.process, talk.provider, talk.domain)
		if i%10 == 3 {
			e.Error = "connection refused"
		}
		events = append(events, e.Telemetry())
		if end := closed(e, time.Duration(i*i%700)*37*time.Millisecond, int64(i*i*311%90_000), int64(i*i*7919%9_000_000)); i%7 != 2 && e.Error == "" {
			events = append(events, end.Telemetry())
		}
		if i%29 == 1 {
			alert := e
			alert.Kind, alert.Alert = connlog.Alert, "domains"
			events = append(events, alert.Telemetry())
		}
	}
	r.writeEvents(t, events...)
}

// rows returns the first two cells of each row of the table.
const rows = `[...document.querySelectorAll(".rows tbody tr")].map((row) => [...row.children].slice(0, 2).map((cell) => cell.innerText).join(" "))`

// TestConnectionsFilter follows a person with a keyboard: from the table to one process, to the detail of one connection, to a domain, and back.
func TestConnectionsFilter(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/hosts")
	p.press("gc")
	p.wait(`location.pathname === "/connections" && document.querySelectorAll(".rows tbody tr").length >= 6`)
	p.settle()
	all := eval[[]string](p, rows)
	if !slices.Contains(all, "claude api.anthropic.com") || !slices.Contains(all, "curl tracker.example.net") {
		t.Errorf("the table has %q", all)
	}
	if alerts := p.text(`.line[data-level="bad"]`); !strings.Contains(alerts, "alert domains: tracker.example.net") {
		t.Errorf("the first alert says %q", alerts)
	}
	eval[bool](p, `([...document.querySelectorAll(".cell-filter")].find((e) => e.textContent === "codex").focus(), true)`)
	p.press("\r")
	p.wait(`new URLSearchParams(location.search).get("process") === "codex"`)
	p.settle()
	if got := eval[[]string](p, rows); !slices.Equal(got, []string{"codex api.openai.com"}) {
		t.Errorf("a process leads to %q", got)
	}
	eval[bool](p, `([...document.querySelectorAll("[aria-label='Newest connections'] summary")].at(-1).focus(), true)`)
	p.press("\r")
	p.wait(`document.querySelector(".fields")`)
	detail := p.text(".fields")
	for _, part := range []string{"codex --continue", "systemd:1 > bash:20 > claude:300 > codex:", "203.0.113.9:443", "openai", "anna"} {
		if !strings.Contains(detail, part) {
			t.Errorf("the detail lacks %q: %s", part, detail)
		}
	}
	p.screenshot("connections-detail.png")
	p.click(`document.querySelector(".chip")`)
	p.wait(`!new URLSearchParams(location.search).has("process")`)
	p.settle()
	p.click(`[...document.querySelectorAll(".rows .cell-filter")].find((e) => e.textContent === "tracker.example.net")`)
	p.wait(`new URLSearchParams(location.search).get("domain") === "tracker.example.net"`)
	p.settle()
	if got := eval[[]string](p, rows); !slices.Equal(got, []string{"curl tracker.example.net"}) {
		t.Errorf("a domain leads to %q", got)
	}
	eval[bool](p, `(history.back(), true)`)
	p.wait(`document.querySelectorAll(".rows tbody tr").length >= 6`)
	p.open("/connections?provider=nobody")
	p.wait(`document.querySelector(".page-note").textContent.includes("pass the filters")`)
}

// TestConnectionsStay: a detail that is open stays open when the page refreshes.
func TestConnectionsStay(t *testing.T) {
	r, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.open("/connections?range=5m")
	p.wait(`document.querySelector("[aria-label='Newest connections'] summary")`)
	eval[bool](p, `(() => { const list = document.querySelector("[aria-label='Newest connections']"); window.kept = list.firstElementChild; kept.querySelector("summary").focus(); kept.firstElementChild.open = true; return true; })()`)
	e := connect(time.Now(), 0, 1000, "wget", "", "new.example.org")
	r.writeEvents(t, e.Telemetry())
	p.wait(`document.querySelector("[aria-label='Newest connections']").innerText.includes("new.example.org")`)
	if !eval[bool](p, `kept.isConnected && kept.firstElementChild.open && document.activeElement === kept.querySelector("summary")`) {
		t.Error("a refresh closed what was open, or took the focus away")
	}
}

// TestConnectionsEmpty: without the input the page says how to turn it on.
func TestConnectionsEmpty(t *testing.T) {
	r := startRedis(t)
	s := startSite(t, r)
	p := openTab(t, s.base, 390, 844)
	p.allow("Failed to load resource")
	for _, there := range []string{"no-index", "other-events"} {
		p.open("/connections")
		p.wait(`document.querySelector(".turn-on:not([hidden])")?.innerText.includes("- connections:")`)
		p.screenshot("connections-empty-" + there + ".png")
		r.fillLogs(t, time.Now())
	}
	s.answer("/api/connections", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":"the store is on holiday"}`, http.StatusServiceUnavailable)
	})
	p.open("/connections")
	p.wait(`document.querySelector(".page-note").textContent === "the store is on holiday"`)
}

// TestConnectionsWidths: nothing sticks out, from the smallest phone to a wide screen.
func TestConnectionsWidths(t *testing.T) {
	_, s := fleet(t)
	for _, width := range []int{360, 700, 2560} {
		p := openTab(t, s.base, width, 900)
		p.open("/connections?theme=dark")
		p.wait(`document.querySelectorAll(".rows tbody tr").length >= 6`)
		p.screenshot(fmt.Sprintf("connections-%d.png", width))
		if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("at %d the page is %v pixels wider than the window: %s", width, wide, eval[string](p, widest))
		}
	}
}

// TestConnectionsUntrusted: names of processes and domains come from strangers. They are texts, and a click filters by exactly them.
func TestConnectionsUntrusted(t *testing.T) {
	r := startRedis(t)
	end := time.Unix(evilTime, 0)
	evil := []string{"<img src=x onerror=alert(1)>", "~(", "[x", "*", "a\u202eb", `</script><script>alert(1)</script>`, `"'{{7*7}}`, "new\nline", strings.Repeat("long", 60)}
	var events []telemetry.Event
	for i, name := range evil {
		e := connect(end, time.Duration(i+1)*time.Second, uint64(i+1), name, name, name)
		e.Error, e.User, e.Cmdline, e.Ancestry = name, name, name, name
		events = append(events, e.Telemetry())
		e.Kind, e.Alert, e.Message = connlog.Alert, name, name
		events = append(events, e.Telemetry())
	}
	r.writeEvents(t, events...)
	s := startSite(t, r)
	p := openTab(t, s.base, 1200, 900)
	for _, name := range evil {
		p.open(evilPath("/connections", url.Values{}))
		p.wait(fmt.Sprintf(`document.querySelectorAll(".rows tbody tr").length === %d`, len(evil)))
		eval[bool](p, `(document.querySelectorAll("details").forEach((e) => { e.open = true; }), true)`)
		p.wait(`document.querySelectorAll(".fields").length === document.querySelectorAll("main details").length`)
		if strange := eval[[]string](p, `[...document.querySelectorAll("img, iframe, object, embed, svg, script:not([src='/js/app.js']), a[href^=javascript], a[href*='//'], [onerror]")].map((e) => e.outerHTML)`); len(strange) > 0 {
			t.Errorf("there are elements that only a name can have made: %q", strange)
		}
		if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("the page is %v pixels wider than the window: %s", wide, eval[string](p, widest))
		}
		eval[bool](p, fmt.Sprintf(`([...document.querySelectorAll(".rows tbody td:nth-child(2) .name")].find((e) => e.dataset.full === %s).parentElement.click(), true)`, quote(name)))
		p.settle()
		p.wait(`document.querySelectorAll(".rows tbody tr").length === 1`)
		if got := eval[string](p, `document.querySelector(".rows tbody td:nth-child(2) .name").dataset.full`); got != name {
			t.Errorf("a click on %q leads to %q", name, got)
		}
	}
	p.screenshot("names-connections.png")
}
