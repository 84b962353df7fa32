package ui_test

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// inventedGroups are the processes of an invented host: a group, its subgroup, and how large it is.
var inventedGroups = []struct {
	group, subgroup, name string
	size                  float64
}{
	{"web", "nginx", "nginx", 0.3}, {"web", "php", "php-fpm8.2", 0.5}, {"database", "postgres", "postgres", 0.9}, {"database", "redis", "redis-server", 0.2},
	{"monitoring", "rtcollector", "rtcollector", 0.01}, {"system", "systemd", "systemd", 0.02}, {"system", "journal", "systemd-journal", 0.05}, {"shell", "bash", "bash", 0.01},
	{"container", "dockerd", "dockerd", 0.1}, {"kernel", "kworker", "kworker/0:1", 0.03}, {"build", "go", "compile", 0.6}, {"build", "make", "make", 0.01}, {"other", "unknown", "agent7", 0.05},
}

// processSeries are the series of the inputs process_groups and process_top of a host.
func processSeries(host string) (all []series) {
	around := func(key string, middle float64) func(float64) float64 {
		n := noise(host + key)
		return func(t float64) float64 { return math.Max(0, middle*(1+0.5*n(t))) }
	}
	add := func(name, unit, source string, value func(t float64) float64, labels ...string) {
		pairs := append([]string{"__name__", name, "host", host, "source", source}, labels...)
		if unit != "" {
			pairs = append(pairs, "unit", unit)
		}
		all = append(all, series{pairs, value})
	}
	for _, g := range inventedGroups {
		labels := []string{"group", g.group, "subgroup", g.subgroup}
		for name, middle := range map[string]float64{"count": math.Ceil(g.size * 20), "threads": math.Ceil(g.size * 70), "fds": math.Ceil(g.size * 300)} {
			add("process_group_"+name, "", "process_groups", func(float64) float64 { return middle }, labels...)
		}
		for name, middle := range map[string]float64{"rss": 1e9, "pss": 7e8, "uss": 6e8, "swap": 1e7} {
			add("process_group_"+name, "bytes", "process_groups", around(g.subgroup+name, g.size*middle), labels...)
		}
		for name, middle := range map[string]float64{
			"cpu_user": 1, "cpu_system": 0.3, "context_switches_voluntary": 2000, "context_switches_involuntary": 90, "faults_minor": 900, "faults_major": 0.2, "read_bytes": 2e6,
			"write_bytes": 5e6, "read_calls": 900, "write_calls": 700, "starts": 0.3, "oom_kills": 0, "net_rx_bytes": 3e5, "net_tx_bytes": 1e6,
		} {
			add("process_group_"+name+"_rate", "per second", "process_groups", around(g.subgroup+name, g.size*middle), labels...)
		}
		if g.group == "database" {
			for _, device := range []string{"sda", "nvme0n1"} {
				add("process_group_block_read_bytes_rate", "bytes per second", "process_groups", around(g.subgroup+device, g.size*3e6), append(labels, "device", device)...)
			}
			for _, state := range []string{"established", "listen"} {
				add("process_group_connections", "", "process_groups", func(float64) float64 { return g.size * 30 }, append(labels, "state", state)...)
			}
		}
		for name, middle := range map[string]float64{"cpu": 130, "rss": 1e9, "pss": 7e8, "read": 2e6, "write": 5e6} {
			add("process_top_"+name, "", "process_top", around(g.name+name, g.size*middle), "group", g.group, "name", g.name)
		}
	}
	return all
}

// processRows is a snapshot of the processes of a host.
func processRows(host string, at time.Time) (events []telemetry.Event) {
	for i, g := range inventedGroups {
		n := noise(fmt.Sprint(g.name, at.Minute()))
		row := proclog.Row{
			Time: at, Host: host, Snapshot: at.UnixMilli(), Rank: i + 1, PID: 100 + 71*i, Parent: 1, Start: at.Add(-time.Duration(i*i) * time.Hour), User: []string{"root", "www-data", "postgres"}[i%3],
			Name: g.name, Cmdline: "/usr/sbin/" + g.name + " --config /etc/" + g.subgroup + "/" + g.subgroup + ".conf --verbose --password [redacted]", Group: g.group, Subgroup: g.subgroup,
			Unit: g.subgroup + ".service", CPU: math.Max(0, g.size*100*(1+n(0))), RSS: int64(g.size * 1e9), PSS: int64(g.size * 7e8), Read: g.size * 1e6, Write: 0, Rx: proclog.Unknown, Tx: proclog.Unknown, Threads: 1 + i,
		}
		if g.group == "kernel" {
			row.Cmdline, row.Unit, row.RSS, row.PSS = "", "", 0, proclog.Unknown
		}
		events = append(events, row.Event())
	}
	return events
}

