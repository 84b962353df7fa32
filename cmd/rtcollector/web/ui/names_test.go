package ui_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// evilTime is the time of the samples of the case untrusted-names.
const evilTime = 1750003200

// evilNames loads the case untrusted-names into a Redis, and returns the names as Redis has them: without parentheses, which it refuses.
// Each name is also a host, and a log line.
func evilNames(t *testing.T, r *redis) []string {
	t.Helper()
	path := querytest.CasePath("../../../..", "untrusted-names", "samples.om")
	querytest.LoadFile(t, r.client, path)
	text := ""
	names := make([]string, 16)
	var events []telemetry.Event
	for _, s := range evilSamples(t, path) {
		name := tskey.Clean(s.Labels.Get("name"))
		names[int(s.Value)-1] = name
		text += fmt.Sprintf("system_load1{host=%s,source=\"system\"} %v %d\n", omQuote(name), s.Value, evilTime)
		text += fmt.Sprintf("rtcollector_up{host=%s,type=\"host\",env=%s} 1 %d\n", omQuote(name), omQuote(name), evilTime)
		raw := s.Labels.Get("name")
		events = append(events, telemetry.Event{Time: time.Unix(evilTime-30, int64(s.Value)*1e6), Source: "syslog", Severity: telemetry.Error, Host: raw, App: raw, Message: raw, Fields: []telemetry.Field{telemetry.Text("name", raw)}})
	}
	querytest.Load(t, r.client, text+"# EOF\n")
	r.writeEvents(t, events...)
	return names
}

func evilSamples(t *testing.T, path string) []querytest.Sample {
	t.Helper()
	return querytest.Parse(t, readFile(t, path))
}

func omQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

func evilPath(page string, query url.Values) string {
	query.Set("from", strconv.Itoa(evilTime-60))
	query.Set("to", strconv.Itoa(evilTime))
	return page + "?" + query.Encode()
}

// shown returns the full texts of the elements with names from outside.
const shown = `[...document.querySelectorAll("main [data-full]")].map((e) => e.dataset.full)`

