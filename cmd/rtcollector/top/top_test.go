package top

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// user is a person at the terminal: a model, and what is typed into it.
type user struct {
	t *testing.T
	model
}

func newUser(t *testing.T, client *redisconn.Client, c Config) *user {
	t.Helper()
	engine := query.New(client, query.Limits{})
	t.Cleanup(engine.Close)
	reader := tsread.New(client)
	t.Cleanup(reader.Close)
	c.Engine, c.Reader, c.Source, c.Refresh, c.Span = engine, reader, "redis.lan:6379", time.Second, 5*time.Minute
	u := &user{t, newModel(t.Context(), c)}
	u.reload()
	return u
}

// reload reads what the page shows, as a tick does.
func (u *user) reload() { u.send(u.read()()) }

func (u *user) send(message tea.Msg) {
	next, _ := u.Update(message)
	u.model = next.(model)
}

// press presses keys by their names; texts of one character are typed. Pages that were opened are read.
func (u *user) press(keys ...string) {
	u.t.Helper()
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "end": tea.KeyEnd, "backspace": tea.KeyBackspace}
	for _, key := range keys {
		k := tea.KeyPressMsg{Code: codes[key]}
		if k.Code == 0 {
			k = tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		}
		before := u.request
		u.send(k)
		if u.request != before {
			u.reload()
		}
	}
}

// screen returns the view without colours.
func (u *user) screen() string { return ansi.Strip(u.View().Content) }

func (u *user) shows(wants ...string) {
	u.t.Helper()
	for _, want := range wants {
		if !regexp.MustCompile(want).MatchString(u.screen()) {
			u.t.Errorf("does not show %q:\n%s", want, u.screen())
		}
	}
}

// fleet returns samples of a number of hosts in the last ten minutes. Host 2 is silent; the disk of host 3 fills up.
func fleet(hosts int) string {
	var b strings.Builder
	now := time.Now().Truncate(10 * time.Second)
	for h := 1; h <= hosts; h++ {
		for back := 60; back >= 0; back-- {
			at := now.Add(time.Duration(-back) * 10 * time.Second).Unix()
			if h == 2 && back < 20 {
				continue
			}
			free := 1e12
			if h == 3 {
				free = 1e9 + float64(back)*1e5
			}
			add := func(name, labels string, v float64) {
				fmt.Fprintf(&b, "%s{host=\"h%d\"%s} %v %d\n", name, h, labels, v, at)
			}
			add("rtcollector_up", `,type="host"`, 1)
			add("cpu_usage_active", `,core="cpu-total",unit="percent"`, float64(h*10%100))
			add("cpu_usage_active", `,core="cpu10",unit="percent"`, 1)
			add("cpu_usage_active", `,core="cpu9",unit="percent"`, 2)
			add("cpu_usage_user", `,core="cpu-total",unit="percent"`, 7)
			add("mem_used_percent", `,unit="percent"`, 50)
			add("disk_used_percent", `,mount="/srv",unit="percent"`, 60)
			add("disk_free", `,mount="/srv",unit="bytes"`, free)
			add("net_rx_bytes_rate", `,iface="eth0",unit="bytes_per_second"`, 2e6)
			add("net_tx_bytes_rate", `,iface="eth0",unit="bytes_per_second"`, 1e6)
			add("net_rx_bytes_rate", `,iface="lo",unit="bytes_per_second"`, 9e9)
			add("system_load1", "", 1.5)
			add("system_uptime", `,unit="seconds"`, 41*86400)
		}
	}
	return b.String() + "# EOF\n"
}

func TestHosts(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(4))
	u := newUser(t, client, Config{})
	u.shows(`(?m)^rtcollector  redis.lan:6379  last 5 min  ● live$`, `4 hosts, 3 reporting  2 need a look: h2: silent for 3 min.*; h3: /srv full in \d`,
		`(?m)^▲ h3 +\d+ s ago +▃+ +30 % +50 % +60 % +3 MB/s +1\.50$`, `(?m)^○ h2 +3 min`, `(?m)^● h1 `)
	u.send(tea.WindowSizeMsg{Width: 140, Height: 24})
	u.shows(`Up +Needs a look`, `41 d +/srv full in`)
	u.press("/", "h", "4")
	u.shows(`(?m)^● h4`, `filter: h4▏`)
	if strings.Contains(u.screen(), "● h1") {
		t.Errorf("the filter shows\n%s", u.screen())
	}
	u.press("backspace", "9")
	u.shows("No host matches the filter")
	u.press("esc", "end", "enter")
	u.shows(`(?m)^h4  redis.lan`)
}

// A host that writes every ten minutes is not silent after fifteen.
func TestSilence(t *testing.T) {
	client := querytest.Open(t)
	now := time.Now().Unix()
	querytest.Load(t, client, fmt.Sprintf("rtcollector_up{host=\"slow\",type=\"host\"} 1 %d\nrtcollector_up{host=\"slow\",type=\"host\"} 1 %d\n"+
		"rtcollector_up{host=\"quick\",type=\"host\"} 1 %d\nrtcollector_up{host=\"quick\",type=\"host\"} 1 %d\n# EOF\n", now-1500, now-900, now-910, now-900))
	newUser(t, client, Config{}).shows("2 hosts, 1 reporting", "● slow", "○ quick")
}

