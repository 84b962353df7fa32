package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// TestLive writes samples while a page follows the present: they appear without anything else moving, and only new ones are asked for.
func TestLive(t *testing.T) {
	r, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/host/atlas?range=5m")
	eval[bool](p, chartTools)
	places := `JSON.stringify([...document.querySelectorAll(".panel, header, .u-over")].map((e) => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }))`
	before := eval[string](p, places)
	now := time.Now()
	r.do(t.Context(), t, "TS.ADD", keyOf(find(t, "atlas", "system_load1").labels), now.UnixMilli(), "1.99", "ON_DUPLICATE", "LAST")
	p.mu.Lock()
	p.requests = nil
	p.mu.Unlock()
	p.wait(`panels()[3].value.textContent === "1.99"`)
	if after := eval[string](p, places); after != before {
		t.Errorf("a refresh moved something:\n%s\n%s", before, after)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := 0
	for _, address := range p.requests {
		if !strings.Contains(address, "/query_range?") {
			continue
		}
		asked++
		u := parseURL(t, address)
		if start := u.Query().Get("start"); seconds(t, u.Query().Get("end"))-seconds(t, start) > 120 {
			t.Errorf("a refresh of 5 minutes asks for %s: only the newest points are new", address)
		}
	}
	if asked == 0 {
		t.Error("no refresh was seen")
	}
}

// TestLiveOff checks that a page that does not follow the present stays as it is.
func TestLiveOff(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.open("/host/atlas?range=5m")
	p.press("l")
	p.wait(`document.querySelector("button.live").textContent === "paused"`)
	p.settle()
	shown := eval[float64](p, `document.querySelector(".panel").panel.range.end`)
	p.press("l")
	p.wait(fmt.Sprintf(`document.querySelector(".panel").panel.range.end > %v`, shown))
}

// TestRedisAway stops Redis and starts it again: the page says so, keeps what it shows, and recovers.
func TestRedisAway(t *testing.T) {
	r, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.allow("Failed to load resource")
	p.open("/host/atlas")
	p.wait(`document.querySelectorAll(".panel canvas").length > 0`)
	addr := r.server.Addr()
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	p.wait(`document.querySelector("#notice .bad")?.textContent.includes("does not answer")`)
	if eval[int](p, `document.querySelectorAll(".panel.stale canvas").length`) == 0 {
		t.Error("while Redis is away the old charts are not there, or look fresh")
	}
	p.screenshot("redis-away.png")
	server, err := embedded.Listen(addr, embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r.server = server
	t.Cleanup(func() { _ = server.Close() })
	now := time.Now()
	r.fillSeries(t, hostSeries(0), now, now.Add(-time.Hour), now, time.Minute)
	p.wait(`document.querySelector("#notice").textContent === "" && ![...document.querySelectorAll(".panel.stale")].some((e) => e.getBoundingClientRect().top < innerHeight)`)
}

// TestSleep hides a tab, lets an hour pass and shows it again: it refreshes once.
func TestSleep(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.open("/hosts")
	p.wait(`document.querySelectorAll(".host-link").length === 9`)
	eval[bool](p, `(() => {
  window.visibility = "hidden";
  Object.defineProperty(document, "visibilityState", { get: () => window.visibility });
  document.dispatchEvent(new Event("visibilitychange"));
  const now = performance.now.bind(performance);
  performance.now = () => now() + 3600e3;
  return true; })()`)
	p.mu.Lock()
	p.requests = nil
	p.mu.Unlock()
	eval[bool](p, `(() => { window.visibility = "visible"; document.dispatchEvent(new Event("visibilitychange")); return true; })()`)
	p.wait(`document.getElementById("main").getAttribute("aria-busy") === "true" || performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/api/hosts")).length === 2`)
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	refreshes := 0
	for _, address := range p.requests {
		if strings.HasSuffix(address, "/api/hosts") {
			refreshes++
		}
	}
	if refreshes != 1 {
		t.Errorf("after an hour of sleep the page refreshed %d times, want once", refreshes)
	}
}

// TestClocks gives the server a clock that is two hours behind the browser's: the page uses the server's, and says so.
func TestClocks(t *testing.T) {
	_, s := fleet(t)
	const behind = 2 * time.Hour
	s.answer("/api/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"version": "test", "redis": map[string]any{"address": "redis.lan:6379", "version": "8.0.6", "reachable": true}, "time_series": true, "search": true, "auth": "none",
			"lookback_seconds": 300, "now": float64(time.Now().Add(-behind).UnixMilli()) / 1000,
		})
	})
	p := openTab(t, s.base, 1000, 700)
	p.open("/explore?expr=system_load1")
	p.wait(`document.querySelector("#notice .warn")?.textContent.includes("behind")`)
	p.wait(`document.querySelector(".panel")?.panel.range`)
	end := eval[float64](p, `document.querySelector(".panel").panel.range.end`)
	if want := float64(time.Now().Add(-behind).Unix()); end < want-60 || end > want+60 {
		t.Errorf("the range ends at %v, want the server's time, about %v", end, want)
	}
	if text := p.text(".redis"); text != "redis.lan:6379 · 8.0.6" {
		t.Errorf("the header names the Redis %q", text)
	}
}