// TestUntrustedNames is the case untrusted-names: whatever a name is, it is a text on every page, and a click on it filters by it.
func TestUntrustedNames(t *testing.T) {
	r := startRedis(t)
	names := evilNames(t, r)
	s := startSite(t, r)
	p := openTab(t, s.base, 1200, 900)
	check := func(where string, want []string) {
		t.Helper()
		got := eval[[]string](p, shown)
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s does not show %q", where, name)
			}
		}
		if strange := eval[[]string](p, `[...document.querySelectorAll("img, iframe, object, embed, b, svg, script:not([src='/js/app.js']), a[href^=javascript], a[href*='//'], [onerror]")].map((e) => e.outerHTML)`); len(strange) > 0 {
			t.Errorf("%s has elements that only a name can have made: %q", where, strange)
		}
		if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s is %v pixels wider than the window", where, wide)
		}
	}

	p.open(evilPath("/explore", url.Values{"expr": {"evil"}}))
	eval[bool](p, chartTools)
	p.wait(`panels()[0]?.series.length === 16`)
	check("the legend", names)
	tip := p.hover(0, evilTime-60, evilTime, evilTime-0.1, 0)
	for i, name := range names[4:] {
		if value := tip.Rows[symbols(name)]; value != strconv.Itoa(i+5) && i+5 >= 5 {
			t.Errorf("the tooltip shows %q for %q, want %d: %v", value, name, i+5, tip.Rows)
		}
	}
	p.screenshot("names-explore.png")
	p.moveMouse(5, 500)
	long := fmt.Sprintf(`[...document.querySelectorAll(".legend-item .name")].find((e) => e.dataset.full === %s)`, quote(names[7]))
	box := p.boxOf(long)
	if box.Width > 230 {
		t.Errorf("a name of 200 characters is %v pixels wide in the legend", box.Width)
	}
	x, y := box.middle()
	p.moveMouse(x, y)
	p.wait(fmt.Sprintf(`!document.getElementById("fulltext").hidden && document.getElementById("fulltext").textContent === %s`, quote(names[7])))

	for i, name := range names {
		p.open(evilPath("/explore", url.Values{"expr": {"evil"}, "view": {"table"}}))
		p.wait(`document.querySelectorAll(".rows tbody tr").length === 16`)
		if i == 0 {
			check("the table", names)
			p.screenshot("names-table.png")
		}
		p.click(fmt.Sprintf(`[...document.querySelectorAll(".cell-filter .name")].find((e) => e.dataset.full === %s)`, quote(name)))
		p.wait(`new URLSearchParams(location.search).get("expr") !== "evil"`)
		p.settle()
		p.wait(`document.querySelectorAll(".rows tbody tr").length === 1`)
		result := func() string {
			return eval[string](p, `document.querySelector(".rows tbody td:last-child").innerText`)
		}
		if got := result(); got != strconv.Itoa(i+1) {
			t.Errorf("a click on %q leads to the value %s, want %d: %s", name, got, i+1, eval[string](p, `new URLSearchParams(location.search).get("expr")`))
		}
		if i%5 == 0 {
			eval[bool](p, `(location.reload(), true)`)
			p.settle()
			p.wait(`document.querySelectorAll(".rows tbody tr").length === 1`)
			if got := result(); got != strconv.Itoa(i+1) {
				t.Errorf("after reloading the address of %q the value is %s, want %d", name, got, i+1)
			}
		}
	}

	p.open(evilPath("/explore", url.Values{}))
	p.click(`document.querySelector(".expression")`)
	p.press(`evil{name="`)
	p.wait(`document.querySelectorAll(".suggestion").length === 16`)
	p.screenshot("names-completion.png")
	suggestions := eval[[]string](p, `[...document.querySelectorAll(".suggestion bdi")].map((e) => e.textContent)`)
	for _, name := range names {
		if !slices.Contains(suggestions, symbols(name)) {
			t.Errorf("the completion does not offer %q", name)
		}
	}
	p.press("a")
	p.wait(`document.querySelector(".suggestion[aria-selected=true]")`)

	p.open(evilPath("/explore", url.Values{"view": {"table"}}))
	p.click(`document.querySelector(".builder-box summary")`)
	eval[bool](p, `(() => { const m = document.querySelector(".builder input"); m.value = "evil"; m.dispatchEvent(new Event("change")); return true; })()`)
	p.wait(`new URLSearchParams(location.search).get("expr") === "evil"`)
	p.click(`[...document.querySelectorAll(".builder button")].find((b) => b.textContent === "add a condition")`)
	p.wait(`document.querySelector(".condition select")?.options.length > 0`)
	eval[bool](p, `(() => { document.querySelector(".values").replaceChildren(); const s = document.querySelector(".condition select"); s.value = "name"; s.dispatchEvent(new Event("change")); return true; })()`)
	p.wait(`document.querySelector(".values").options.length === 16`)
	eval[bool](p, `(() => { const v = document.querySelector(".values"); for (const o of v.options) o.selected = o.value === "a|b" || o.value === ".*"; v.dispatchEvent(new Event("change")); return true; })()`)
	p.settle()
	p.wait(`document.querySelectorAll(".rows tbody tr").length === 2`)
	check("the builder", []string{"a|b", ".*"})

	p.open(evilPath("/hosts", url.Values{}))
	p.wait(`document.querySelectorAll(".host-link").length === 16`)
	check("the hosts", names)
	p.screenshot("names-hosts.png")
	for i, name := range names {
		link := eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(".host-link")].find((e) => e.firstChild.dataset.full === %s).getAttribute("href")`, quote(name)))
		if !strings.HasPrefix(link, "/host/") && !strings.HasPrefix(link, "/host?") {
			t.Errorf("the link of %q leads to %s", name, link)
		}
		if i%5 != 0 && name != "../../etc" {
			continue
		}
		q := openTab(t, s.base, 1000, 700)
		q.open(link)
		q.wait(`document.querySelectorAll(".panel canvas").length > 0`)
		if got := eval[[]string](q, `[document.querySelector(".facts dd .name").dataset.full, document.title]`); got[0] != name || !strings.HasPrefix(got[1], strings.TrimSpace(strings.ReplaceAll(name, "\n", " "))) {
			t.Errorf("the page of the host %q is that of %q", name, got)
		}
	}

	p.open(evilPath("/logs", url.Values{}))
	p.wait(`document.querySelectorAll(".line").length === 16`)
	p.screenshot("names-logs.png")
	check("the logs", nil)
	lines := eval[[]string](p, `[...document.querySelectorAll(".line-message")].map((e) => e.textContent)`)
	for _, s := range evilSamples(t, querytest.CasePath("../../../..", "untrusted-names", "samples.om")) {
		if name := s.Labels.Get("name"); !slices.Contains(lines, symbols(name)) {
			t.Errorf("the logs do not show %q: %q", name, lines)
		}
	}
	p.click(`[...document.querySelectorAll(".line-message")].find((e) => e.textContent === "{{7*7}}")`)
	p.wait(`document.querySelector(".fields")`)
	p.click(`[...document.querySelectorAll(".field-value")].find((e) => e.textContent === "{{7*7}}")`)
	p.wait(`new URLSearchParams(location.search).getAll("host").includes("{{7*7}}")`)
	p.settle()
	p.wait(`document.querySelectorAll(".line").length === 1`)
	check("the filters of the logs", []string{"{{7*7}}"})
}

// symbols replaces a line break by its symbol, as the pages do where a text has one line.
func symbols(name string) string { return strings.ReplaceAll(name, "\n", "↵") }
