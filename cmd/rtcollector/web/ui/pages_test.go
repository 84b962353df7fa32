package ui_test

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
)

// TestServe is for people: it shows the dashboard with an invented fleet, with the files of this folder as they are now, until it is
// interrupted.
func TestServe(t *testing.T) {
	if *serve == "" {
		t.Skip("for people only: -serve 127.0.0.1:8642")
	}
	r := startRedis(t)
	r.fillFleet(t, 50, time.Now(), 2*time.Hour, 10*time.Second)
	r.fillLogs(t, time.Now())
	r.fillConnections(t, time.Now())
	r.fillProcesses(t, "atlas", time.Now())
	stopFeeding := r.feedFleet(t, 50)
	defer stopFeeding()
	handler, err := web.New(r.webConfig())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Addr: *serve, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if file := filepath.Join("static", filepath.FromSlash(path.Clean(r.URL.Path))); path.Ext(file) != "" && !strings.HasPrefix(r.URL.Path, "/host") {
			http.ServeFile(w, r, file)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	t.Error(server.ListenAndServe())
}

// aPage is a page with data, and what is on it when it is complete.
type aPage struct{ name, path, complete string }

var allPages = []aPage{
	{"hosts", "/hosts", `document.querySelectorAll(".hosts .host-link").length === 9 && document.querySelector(".why:not(:empty)")`},
	{"host", "/host/atlas", `document.querySelectorAll(".panel canvas").length >= 4`},
	{"host-network", "/host/atlas?tab=network", `document.querySelectorAll(".panel canvas").length >= 4`},
	{"host-metrics", "/host/atlas?tab=metrics", `document.querySelectorAll(".metric-list li").length > 40`},
	{"explore", "/explore?expr=system_load1", `document.querySelectorAll(".legend-item").length === 9`},
	{"explore-table", "/explore?expr=system_load1&view=table", `document.querySelectorAll(".rows tbody tr").length >= 8`},
	{"logs", "/logs", `document.querySelectorAll(".line").length === 300`},
	{"connections", "/connections", `document.querySelectorAll(".rows tbody tr").length >= 6 && document.querySelectorAll(".panel canvas").length === 2`},
	{"processes", "/processes?host=atlas", `document.querySelectorAll(".rows tbody tr").length >= 20 && document.querySelectorAll(".panel canvas").length === 3`},
	{"processes-group", "/processes?host=atlas&group=web", `document.querySelectorAll(".panel canvas").length >= 3 && document.querySelectorAll(".detail .panel").length > 15`},
	{"agents", "/agents", `document.querySelectorAll(".rows tbody tr").length >= 9`},
	{"agents-one", "/agents?q=borg", `document.querySelectorAll(".rows tbody tr").length >= 5`},
}

// fleet is a Redis with nine hosts and their logs.
func fleet(t testing.TB) (*redis, *site) {
	t.Helper()
	r := startRedis(t)
	now := time.Now()
	r.fillFleet(t, 9, now, 70*time.Minute, 10*time.Second)
	r.fillLogs(t, now)
	r.fillConnections(t, now)
	r.fillProcesses(t, "atlas", now)
	return r, startSite(t, r)
}

// TestEveryPage opens every page in both themes and at the size of a phone: it must be accessible, must not be wider than the window, and
// must show its data. The pictures are for people.
func TestEveryPage(t *testing.T) {
	_, s := fleet(t)
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		name, theme   string
		width, height int
	}{{"light", "light", 1360, 900}, {"dark", "dark", 1360, 900}, {"phone", "light", 390, 844}} {
		p := openTab(t, s.base, look.width, look.height)
		for _, page := range allPages {
			separator := "?"
			if strings.Contains(page.path, "?") {
				separator = "&"
			}
			p.open(page.path + separator + "theme=" + look.theme)
			p.wait(page.complete)
			p.settle()
			name := page.name + "-" + look.name
			p.screenshot(name + ".png")
			if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s is %v pixels wider than the window: %s", name, wide, eval[string](p, widest))
			}
			if look.name == "phone" {
				continue // the rules are about the same elements
			}
			eval[bool](p, string(axe)+";true")
			for _, finding := range eval[[]string](p, runAxe) {
				t.Errorf("%s: %s", name, finding)
			}
		}
	}
}