// TestExploreErrors writes wrong expressions: the error is below the field, at its position.
func TestExploreErrors(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 700)
	p.allow("Failed to load resource")
	p.open("/explore?expr=sum(system_load1))")
	p.wait(`document.querySelector(".expression-error mark")?.textContent === ")"`)
	if text := p.text(".expression-error"); !strings.Contains(text, "parse error") {
		t.Errorf("the error says %q", text)
	}
	p.screenshot("explore-error.png")
	p.click(`document.querySelector(".expression")`)
	eval[bool](p, `(() => { document.querySelector(".expression").value = ""; return true; })()`)
	p.press("sum by (ho")
	p.wait(`document.querySelector(".suggestion[aria-selected=true] bdi")?.textContent === "host"`)
	p.press("\t")
	p.press(") (system_lo")
	p.wait(`document.querySelector(".suggestion[aria-selected=true] bdi")?.textContent === "system_load1"`)
	p.enter()
	p.press(")")
	p.enter()
	p.wait(`new URLSearchParams(location.search).get("expr") === "sum by (host) (system_load1)"`)
	p.wait(`document.querySelectorAll(".legend-item").length === 9 && document.querySelector(".expression-error").hidden`)
	p.click(`document.querySelector(".history summary")`)
	p.wait(`document.querySelector(".history .menu button").textContent === "sum by (host) (system_load1)"`)
}

// TestQueryTakesTooLong evaluates an expression that exceeds the server's time limit: the page says so, and does not ask again by itself.
func TestQueryTakesTooLong(t *testing.T) {
	_, s := fleet(t)
	var asked atomic.Int64
	s.answer("/api/v1/query_range", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "timeout", "error": "the query did not end in time (at most 30s)"})
	})
	p := openTab(t, s.base, 1000, 700)
	p.allow("503")
	p.open("/explore?expr=system_load1&live=0")
	p.wait(`document.querySelector(".expression-error")?.textContent.includes("did not end in time")`)
	if text := p.text("#notice"); text != "" {
		t.Errorf("the page says %q although Redis is there", text)
	}
	states := `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/api/status")).length`
	before := eval[int](p, states)
	eval[bool](p, `(() => { const now = performance.now.bind(performance); performance.now = () => now() + 60e3; return true; })()`)
	p.wait(fmt.Sprintf("%s > %d", states, before)) // what is due has been started
	p.settle()
	if n := asked.Load(); n != 1 {
		t.Errorf("the page asked %d times, want once", n)
	}

	p.open("/host/atlas?live=0")
	p.wait(`document.querySelector(".panel-message:not([hidden])")?.textContent.includes("A shorter range is quicker")`)
}

