package ui_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"

	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// The case untrusted-names: label values, host names and log lines from strangers are text on every page.

// hostileNames are the values of the case, in the order of its samples: the first has the value 1.
var hostileNames = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", `a"b`, `back\slash`, "line\nbreak", "{{7*7}}", "../../etc", strings.Repeat("x", 200), "\u202eevil\u202c", "🔥", "&amp;",
	"javascript:alert(1)", "a|b", ".*", " lead", "%3Cb%3E",
}

// storedNames are the names as RedisTimeSeries can store them: without parentheses and commas. Log lines keep theirs.
func storedNames() (names []string) {
	for _, name := range hostileNames {
		names = append(names, tskey.Clean(name))
	}
	return names
}

// hostileSite has the series of the case, and for each name a host and a log line.
func hostileSite(t *testing.T) *site {
	t.Helper()
	r := startRedis(t)
	querytest.LoadFile(t, r.client, querytest.CasePath("../../../..", "untrusted-names", "samples.om"))
	end := time.Unix(gapsTime+60, 0)
	var hosts []series
	var events []telemetry.Event
	for i, name := range hostileNames {
		stored := tskey.Clean(name)
		hosts = append(hosts, series{[]string{"__name__", "rtcollector_up", "type", "host", "host", stored}, func(float64) float64 { return 1 }},
			series{[]string{"__name__", "system_load1", "host", stored}, func(float64) float64 { return float64(i) }},
			series{[]string{"__name__", "disk_used_percent", "host", stored, "mount", stored}, func(float64) float64 { return float64(i) }})
		events = append(events, telemetry.Event{
			Time: time.Unix(gapsTime, 0).Add(time.Duration(i) * time.Second), Source: "syslog", Severity: telemetry.Informational, Host: name, App: name, Message: name,
			Fields: []telemetry.Field{telemetry.Text("name", name)},
		})
	}
	r.fillSeries(t, hosts, end, end.Add(-2*time.Minute), end, 10*time.Second)
	r.writeEvents(t, events...)
	return startSite(t, r)
}

const hostileRange = "theme=light&tz=utc&from=1750003140&to=1750003260"

// checkHarmless fails if a name has become more than text: an element, a link, a wider page, or text of another direction.
func (p *tab) checkHarmless(where string) {
	p.t.Helper()
	for _, problem := range eval[[]string](p, `(() => {
		const found = [];
		if (document.querySelector("img, script:not([src='/js/app.js']), b, iframe, object, [onerror]")) found.push("an element made from a name");
		for (const link of document.querySelectorAll("a[href]")) if (new URL(link.href).origin !== location.origin) found.push("a link to " + link.href);
		if (document.documentElement.scrollWidth > innerWidth) found.push("the page is " + document.documentElement.scrollWidth + " pixels wide");
		const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let node = walker.nextNode(); node; node = walker.nextNode()) {
			if (/[\u202a-\u202e\u2066-\u2069]/.test(node.data) && !/isolate|plaintext/.test(getComputedStyle(node.parentElement).unicodeBidi) && !node.parentElement.closest("textarea, option, title")) found.push("not isolated: " + node.parentElement.outerHTML.slice(0, 200));
			if (/^49$/.test(node.data.trim())) found.push("7*7 was evaluated");
		}
		return found;
	})()`) {
		p.t.Errorf("%s: %s", where, problem)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, request := range p.requests {
		if u, err := url.Parse(request); err == nil && (u.Path == "/x" || u.Path == "/etc" || strings.HasSuffix(u.Path, "/x")) {
			p.t.Errorf("%s: a request to %s", where, request)
		}
	}
}

// names returns the full texts of the elements that a selector matches. It fails if one shows something else.
func (p *tab) names(selector string) []string {
	p.t.Helper()
	return eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll(%s)].map((one) => {
		const full = one.dataset.full ?? one.textContent;
		const plain = (text) => text.replace(/[\u0000-\u001f\u2400-\u241f↵→]/g, "·");
		return plain(full) === plain(one.textContent) ? full : "shows " + one.textContent + " for " + full;
	})`, quote(selector)))
}