// fillProcesses writes the processes of a host: series each half minute and a snapshot each five minutes of the hour before end.
func (r *redis) fillProcesses(t testing.TB, host string, end time.Time) {
	t.Helper()
	r.fillSeries(t, processSeries(host), end, end.Add(-70*time.Minute), end, 30*time.Second)
	var events []telemetry.Event
	for minutes := 60; minutes >= 0; minutes -= 5 {
		events = append(events, processRows(host, end.Add(-time.Duration(minutes)*time.Minute).Truncate(time.Second))...)
	}
	r.writeEvents(t, events...)
}

const processTable = `[...document.querySelectorAll("[aria-label='Processes of the moment'] tbody tr")]`

// TestProcessesPage follows a person: from the host to its processes, to one group, to another moment, and back.
func TestProcessesPage(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/host/atlas?tab=processes")
	p.wait(`document.querySelector(".panel[aria-label='CPU by group'] canvas")`)
	p.screenshot("processes-host.png")
	p.click(`document.querySelector("a[href^='/processes?']:not(.pages a)")`)
	p.wait(`location.pathname === "/processes" && new URLSearchParams(location.search).get("host") === "atlas"`)
	p.wait(fmt.Sprintf(`%s.length === %d && document.querySelectorAll(".panel canvas").length === 3`, processTable, len(inventedGroups)))
	p.settle()
	if got := eval[[]string](p, `[...document.querySelector(".panel[aria-label='CPU by group']").panel.legend.children].map((e) => e.innerText)`); len(got) != 9 || got[0] != "database" {
		t.Errorf("the groups are %q", got)
	}
	if total := eval[string](p, `document.querySelector(".panel[aria-label='CPU by group'] .panel-value").innerText`); !strings.HasSuffix(nbsp.Replace(total), " cores") {
		t.Errorf("the CPU is %q", total)
	}
	first := eval[string](p, processTable+`[0].innerText`)
	if !strings.Contains(first, "%") {
		t.Errorf("the first process is %q", first)
	}

	p.click(`document.querySelector("[aria-label='Processes of the moment'] thead th:nth-child(3) button")`) // RSS
	if got := eval[string](p, processTable+`[0].firstElementChild.innerText`); got != "postgres" {
		t.Errorf("by memory %q is the first", got)
	}
	p.click(`[...document.querySelectorAll("[aria-label='Groups of processes'] .cell-filter")].find((e) => e.textContent === "database")`)
	p.wait(`new URLSearchParams(location.search).get("group") === "database" && document.querySelector(".panel[aria-label='Swap'] canvas")`)
	p.settle()
	titles := eval[[]string](p, `[...document.querySelectorAll("main .panel h3")].map((e) => e.innerText)`)
	for _, want := range []string{"CPU", "Memory (RSS)", "Memory (PSS)", "Memory (USS)", "Threads", "Open descriptors", "Block devices, read", "Connections", "Context switches, voluntary", "Page faults, major", "Starts", "OOM kills"} {
		if !slices.Contains(titles, want) {
			t.Errorf("no panel %q in %q", want, titles)
		}
	}
	if slices.Contains(titles, "Block devices, written") {
		t.Error("there is a panel without a metric")
	}
	p.screenshot("processes-group.png")
	p.click(`document.querySelector("h2 .chip")`)
	p.wait(`!new URLSearchParams(location.search).has("group") && document.querySelectorAll(".panel canvas").length === 3`)

	newest := eval[string](p, `document.querySelector("[aria-label='Time of the snapshot']").value`)
	if n := eval[int](p, `document.querySelector("[aria-label='Time of the snapshot']").options.length`); n != 12 && n != 13 {
		t.Errorf("%d snapshots can be chosen", n)
	}
	box := p.boxOf(`document.querySelector(".panel[aria-label='CPU by group'] .u-over")`)
	x, y := box.middle()
	p.moveMouse(x, y)
	p.run(chromedp.MouseClickXY(x, y))
	p.wait(`new URLSearchParams(location.search).has("at")`)
	p.settle()
	p.wait(`document.querySelector("main h2.section").innerText.includes("before the chosen time")`)
	if chosen := eval[string](p, `document.querySelector("[aria-label='Time of the snapshot']").value`); seconds(t, newest)-seconds(t, chosen) < 1500 || seconds(t, newest)-seconds(t, chosen) > 2400 {
		t.Errorf("a click in the middle leads from %s to %s", newest, chosen)
	}
	p.screenshot("processes-moment.png")
	before := eval[string](p, `document.querySelector("[aria-label='Time of the snapshot']").value`)
	eval[bool](p, `(document.querySelector("[aria-label='Earlier snapshot']").focus(), true)`)
	p.press("\r")
	p.wait(fmt.Sprintf(`Number(document.querySelector("[aria-label='Time of the snapshot']").value) === %s - 300`, before))
	p.click(`[...document.querySelectorAll(".moment-tools button")].find((e) => e.textContent === "latest")`)
	p.wait(fmt.Sprintf(`!new URLSearchParams(location.search).has("at") && document.querySelector("[aria-label='Time of the snapshot']").value === %q`, newest))
	p.press("/")
	p.press("php")
	p.wait(processTable + `.length === 1`)
}