// TestPanelsFail scrolls to panels whose queries fail: they say why, and nothing else happens.
func TestPanelsFail(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1000, 500)
	p.allow("422")
	p.open("/host/atlas?live=0")
	s.answer("/api/v1/query_range", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "execution", "error": "more than 7 series"})
	})
	eval[bool](p, `(scrollTo(0, 1e6), true)`)
	p.wait(`[...document.querySelectorAll(".panel")].at(-1).querySelector(".panel-message:not([hidden])")?.textContent === "more than 7 series"`)
	p.settle()
}

// TestManySeries shows a result of more series than a panel draws: it says so.
func TestManySeries(t *testing.T) {
	s := startSite(t, startRedis(t))
	s.answer("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		end := seconds(t, r.Form.Get("end"))
		var result []any
		for i := range 1240 {
			result = append(result, map[string]any{"metric": map[string]string{"__name__": "many", "n": fmt.Sprint(i)}, "values": [][]any{{end - 60, fmt.Sprint(i)}, {end, fmt.Sprint(i)}}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}, "warnings": []string{"only 1,240 of 20,000 series were read"}})
	})
	p := openTab(t, s.base, 1000, 700)
	p.open("/explore?expr=many")
	p.wait(`document.querySelectorAll(".legend-item").length === 50`)
	if text := p.text(".panel-note"); !strings.Contains(text, "50 largest of 1,240") || !strings.Contains(text, "20,000") {
		t.Errorf("the panel says %q about what it leaves out", text)
	}
}

// TestLogs searches, filters, follows the log, and comes from a peak in a chart.
func TestLogs(t *testing.T) {
	r, s := fleet(t)
	p := openTab(t, s.base, 1200, 800)
	p.open("/logs?severity=error..")
	p.wait(`document.querySelectorAll(".line").length > 10 && [...document.querySelectorAll(".line")].every((e) => e.dataset.level === "bad")`)
	p.open("/logs")
	p.wait(`document.querySelectorAll(".line").length === 300 && document.querySelectorAll(".bar i").length > 60`)
	p.click(`document.getElementById("search")`)
	p.press("publickey\r")
	p.wait(`new URLSearchParams(location.search).get("text") === "publickey"`)
	p.settle()
	p.wait(`[...document.querySelectorAll(".line-message")].every((e) => e.textContent.includes("publickey"))`)
	p.click(`document.querySelector(".line summary")`)
	p.wait(`document.querySelector(".fields")`)
	p.click(`[...document.querySelectorAll(".fields dd .field-value")].find((e) => e.textContent === document.querySelector(".line-host").textContent)`)
	p.wait(`document.querySelectorAll(".chip").length === 1`)
	p.settle()
	host := p.text(".chip .name")
	p.wait(`document.querySelectorAll(".line").length > 0 && [...document.querySelectorAll(".line-host")].every((e) => e.textContent === document.querySelector(".chip .name").textContent)`)
	r.writeEvents(t, telemetry.Event{Time: time.Now(), Source: "syslog", Severity: telemetry.Error, Host: host, App: "sshd", Message: "publickey of the tail"})
	p.wait(`!document.querySelector(".fresh").hidden`) // nothing moves while a line is open
	p.click(`document.querySelector(".fresh")`)
	p.wait(`document.querySelector(".line-message").textContent === "publickey of the tail"`)
	bars := p.boxOf(`document.querySelector(".bars")`)
	p.drag(bars.X+bars.Width/2, bars.Y+20, bars.X+bars.Width*3/4, bars.Y+20)
	p.wait(`new URLSearchParams(location.search).has("from")`)

	p.open("/host/atlas")
	eval[bool](p, chartTools)
	over := p.boxOf(`panels()[0].element.querySelector(".u-over")`)
	p.moveMouse(over.middle())
	p.click(`panels()[0].element.querySelector(".u-over")`)
	p.wait(`panels()[0].element.querySelector(".pick a")?.offsetParent`)
	p.click(`panels()[0].element.querySelector(".pick a")`)
	p.wait(`location.pathname === "/logs" && new URLSearchParams(location.search).get("host") === "atlas"`)
	p.settle()
	p.wait(`document.querySelector(".line.at")`)
	if over.Width < 100 {
		t.Errorf("the chart is %v pixels wide", over.Width)
	}
}