func (p *tab) checkNames(where string, got, want []string) {
	p.t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) && !slices.Contains(got, strings.ReplaceAll(name, "\n", "↵")) {
			p.t.Errorf("%s: %q is missing in %.300q", where, name, got)
		}
	}
	if len(got) != len(want) {
		p.t.Errorf("%s: %d names, want %d", where, len(got), len(want))
	}
}

func TestHostileLabelsInCharts(t *testing.T) {
	t.Parallel()
	p := openTab(t, hostileSite(t).base, 1360, 900)
	p.open("/explore?expr=evil&" + hostileRange)
	p.wait(`document.querySelectorAll(".legend .name").length === 16`)
	p.checkNames("legend", p.names(".legend .name"), storedNames())
	p.checkHarmless("graph")
	if got := eval[string](p, "document.title"); got != "Explore · rtcollector" {
		t.Errorf("the title is %q", got)
	}
	x, y := p.boxOf(`document.querySelector(".u-over")`).middle()
	p.moveMouse(x, y)
	p.wait(`document.querySelector(".tip:not([hidden]) .tip-row:not([hidden])")`)
	if got := p.names(".tip-row:not([hidden]) .tip-name"); !slices.Contains(got, "{{7*7}}") || !slices.Contains(got, "&amp;") || !slices.Contains(got, "%3Cb%3E") {
		t.Errorf("the tooltip has %q", got)
	}
	p.checkHarmless("tooltip")
	// 200 characters are shortened; the whole appears under the pointer.
	x, y = p.boxOf(fmt.Sprintf(`[...document.querySelectorAll(".legend .name")].find((one) => one.textContent === %s)`, quote(strings.Repeat("x", 200)))).middle()
	p.moveMouse(x, y)
	p.wait(`!document.getElementById("fulltext").hidden`)
	if got := p.text("#fulltext"); got != strings.Repeat("x", 200) {
		t.Errorf("under the pointer: %q", got)
	}
	p.checkHarmless("full text")
}

func TestHostileLabelsAreFilteredExactly(t *testing.T) {
	t.Parallel()
	s := hostileSite(t)
	p := openTab(t, s.base, 1360, 900)
	for i, name := range storedNames() {
		p.open("/explore?expr=evil&view=table&" + hostileRange)
		p.wait(`document.querySelectorAll("table.rows tbody tr").length === 16`)
		if i == 0 {
			p.checkNames("table", eval[[]string](p, `[...document.querySelectorAll("table.rows tbody tr")].map((row) => [...row.querySelectorAll(".name")].at(-1).dataset.full)`), storedNames())
			p.checkHarmless("table")
		}
		p.script(fmt.Sprintf(`[...document.querySelectorAll("table.rows .name")].find((one) => one.dataset.full === %s).closest("button").click()`, quote(name)))
		p.wait(`document.querySelectorAll("table.rows tbody tr").length === 1`)
		address := eval[string](p, "location.pathname + location.search")
		for range 2 { // a copied address shows the same
			if got := p.text("table.rows tbody tr td:last-child"); got != fmt.Sprint(i+1) {
				t.Errorf("%q: filtered for the value %s, want %d; address %s", name, got, i+1, address)
			}
			p.open(address)
			p.wait(`document.querySelectorAll("table.rows tbody tr").length === 1`)
		}
		p.checkHarmless(name)
	}
	several := eval[int](p, `import("/js/promql.js").then(async ({ matcher }) => (await (await fetch("/api/v1/query?" + new URLSearchParams({time: 1750003200, query: "evil{" + matcher("name", "=", ["a|b", ".*"]) + "}"}))).json()).data.result.length)`)
	if several != 2 {
		t.Errorf("a condition with two values finds %d series", several)
	}
}

