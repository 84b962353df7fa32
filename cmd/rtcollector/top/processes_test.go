package top

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

// processSamples returns samples of a number of groups in the last ten minutes. Each has twice as many processes as the one after it.
func processSamples(groups int) string {
	var b strings.Builder
	now := time.Now().Truncate(10 * time.Second)
	for back := 60; back >= 0; back-- {
		at := now.Add(time.Duration(-back) * 10 * time.Second).Unix()
		fmt.Fprintf(&b, "rtcollector_up{host=\"h1\",type=\"host\"} 1 %d\n", at)
		for g := 1; g <= groups; g++ {
			for _, subgroup := range []string{"a", "b"} {
				add := func(metric string, v float64) {
					fmt.Fprintf(&b, "process_group_%s{host=\"h1\",group=\"group%d\",subgroup=%q} %v %d\n", metric, g, subgroup, v, at)
				}
				add("count", float64(100/g))
				add("cpu_user_rate", 1/float64(g))
				add("cpu_system_rate", 0.5/float64(g))
				add("rss", float64(int(1)<<(30-g)))
			}
			for _, metric := range []string{"cpu", "rss"} {
				v := map[string]float64{"cpu": 150 / float64(g), "rss": float64(g) * (1 << 20)}[metric]
				fmt.Fprintf(&b, "process_top_%s{host=\"h1\",group=\"group%d\",name=\"program%d\"} %v %d\n", metric, g, g, v, at)
			}
		}
	}
	return b.String() + "# EOF\n"
}

// TestProcesses looks at the processes of a host on a terminal of 80×24.
func TestProcesses(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, processSamples(5))
	u := newUser(t, client, Config{})
	u.press("p")
	u.shows(`(?m)^h1, processes  redis.lan:6379  last 5 min  ● live$`, `(?m)^Group +Processes CPU +RSS$`, `(?m)^group1 +200 █+ +3\.00 cores +1 GiB$`, `(?m)^group5 +40 █+ +0\.60 cores +64 MiB`,
		`(?m)^Largest by CPU +Largest by memory$`, `(?m)^program1 +█+ +150 % +program5 +█+ +5 MiB$`, `(?m)^program5 +█+ +30 % +program1 +█+ +1 MiB$`)
	if strings.Contains(u.screen(), "others") || strings.Contains(u.screen(), "more") {
		t.Errorf("something is left out:\n%s", u.screen())
	}
	u.press("esc")
	u.shows(`(?m)^h1  redis.lan`, "p processes")
	u.press("p")
	u.shows("h1, processes")
	u.press("h")
	u.shows("1 hosts, 1 reporting")
}

// A name that has left the top is not one of the largest any more.
func TestNamesThatLeft(t *testing.T) {
	client := querytest.Open(t)
	now := time.Now().Unix()
	querytest.Load(t, client, fmt.Sprintf("process_top_cpu{host=\"h1\",name=\"left\"} 90 %d\nprocess_top_cpu{host=\"h1\",name=\"stays\"} 80 %d\nprocess_top_cpu{host=\"h1\",name=\"stays\"} 80 %d\n# EOF\n", now-30, now-30, now-20))
	u := newUser(t, client, Config{Host: "h1"})
	u.press("p")
	u.shows("stays .* 80 %")
	if strings.Contains(u.screen(), "left") {
		t.Errorf("shows a name that left:\n%s", u.screen())
	}
}

func TestFormatCores(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00 cores", 0.0001: "<0.01 cores", 0.005: "0.01 cores", 1.388: "1.39 cores", 64: "64.00 cores", 123.4: "123 cores"} {
		if got := formatCores(v); got != want || len(got) > 11 {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

// With more groups than fit, the smallest are one row, and the largest names stay.
func TestManyProcessGroups(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, processSamples(30))
	u := newUser(t, client, Config{Host: "h1"})
	u.press("p")
	u.shows(`(?m)^group1 `, `(?m)^\d+ others +\d+ █+ +[\d.]+ cores`, `(?m)^program4 .* program27 `)
	if lines := strings.Split(u.screen(), "\n"); len(lines) != 24 || strings.Contains(u.screen(), "… ") {
		t.Errorf("%d lines:\n%s", len(lines), u.screen())
	}
	u.send(tea.WindowSizeMsg{Width: 120, Height: 80})
	u.shows(`(?m)^group30 `, `(?m)^program30 `)
	for _, size := range [][2]int{{80, 24}, {40, 10}, {10, 3}, {2, 2}, {1, 1}, {80, 1}, {300, 100}} {
		u.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		lines := strings.Split(u.screen(), "\n")
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if ansi.StringWidth(line) > max(size[0]-1, 1) {
				t.Errorf("%v: %d columns: %s", size, ansi.StringWidth(line), line)
			}
		}
	}
}

// Without the inputs the page says what to add.
func TestProcessesMissing(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(1))
	u := newUser(t, client, Config{Host: "h1"})
	u.press("p")
	u.shows(`No current data of the processes of host "h1"`, `process_groups: \{\}`, "process_top")
}

// Names of groups and processes come from strangers.
func TestHostileProcesses(t *testing.T) {
	client := querytest.Open(t)
	now := time.Now().Unix()
	evil := "\x1b[2J\u202e<script>" + strings.Repeat("宽", 100)
	querytest.Load(t, client, fmt.Sprintf("process_group_count{host=\"h1\",group=%s} 1 %d\nprocess_top_cpu{host=\"h1\",name=%s} 2 %d\n# EOF\n", `"`+evil+`"`, now, `"`+evil+`"`, now))
	u := newUser(t, client, Config{Host: "h1"})
	u.press("p")
	u.shows(`\[2J`, `2\.0 %`)
	if view := u.View().Content; strings.Contains(view, "\x1b[2J") || strings.Contains(view, "\u202e") {
		t.Errorf("sends %q", view)
	}
	for line := range strings.Lines(u.screen()) {
		if ansi.StringWidth(strings.TrimSuffix(line, "\n")) > 79 {
			t.Errorf("too wide: %s", line)
		}
	}
}

// What a group does not have is not added as zero.
func TestFold(t *testing.T) {
	rows := []groupRow{{name: "a", count: 1}, {name: "b", count: 2, cores: math.NaN(), line: []float64{math.NaN(), 1}}, {name: "c", count: 3, cores: 4, line: []float64{math.NaN(), 2}}}
	got := fold(rows, 2, func(n int) string { return fmt.Sprint(n) })
	if len(got) != 2 || got[1].name != "2" || got[1].count != 5 || got[1].cores != 4 || got[1].line[0] == got[1].line[0] || got[1].line[1] != 3 || rows[1].line[1] != 1 {
		t.Errorf("%+v", got)
	}
	if got := fold(rows, 3, nil); len(got) != 3 {
		t.Errorf("%+v", got)
	}
}