// TestLogsWithoutTail opens the page of the log on a server that lets it not follow, because too many others do: the page reads new lines
// itself, and follows later.
func TestLogsWithoutTail(t *testing.T) {
	r, s := fleet(t)
	s.answer("/api/logs/tail", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	p := openTab(t, s.base, 1000, 700)
	p.allow("503")
	p.open("/logs?range=5m&text=number")
	p.wait(`document.querySelector(".page-note").textContent.includes("does not let this page follow")`)
	write := func(text string) {
		r.writeEvents(t, telemetry.Event{Time: time.Now(), Source: "syslog", Severity: telemetry.Error, Host: "atlas", App: "sshd", Message: text})
		p.wait(fmt.Sprintf(`document.querySelector(".line-message")?.textContent === %q`, text))
	}
	write("number one")
	s.answer("/api/logs/tail", nil)
	write("number two")
	p.wait(`document.querySelector(".page-note").textContent === ""`)
}

// TestManyHosts shows 1,000 hosts: only the rows in the window exist, and sorting and filtering work on all.
func TestManyHosts(t *testing.T) {
	r := startRedis(t)
	now := time.Now()
	for i := range 1000 {
		host := fmt.Sprintf("host-%03d", i)
		labels := func(name string, more ...string) []string {
			return append([]string{"__name__", name, "host", host, "env", fmt.Sprintf("e%d", i%10)}, more...)
		}
		constant := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
		r.fillSeries(t, []series{
			{labels("rtcollector_up", "type", "host"), constant(1)}, {labels("system_load1"), constant(float64(i) / 100)}, {labels("system_uptime"), constant(1e5)},
			{labels("cpu_usage_active", "core", "cpu-total"), constant(float64(i) / 10)},
		}, now, now.Add(-5*time.Minute), now, time.Minute)
	}
	s := startSite(t, r)
	p := openTab(t, s.base, 1200, 800)
	p.open("/hosts?range=15m")
	p.wait(`document.querySelector(".facts dd").textContent === "1,000"`)
	if rows := eval[int](p, `document.querySelectorAll("tr").length`); rows > 120 {
		t.Errorf("%d rows exist for 1,000 hosts", rows)
	}
	eval[bool](p, `(scrollTo(0, 1e6), true)`)
	p.wait(`[...document.querySelectorAll(".host-link")].some((e) => e.textContent === "host-999")`)
	p.screenshot("hosts-many.png")
	eval[bool](p, `(scrollTo(0, 0), true)`)
	p.click(`[...document.querySelectorAll(".hosts thead button")].find((e) => e.textContent === "Load")`)
	p.click(`[...document.querySelectorAll(".hosts thead button")].find((e) => e.textContent === "Load")`)
	p.wait(`document.querySelector(".host-link").textContent === "host-999"`)
	p.click(`document.getElementById("search")`)
	p.press("env=e7 host-12")
	p.wait(`document.querySelectorAll(".host-link").length === 1 && document.querySelector(".host-link").textContent === "host-127"`)
	p.click(`document.querySelector(".host-link")`)
	p.wait(`location.pathname === "/host/host-127"`)
}

// TestMissing shows a server without TimeSeries or without Search: only the page concerned says what is missing.
func TestMissing(t *testing.T) {
	_, s := fleet(t)
	s.answer("/api/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"redis": map[string]any{"address": "redis.lan:6379", "reachable": true}, "time_series": true, "search": false, "missing": []string{"this Redis has no Search: use Redis 8"},
			"now": float64(time.Now().UnixMilli()) / 1000,
		})
	})
	p := openTab(t, s.base, 1000, 700)
	p.open("/hosts")
	p.wait(`document.querySelectorAll(".host-link").length === 9`)
	if text := p.text("#notice"); text != "" {
		t.Errorf("the hosts say %q although they need no Search", text)
	}
	p.press("gl")
	p.wait(`document.getElementById("notice").textContent.includes("has no Search")`)

	s.answer("/api/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"redis": map[string]any{"address": "redis.lan:6379", "reachable": true}, "time_series": false, "search": true, "missing": []string{"this Redis has no TimeSeries: use Redis 8"},
			"now": float64(time.Now().UnixMilli()) / 1000,
		})
	})
	p.open("/logs")
	p.wait(`document.querySelectorAll(".line").length > 0`)
	if text := p.text("#notice"); text != "" {
		t.Errorf("the logs say %q although they need no TimeSeries", text)
	}
	p.press("gh")
	p.wait(`document.getElementById("notice").textContent.includes("has no TimeSeries")`)
}