// TestProcessesTop chooses another value for the top processes; the address keeps it.
func TestProcessesTop(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/hosts")
	p.press("gp")
	p.wait(`location.pathname === "/processes" && new URLSearchParams(location.search).get("host") === "atlas" && document.querySelector(".panel[aria-label='Top processes: CPU'] canvas")`)
	if got := eval[[]string](p, `[...document.querySelectorAll(".choices button")].map((e) => e.innerText)`); !slices.Equal(got, []string{"CPU", "memory", "PSS", "read", "written"}) {
		t.Errorf("one can choose %q", got)
	}
	eval[bool](p, `([...document.querySelectorAll(".choices button")].find((e) => e.innerText === "read").focus(), true)`)
	p.press("\r")
	p.wait(`new URLSearchParams(location.search).get("top") === "read" && document.querySelector(".panel[aria-label='Top processes: read'] canvas")`)
	p.settle()
	if note := eval[string](p, `document.querySelector(".panel[aria-label='Top processes: read'] .panel-note").innerText`); note != "showing the 12 largest of 13 series" {
		t.Errorf("the panel says %q", note)
	}
}

// TestProcessesWidths: nothing sticks out, from the smallest phone to a wide screen.
func TestProcessesWidths(t *testing.T) {
	_, s := fleet(t)
	for _, width := range []int{360, 700, 2560} {
		p := openTab(t, s.base, width, 900)
		p.open("/processes?theme=dark&host=atlas&group=database")
		p.wait(processTable + `.length > 5`)
		p.settle()
		p.screenshot(fmt.Sprintf("processes-%d.png", width))
		if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("at %d the page is %v pixels wider than the window: %s", width, wide, eval[string](p, widest))
		}
	}
}

// TestProcessesMissing: the page says what to add to the configuration, and draws nothing for it.
func TestProcessesMissing(t *testing.T) {
	r := startRedis(t)
	s := startSite(t, r)
	p := openTab(t, s.base, 390, 844)
	now := time.Now()
	load := series{[]string{"__name__", "rtcollector_up", "type", "host", "host", "bare"}, func(float64) float64 { return 1 }}
	open := func(path string, says ...string) {
		t.Helper()
		p.open(path)
		for _, text := range says {
			p.wait(fmt.Sprintf(`document.querySelector("main").innerText.includes(%s)`, quote(text)))
		}
		if n := eval[int](p, `document.querySelectorAll("main .panel").length`); n > 0 {
			t.Errorf("%s has %d panels", path, n)
		}
	}
	open("/processes", "Redis has no hosts yet")
	r.fillSeries(t, []series{load}, now, now.Add(-time.Minute), now, 10*time.Second)
	open("/processes", "Nothing is known about processes", "- process_groups: {}", "- process_top: {}", "- redissearch:")
	p.screenshot("processes-missing.png")
	r.fillLogs(t, now)
	open("/processes?host=bare", "Nothing is known about processes")
	open("/processes?host=nobody", "Redis has no series of this host", "- process_groups: {}")
	r.writeEvents(t, processRows("bare", now.Add(-time.Minute))...)
	p.open("/processes?host=bare")
	p.wait(processTable + `.length > 5`)
	p.wait(`document.querySelector(".turn-on").innerText.includes("Groups and Top processes over time are missing")`)
	p.open("/processes?host=bare&at=1000000000")
	p.wait(`document.querySelector("main").innerText.includes("There is no snapshot before this time")`)
}