// widest names the elements that stick out of the window.
const widest = `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && e.offsetParent).slice(0, 5).map((e) => e.tagName + "." + e.className).join(" ")`

// runAxe returns the serious and critical findings of axe-core.
const runAxe = `axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message ?? "")).join(" | ")))`

// TestThemesDiffer checks that the picture follows the theme of the system, and the choice of the user.
func TestThemesDiffer(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 800, 600)
	background := func() string { return eval[string](p, `getComputedStyle(document.documentElement).backgroundColor`) }
	p.emulateScheme("dark")
	p.open("/explore?expr=system_load1")
	dark := background()
	p.emulateScheme("light")
	light := background()
	if dark == light {
		t.Errorf("light and dark have the background %s", dark)
	}
	p.open("/explore?expr=system_load1&theme=dark")
	if got := background(); got != dark {
		t.Errorf("theme=dark on a light system gives the background %s, want %s", got, dark)
	}
	p.click(`document.querySelector("button.theme")`)
	p.wait(`!new URLSearchParams(location.search).has("theme") && document.querySelector("button.theme").textContent === "auto"`)
	if got := background(); got != light {
		t.Errorf("after a click on the theme the background is %s, want %s", got, light)
	}
}

// TestKeys drives the dashboard with the keyboard alone.
func TestKeys(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.open("/hosts")
	for _, step := range []struct{ keys, then string }{
		{"gl", `location.pathname === "/logs"`},
		{"/", `document.activeElement.type === "search"`},
		{"\x1b", `document.activeElement.tagName !== "INPUT"`},
		{"ga", `location.pathname === "/agents"`},
		{"gp", `location.pathname === "/processes"`},
		{"gh", `location.pathname === "/hosts"`},
		{"l", `new URLSearchParams(location.search).get("live") === "0"`},
		{"l", `!new URLSearchParams(location.search).has("live")`},
		{"?", `document.querySelector("dialog").open`},
		{"\x1b", `!document.querySelector("dialog").open`},
		{"t", `!document.querySelector("#top .menu").hidden && document.querySelector("#top .menu").contains(document.activeElement)`},
		{"\x1b", `document.querySelector("#top .menu").hidden && document.activeElement.classList.contains("time")`},
		{"ge", `location.pathname === "/explore"`},
	} {
		p.press(step.keys)
		p.wait(step.then)
	}
	p.press("\x1b")
	p.run(chromedpKey("ArrowLeft"))
	p.wait(`new URLSearchParams(location.search).has("from")`)
	p.run(chromedpKey("ArrowRight"))
	p.wait(`!new URLSearchParams(location.search).has("from")`)
}

// TestTimeMenu chooses presets, an absolute range and UTC.
func TestTimeMenu(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.open("/host/atlas")
	p.click(`document.querySelector("button.time")`)
	p.click(`[...document.querySelectorAll(".presets button")].find((b) => b.textContent === "Last 15 minutes")`)
	p.wait(`new URLSearchParams(location.search).get("range") === "15m" && document.querySelector("button.time").textContent === "Last 15 minutes"`)
	p.settle()
	p.click(`document.querySelector("button.time")`)
	at := time.Now().UTC().Add(-30 * time.Minute).Truncate(time.Minute)
	eval[bool](p, fmt.Sprintf(`(() => { const [from, to] = document.querySelectorAll(".menu input"); from.value = %q; to.value = %q; return true; })()`,
		at.Format("2006-01-02 15:04"), at.Add(10*time.Minute).Format("2006-01-02 15:04")))
	p.click(`document.querySelector(".menu [type=submit]")`)
	p.wait(fmt.Sprintf(`new URLSearchParams(location.search).get("from") === "%d"`, at.Unix()))
	p.settle()
	if text := p.text("button.live"); text != "past" {
		t.Errorf("an absolute range is called %q, want past", text)
	}
	p.click(`document.querySelector("button.live")`)
	p.wait(`!new URLSearchParams(location.search).has("from")`)
}