func TestManyHosts(t *testing.T) {
	client := querytest.Open(t)
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "rtcollector_up{host=\"host-%04d\",type=\"host\"} 1 %d\n", i, time.Now().Unix())
	}
	querytest.Load(t, client, b.String()+"# EOF\n")
	u := newUser(t, client, Config{})
	u.shows("1000 hosts, 1000 reporting", "host-0000", `… \d+ more`)
	u.press("end")
	u.shows("host-0999")
	u.press("up", "enter")
	u.shows(`No current data of host "host-0998"`)
	u.press("esc")
	u.shows("host-0998")
}

func TestHost(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(1))
	u := newUser(t, client, Config{Host: "h1"})
	u.shows(`(?m)^CPU +all +▁+ +■····· +10 % user 7\.0 %$`, `(?m)^CPU +cpu9 .*\nCPU +cpu10 `, `(?m)^Disk +/srv +▅+ +■■■■·· +60 %`, `(?m)^Network +eth0 +█+ in +2 MB/s out +1 MB/s$`, `(?m)^Load .* up +41 d$`)
	for _, absent := range []string{"Docker", "lo ", "Swap"} {
		if strings.Contains(u.screen(), absent) {
			t.Errorf("shows %q:\n%s", absent, u.screen())
		}
	}
	u.press("-")
	u.shows("last 1 min")
	u.press("?")
	u.shows("h   the hosts", "p +the processes of the host")
	u.press("x", "esc")
	u.shows("1 hosts, 1 reporting")
}

func TestExpression(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(3))
	u := newUser(t, client, Config{Expr: "sort_desc(cpu_usage_active{core='cpu-total'})"})
	u.shows(`(?s)3 results with \{__name__="cpu_usage_active", core="cpu-total"\}.* 30 % +\{host="h3"\}.* 10 % .*h1`)
	u.press("e")
	u.send(tea.PasteMsg{Content: "\x00"})
	u.press("esc", "e")
	u.typing, u.input = exprField, ""
	u.send(tea.PasteMsg{Content: "sum(\nnosuch"})
	u.press("enter")
	u.shows("no data", "unclosed left parenthesis")
	u.press("e")
	u.send(tea.PasteMsg{Content: ")"})
	u.press("enter")
	u.shows("0 results", "No series has a value now")
	u.press("e", "*")
	u.input = "1+1"
	u.press("enter")
	u.shows("1 results", " 2 ")
	u.input, u.typing = "nosuch[5m]", exprField
	u.press("enter")
	u.shows("result is a matrix|invalid expression type")
}

// Names come from other machines: they must not control the terminal.
func TestHostileNames(t *testing.T) {
	client := querytest.Open(t)
	now := time.Now().Unix()
	evil := `\u001b[2J\u202e` + strings.Repeat("宽", 100)
	for _, labels := range []string{`,type="host"} 1`, `,core="` + evil + `",unit="percent"} 50`} {
		name := "rtcollector_up"
		if strings.Contains(labels, "core") {
			name = "cpu_usage_active"
		}
		text := strings.NewReplacer(`\u001b`, "\x1b", `\u202e`, "\u202e").Replace(fmt.Sprintf("%s{host=\"%s\"%s %d\n# EOF\n", name, evil, labels, now))
		querytest.Load(t, client, text)
	}
	u := newUser(t, client, Config{Notes: func() []string { return []string{"\x1b[2J note"} }})
	check := func() {
		t.Helper()
		view := u.View().Content
		if strings.Contains(view, "\x1b[2J") || strings.Contains(view, "\u202e") {
			t.Errorf("sends %q", view)
		}
		for _, line := range strings.Split(u.screen(), "\n") {
			if ansi.StringWidth(line) > 79 {
				t.Errorf("too wide: %s", line)
			}
		}
	}
	check()
	u.press("enter")
	u.shows(`\[2J`, "50 %")
	check()
	u.press("e")
	u.input = "cpu_usage_active"
	u.press("enter")
	u.shows("1 results")
	check()
}

// The view fits on every terminal.
func TestSizes(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(3))
	for _, c := range []Config{{}, {Host: "h1"}, {Expr: "cpu_usage_active"}} {
		c.Notes = func() []string { return []string{strings.Repeat("note ", 50), "b", "c", "d"} }
		u := newUser(t, client, c)
		for _, size := range [][2]int{{80, 24}, {79, 23}, {40, 10}, {10, 3}, {2, 2}, {1, 1}, {80, 1}, {1, 24}, {300, 100}} {
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
}

// If Redis is away, the view says so and shows what it has.
func TestRedisAway(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, fleet(1))
	u := newUser(t, client, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	alive := u.ctx
	u.ctx = ctx
	u.reload()
	u.shows("data of", "retrying: ", "● h1|○ h1|▲ h1")
	u.ctx = alive
	u.reload()
	u.shows("● live")
	late := answer{request: u.request - 1}
	before := u.screen()
	u.send(late)
	if diff := cmp.Diff(before, u.screen()); diff != "" {
		t.Errorf("an answer to an older request changed the view: %s", diff)
	}
}