// TestProcessesUntrusted: names of processes, users, groups and hosts come from strangers. They are texts, and a click leads to exactly this group.
func TestProcessesUntrusted(t *testing.T) {
	r := startRedis(t)
	end := time.Now().Truncate(time.Second)
	evil := []string{"<img src=x onerror=alert`1`>", "~.*", "a\u202eb", `</script><script>alert{1}</script>`, `"'{{7*7}}`, "new\nline", "🦊🦊🦊", strings.Repeat("long", 50)}
	var events []telemetry.Event
	var all []series
	for i, name := range evil {
		row := proclog.Row{Time: end, Host: "h", Snapshot: end.UnixMilli(), Rank: i + 1, PID: i + 1, User: name, Name: name, Cmdline: name, Group: name, Subgroup: name, Unit: name, Container: name, CPU: float64(i), Rx: -1, Tx: -1}
		events = append(events, row.Event())
		for _, metric := range []string{"process_group_count", "process_group_rss"} {
			all = append(all, series{[]string{"__name__", metric, "host", "h", "group", name, "subgroup", name}, func(float64) float64 { return float64(i + 1) }})
		}
		all = append(all, series{[]string{"__name__", "process_top_cpu", "host", "h", "group", name, "name", name}, func(float64) float64 { return float64(i + 1) }})
	}
	all = append(all, series{[]string{"__name__", "rtcollector_up", "type", "host", "host", "h"}, func(float64) float64 { return 1 }})
	r.fillSeries(t, all, end, end.Add(-10*time.Minute), end, 30*time.Second)
	r.writeEvents(t, events...)
	s := startSite(t, r)
	p := openTab(t, s.base, 1200, 900)
	for i, name := range evil {
		p.open("/processes?" + url.Values{"host": {"h"}, "range": {"15m"}}.Encode())
		p.wait(fmt.Sprintf(`%s.length === %d && document.querySelectorAll("[aria-label='Groups of processes'] tbody tr").length === %d`, processTable, len(evil), len(evil)))
		if i == 0 {
			p.screenshot("processes-names.png")
		}
		if strange := eval[[]string](p, `[...document.querySelectorAll("img, iframe, object, embed, svg, script:not([src='/js/app.js']), a[href^=javascript], a[href*='//'], [onerror]")].map((e) => e.outerHTML)`); len(strange) > 0 {
			t.Errorf("there are elements that only a name can have made: %q", strange)
		}
		if wide := eval[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("the page is %v pixels wider than the window: %s", wide, eval[string](p, widest))
		}
		eval[bool](p, fmt.Sprintf(`([...document.querySelectorAll("[aria-label='Groups of processes'] .name")].find((e) => e.dataset.full === %s).parentElement.click(), true)`, quote(name)))
		p.wait(`document.querySelector(".panel[aria-label='Processes'] canvas")`)
		p.settle()
		if got := eval[[]string](p, `[...document.querySelectorAll(".panel[aria-label='Processes'] .legend .name")].map((e) => e.dataset.full)`); !slices.Equal(got, []string{name}) {
			t.Errorf("a click on %q leads to %q", name, got)
		}
	}
}

// TestStack checks what lies on top of each other: a gap of one adds nothing, a gap of all stays one, and hidden ones are left out.
func TestStack(t *testing.T) {
	p := openTab(t, startSite(t, startRedis(t)).base, 600, 400)
	p.open("/nowhere")
	for call, want := range map[string]string{
		`stacked([[1, 2, null, null], [3, null, 5, null]], [true, true])`: `[[1,2,null,null],[4,2,5,null]]`,
		`stacked([[1, 2], [3, 4], [5, 6]], [true, false, true])`:          `[[1,2],[3,4],[6,8]]`,
		`stacked([[1, 1, 1], [3, undefined, 5]], [true, true])`:           `[[1,1,1],[4,4,6]]`,
		`stacked([], [])`: `[]`,
	} {
		if got := eval[string](p, fmt.Sprintf(`import("/js/chart.js").then(({ stacked }) => JSON.stringify(%s))`, call)); got != want {
			t.Errorf("%s is %s, want %s", call, got, want)
		}
	}
}