// TestNothing opens every page on an empty Redis: each says what to do.
func TestNothing(t *testing.T) {
	s := startSite(t, startRedis(t))
	p := openTab(t, s.base, 1000, 700)
	p.allow("Failed to load resource")
	for path, says := range map[string]string{
		"/hosts": "No agent has written", "/host/nobody": "no series with host", "/agents": "No agent has written", "/explore?expr=up": "No data in this range",
		"/logs": "there is no index", "/nowhere": "No such page",
	} {
		p.open(path)
		p.wait(fmt.Sprintf(`document.body.innerText.includes(%q)`, says))
	}
}

// TestLogin wants a token: the page asks for it, and comes back to where it was.
func TestLogin(t *testing.T) {
	r := startRedis(t)
	handler, err := web.New(r.webConfig())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.URL.Path == "/login" && r.Method == http.MethodPost:
			if open = r.FormValue("token") == "right"; !open {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = w.Write([]byte("{}"))
		case strings.HasPrefix(r.URL.Path, "/api/") && !open:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"log in first"}`))
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	p := openTab(t, server.URL, 1000, 700)
	p.allow("Failed to load resource")
	p.open("/explore?expr=up")
	p.wait(`location.pathname === "/login" && document.activeElement.name === "token"`)
	p.screenshot("login.png")
	p.press("wrong\r")
	p.wait(`document.querySelector(".login .bad").textContent.includes("wrong")`)
	eval[bool](p, `(document.querySelector("[name=token]").value = "", true)`)
	p.press("right\r")
	p.wait(`location.pathname === "/explore" && document.querySelector(".expression").value === "up"`)
}

// TestSilence checks who is called silent: after three intervals of the host, and not before a minute and a half.
func TestSilence(t *testing.T) {
	r := startRedis(t)
	now := time.Now()
	up := func(host string, every, ago time.Duration) {
		labels := []string{"__name__", "rtcollector_up", "host", host, "type", "host"}
		last := now.Add(-ago)
		r.fillSeries(t, []series{{labels, func(float64) float64 { return 1 }}}, now, last.Add(-30*time.Minute).Truncate(every), last, every)
	}
	up("quick", 10*time.Second, 0)
	up("stopped", 10*time.Second, 10*time.Minute)
	up("slow", 5*time.Minute, 6*time.Minute)
	s := startSite(t, r)
	p := openTab(t, s.base, 1000, 700)
	p.open("/hosts")
	p.wait(`document.querySelectorAll(".host-link").length === 3`)
	for host, silent := range map[string]bool{"quick": false, "stopped": true, "slow": false} {
		text := eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(".hosts tbody tr")].find((e) => e.querySelector(".host-link")?.textContent === %q).querySelector(".seen").textContent`, host))
		if strings.HasPrefix(text, "silent") != silent {
			t.Errorf("%s is %q", host, text)
		}
	}
	p.click(`document.querySelector(".look")`)
	p.wait(`document.querySelectorAll(".host-link").length === 1 && document.querySelector(".host-link").textContent === "stopped"`)
	p.open("/host/stopped")
	p.wait(`document.querySelector(".facts dd.bad")?.textContent.startsWith("silent")`)
}