func TestHostileLabelsAreCompleted(t *testing.T) {
	t.Parallel()
	p := openTab(t, hostileSite(t).base, 1360, 900)
	p.open("/explore?" + hostileRange)
	p.script(`document.querySelector("textarea.expression").focus()`)
	call(p, input.InsertText, input.InsertTextParams{Text: `evil{name="`})
	p.wait(`document.querySelectorAll("[role=option] bdi").length === 16`)
	p.checkNames("completion", p.names("[role=option] bdi"), storedNames())
	p.checkHarmless("completion")
	p.script(`[...document.querySelectorAll("[role=option]")].find((one) => one.textContent === 'a"b').dispatchEvent(new MouseEvent("mousedown", {bubbles: true, cancelable: true}))`)
	if got := eval[string](p, `document.querySelector("textarea.expression").value`); !strings.HasPrefix(got, `evil{name="a\"b`) {
		t.Errorf("after accepting a completion: %q", got)
	}
}

func TestHostileHosts(t *testing.T) {
	t.Parallel()
	p := openTab(t, hostileSite(t).base, 1360, 900)
	p.open("/hosts?" + hostileRange)
	p.wait(`document.querySelectorAll(".host-link .name").length === 16`)
	p.checkNames("hosts", p.names(".host-link .name"), storedNames())
	p.checkHarmless("hosts")
	links := eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll(".host-link")].map((one) => [one.querySelector(".name").dataset.full, one.getAttribute("href")]))`)
	for _, name := range storedNames() {
		p.open(links[name])
		p.wait(`document.querySelector(".panel canvas")`)
		if got := eval[string](p, `document.querySelector(".facts dd .name").dataset.full`); got != name {
			t.Errorf("the page of the host %q is that of %q", name, got)
		}
		if got := eval[string](p, "document.title"); strings.TrimSpace(strings.Join(strings.Fields(got), " ")) != strings.TrimSpace(strings.Join(strings.Fields(name+" · rtcollector"), " ")) {
			t.Errorf("the title of the page of %q is %q", name, got)
		}
		if got := p.names(".legend .name"); !slices.Contains(got, name) && strings.TrimSpace(name) == name {
			t.Errorf("the legends on the page of %q are %q", name, got)
		}
		p.checkHarmless("the page of " + name)
	}
}

func TestHostileLogLines(t *testing.T) {
	t.Parallel()
	p := openTab(t, hostileSite(t).base, 1360, 900)
	p.open("/logs?" + hostileRange)
	p.wait(`document.querySelectorAll(".line").length === 16`)
	p.checkNames("messages", p.names(".line-message"), hostileNames)
	p.checkNames("hosts", p.names(".line-host"), hostileNames)
	p.checkHarmless("logs")
	for _, name := range hostileNames {
		p.open("/logs?" + hostileRange)
		p.wait(`document.querySelectorAll(".line").length === 16`)
		p.script(fmt.Sprintf(`[...document.querySelectorAll(".line")].find((one) => one.querySelector(".line-message").textContent === %s).querySelector("summary").click()`, quote(strings.ReplaceAll(name, "\n", "↵"))))
		p.wait(`document.querySelector(".fields .field-value")`)
		p.checkHarmless("fields of " + name)
		p.script(fmt.Sprintf(`[...document.querySelectorAll(".field-value")].filter((one) => one.textContent === %s)[0].click()`, quote(name)))
		found := 1
		if strings.HasSuffix(name, "*") {
			found = 2 // a star at the end of a filter for log lines stands for any ending: "../../etc" begins with a dot, too
		}
		p.wait(fmt.Sprintf(`document.querySelectorAll(".line").length === %d`, found))
		if got := p.text(".line-message"); got != strings.TrimLeft(strings.ReplaceAll(name, "\n", "↵"), " ") && got != strings.ReplaceAll(name, "\n", "↵") {
			t.Errorf("filtered for the host %q: the line %q", name, got)
		}
		if got := p.names(".chip .name"); !slices.Equal(got, []string{name}) {
			t.Errorf("the filter for %q is shown as %q", name, got)
		}
	}
}

// script runs statements in the page.
func (p *tab) script(statements string) {
	p.t.Helper()
	eval[bool](p, statements+"\n;true")
}
