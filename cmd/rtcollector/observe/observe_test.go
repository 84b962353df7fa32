package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const everyKind = ShowConnect | ShowClose | ShowFailed | ShowAlert | ShowListen

// connect returns the event of a connection that claude makes.
func connect(number uint64, remote, domain string) connlog.Event {
	return connlog.Event{
		Time: time.Date(2026, 1, 20, 15, 4, 5, 123e6, time.UTC), Kind: connlog.Connect, RunID: "run", Conn: number, PID: 300, Comm: "claude",
		Cmdline: "claude --print", User: "alice", Ancestry: "systemd:1 > bash:20 > claude:300", Provider: "anthropic", Proto: connlog.TCP, Direction: connlog.Out,
		Local: netip.MustParseAddrPort("10.0.0.5:40000"), Remote: netip.MustParseAddrPort(remote), Domain: domain, TxBytes: -1, RxBytes: -1,
	}
}

func closed(e connlog.Event, lasted time.Duration, tx, rx int64) connlog.Event {
	e.Kind, e.Time, e.Duration, e.HasDuration, e.TxBytes, e.RxBytes = connlog.Close, e.Time.Add(lasted), lasted, true, tx, rx
	return e
}

func alertOf(e connlog.Event, kind string) connlog.Event {
	e.Kind, e.Alert, e.Message = connlog.Alert, kind, "claude talks to evil.example"
	return e
}

// story returns the events of a small session.
func story() []connlog.Event {
	a, b := connect(1, "192.0.2.1:443", "api.anthropic.com"), connect(2, "[2001:db8::2]:443", "")
	git := connect(3, "192.0.2.3:22", "github.com")
	git.PID, git.Comm, git.Cmdline, git.Ancestry, git.Provider = 310, "git", "git fetch", a.Ancestry+" > git:310", ""
	refused := connect(4, "192.0.2.4:8080", "")
	refused.Error, refused.RetryCount = "connection refused", 2
	general := connlog.Event{Time: a.Time, Kind: connlog.Alert, Alert: "max_connections", Message: "3 connections are active", TxBytes: -1, RxBytes: -1}
	listener := connect(5, "192.0.2.5:1", "")
	listener.Direction, listener.Remote = connlog.Listen, netip.AddrPort{}
	return []connlog.Event{a, b, git, refused, alertOf(b, "unknown_domain"), general, closed(b, 2*time.Second, 1000, 5000), listener}
}

func newStoryBoard() *Board {
	b := NewBoard()
	for _, e := range story() {
		b.Add(&e)
	}
	return b
}

func TestBoard(t *testing.T) {
	b := newStoryBoard()
	totals, _ := b.Read(ByProvider)
	want := Counts{Active: 2, Opened: 3, Closed: 1, Failed: 1, Alerts: 2, Tx: 1000, Rx: 5000}
	if mean, ok := totals.MeanDuration(); totals.Counts != want || totals.Peak != 3 || mean != 2*time.Second || !ok {
		t.Errorf("%+v", totals)
	}
	if diff := cmp.Diff(map[string]int{"unknown_domain": 1, "max_connections": 1}, totals.ByAlert); diff != "" {
		t.Error(diff)
	}
	for v, names := range map[View][]string{
		ByProvider: {"anthropic", "other"}, ByDomain: {"api.anthropic.com", "github.com", "192.0.2.4", "2001:db8::2"},
		ByPort: {"tcp 443", "tcp 22", "tcp 8080"}, ByProcess: {"claude[300]", "git[310]"},
	} {
		_, groups := b.Read(v)
		var got []string
		for _, g := range groups {
			got = append(got, g.Name)
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("%s: %s", v, diff)
		}
	}
}

// The close event of a connection may know more than its connect event, or come alone.
func TestBoardCountsEachConnectionOnce(t *testing.T) {
	b := NewBoard()
	e := connect(1, "192.0.2.1:443", "")
	b.Add(&e)
	b.Add(&e)
	e.Domain = "late.example"
	e = closed(e, time.Second, 1, 2)
	b.Add(&e)
	b.Add(&e)
	_, groups := b.Read(ByDomain)
	for _, g := range groups {
		if g.Active != 0 {
			t.Errorf("%+v", g)
		}
	}
}

// Connections that were open at the same time count as such, also if their events come one after the other.
func TestPeak(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	for name, tt := range map[string]struct {
		changes []change
		want    int
	}{
		"in order":     {[]change{{at(1), 1}, {at(2), 1}, {at(3), -1}, {at(4), -1}, {at(5), 1}}, 2},
		"late":         {[]change{{at(1), 1}, {at(9), -1}, {at(2), 1}, {at(8), -1}, {at(3), 1}, {at(4), -1}}, 3},
		"one by one":   {[]change{{at(1), 1}, {at(2), -1}, {at(2), 1}, {at(3), -1}}, 1},
		"not together": {[]change{{at(5), 1}, {at(6), -1}, {at(1), 1}, {at(2), -1}}, 1},
	} {
		var line timeline
		for _, c := range tt.changes {
			line.add(c)
		}
		if got := line.peak(); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	var line timeline
	for i := range 3 * maxChanges {
		line.add(change{at(2 * i), 1})
		line.add(change{at(2*i + 1), -1})
	}
	if line.peak() != 1 || len(line.changes) > maxChanges || line.before != 0 {
		t.Errorf("peak %d, %d changes, %d before", line.peak(), len(line.changes), line.before)
	}
}

func TestBoardIsBounded(t *testing.T) {
	b := NewBoard()
	for i := range 3 * maxEvents {
		e := connect(uint64(i+1), fmt.Sprintf("10.%d.%d.%d:%d", i>>16, i>>8&255, i&255, 1+i%60000), "")
		e.PID = i
		b.Add(&e)
	}
	s := b.read(ByDomain, everyKind, "")
	if len(s.events) != maxEvents || s.events[0].number != 2*maxEvents+1 || len(s.groups) > maxGroups+1 || len(b.processes) > maxProcesses+1 {
		t.Errorf("%d events, %d groups, %d processes", len(s.events), len(s.groups), len(b.processes))
	}
	if s.totals.Active != 3*maxEvents || s.groups[0].Name != others {
		t.Errorf("%+v, %+v", s.totals, s.groups[0])
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	p := Printer{W: &out, Show: everyKind, Zone: time.UTC, Bell: true}
	for _, e := range story() {
		if err := p.Print(&e, nil); err != nil {
			t.Fatal(err)
		}
	}
	const want = `15:04:05.123 + claude[300] (anthropic) tcp → api.anthropic.com:443
15:04:05.123 + claude[300] (anthropic) tcp → 2001:db8::2:443
15:04:05.123 + git[310] tcp → github.com:22
15:04:05.123 × claude[300] (anthropic) tcp → 192.0.2.4:8080 connection refused, retry 2
15:04:05.123 ! claude[300] (anthropic) tcp → 2001:db8::2:443 unknown_domain: claude talks to evil.example` + "\a" + `
15:04:05.123 ! max_connections: 3 connections are active` + "\a" + `
15:04:07.123 - claude[300] (anthropic) tcp → 2001:db8::2:443 2 s, ↑0.98 KiB ↓4.88 KiB
15:04:05.123 ○ claude[300] (anthropic) tcp listens on 10.0.0.5:40000
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	p.Details, p.Show, p.Bell = true, ShowConnect, false
	for _, e := range story()[:5] {
		_ = p.Print(&e, nil)
	}
	if text := out.String(); strings.Count(text, "\n") != 3 || !strings.Contains(text, ` ip=192.0.2.1 user=alice cmd="claude --print" from="systemd:1 > bash:20 > claude:300"`) {
		t.Error(text)
	}
}

// feed passes events on as the agent does.
func feedTo(t *testing.T, f *Feed, events ...connlog.Event) error {
	t.Helper()
	var all []telemetry.Event
	for _, e := range events {
		all = append(all, e.Telemetry())
	}
	return f.WriteEvents(t.Context(), all)
}

func TestFeed(t *testing.T) {
	var out bytes.Buffer
	p, b := Printer{W: &out, JSON: true}, NewBoard()
	f := NewFeed(p.Print, func(e *connlog.Event, _ eventdoc.Document) error { b.Add(e); return nil })
	if err := feedTo(t, f, story()...); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteEvents(t.Context(), []telemetry.Event{{Source: "connections", Message: "failed"}}); err != nil || f.Skipped() != 1 {
		t.Errorf("%v, %d skipped", err, f.Skipped())
	}
	if totals, _ := b.Read(ByProvider); totals.Opened != 3 {
		t.Errorf("%+v", totals)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != len(story()) {
		t.Fatal(err, len(lines))
	}
	if first["timestamp"] != 1768921445123.0 || first["event"] != "connect" || first["domain"] != "api.anthropic.com" || first["remote_port"] != 443.0 {
		t.Errorf("%v", first)
	}
	select {
	case <-f.Ready():
		t.Error("ready before the first gather")
	default:
	}
	factory := telemetry.NewFactory("h", connlog.Source, nil)
	other, active, missed, tracked := factory.Gauge("x", ""), factory.Gauge(metricActive, ""), factory.Gauge(metricMissed, ""), factory.Gauge(metricTracked, "")
	write := func(all map[*telemetry.Series]float64) {
		batch := telemetry.NewBatch(time.Now(), time.Now(), 0)
		for s, v := range all {
			batch.Add(s, v)
		}
		if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch}); err != nil {
			t.Fatal(err)
		}
	}
	write(map[*telemetry.Series]float64{other: 1})
	if len(f.Ready()) > 0 || f.OpenAtFirst() != 0 {
		t.Error("ready because of another input")
	}
	write(map[*telemetry.Series]float64{active: 2, tracked: 2})
	write(map[*telemetry.Series]float64{active: 3, missed: 4, tracked: 2})
	<-f.Ready()
	if f.OpenAtFirst() != 2 || f.Missed() != 4 {
		t.Errorf("%d open at first, %d missed", f.OpenAtFirst(), f.Missed())
	}
}

func TestFeedReportsFailures(t *testing.T) {
	f := NewFeed(func(*connlog.Event, eventdoc.Document) error { return errors.New("disk full") })
	if err := feedTo(t, f, story()...); !outputs.IsPermanent(err) || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
}

// user is a person at the terminal: a model, and what is typed into it.
type user struct {
	t *testing.T
	model
}

func newUser(t *testing.T, b *Board) *user {
	theme, err := ParseTheme("default")
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, newModel(Config{Board: b, Show: everyKind, Theme: theme, Title: "claude", Bell: true})}
}

func (u *user) send(message tea.Msg) tea.Cmd {
	next, cmd := u.Update(message)
	u.model = next.(model)
	return cmd
}

func (u *user) press(keys ...string) {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "end": tea.KeyEnd, "home": tea.KeyHome, "backspace": tea.KeyBackspace}
	for _, key := range keys {
		k := tea.KeyPressMsg{Code: codes[key]}
		if k.Code == 0 {
			k = tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		}
		u.send(k)
	}
}

func (u *user) screen() string { return ansi.Strip(u.View().Content) }

func (u *user) shows(wants ...string) {
	u.t.Helper()
	for _, want := range wants {
		if !strings.Contains(u.screen(), want) {
			u.t.Errorf("does not show %q:\n%s", want, u.screen())
		}
	}
}

func (u *user) hides(texts ...string) {
	u.t.Helper()
	for _, text := range texts {
		if strings.Contains(u.screen(), text) {
			u.t.Errorf("shows %q:\n%s", text, u.screen())
		}
	}
}

func TestView(t *testing.T) {
	u := newUser(t, newStoryBoard())
	u.send(tea.WindowSizeMsg{Width: 120, Height: 30})
	u.shows("● live", "2 active  peak 3  3 opened  mean 2 s  1 failed  ! 2 alerts", "by provider", "anthropic", "→ api.anthropic.com:443", "connection refused", "! claude[300]", "unknown_domain: claude talks", "○ claude")
	for _, name := range []string{"by domain", "by port", "by process", "by provider"} {
		u.press("v")
		u.shows(name)
	}
	u.press("/", "G", "i", "T")
	u.shows("filter: git▏", "github.com:22")
	u.hides("api.anthropic.com:443")
	u.press("x")
	u.shows("No event matches")
	u.press("backspace", "enter")
	u.shows("filter: git", "github.com:22")
	u.press("enter")
	u.shows("git[310]", "git fetch", "alice", "└ git:310", "1 destinations", "tcp github.com:22", "1 active")
	u.hides("by provider")
	u.press("esc", "esc")
	u.shows("api.anthropic.com:443")
	u.press("?")
	u.shows("any key closes this help")
	u.press("x", "home", "enter")
	u.shows("claude --print", "3 destinations")
}

func TestViewFollowsAndPauses(t *testing.T) {
	b := newStoryBoard()
	u := newUser(t, b)
	add := func(number uint64, domain string) {
		e := connect(number, "192.0.2.9:443", domain)
		b.Add(&e)
		u.send(tick{})
	}
	add(10, "new.example")
	u.shows("new.example", "3 active")
	u.press("p")
	add(11, "newer.example")
	u.shows("paused")
	u.hides("newer.example")
	u.press("p")
	u.shows("newer.example")
	u.press("up")
	selected := u.selectedEntry().event.Domain
	add(12, "newest.example")
	if got := u.selectedEntry().event.Domain; got != selected || selected != "new.example" {
		t.Errorf("%q is selected, before it was %q", got, selected)
	}
	u.press("end")
	if u.selected != 0 || u.selectedEntry().event.Domain != "newest.example" {
		t.Error("end does not follow the newest event")
	}
}

func TestBell(t *testing.T) {
	b := newStoryBoard()
	u := newUser(t, b)
	if u.ring() != nil {
		t.Error("rings for alerts from before")
	}
	e := alertOf(connect(20, "192.0.2.9:443", ""), "domains")
	b.Add(&e)
	u.look()
	if m := u.model; m.ring() == nil || m.ring() != nil {
		t.Error("does not ring once for an alert")
	}
	u.config.Bell = false
	if u.ring() != nil {
		t.Error("rings although it must not")
	}
}

// Names come from other processes: they must not control the terminal, and fit on every one.
func TestHostileNamesAndSizes(t *testing.T) {
	evil := "\x1b[2J\u202e\n\r" + strings.Repeat("宽", 100)
	b := newStoryBoard()
	e := connect(30, "192.0.2.9:443", evil)
	e.Comm, e.Cmdline, e.User, e.Ancestry, e.Provider, e.Error = evil, evil, evil, evil+" > "+evil, evil, evil
	for _, kind := range []connlog.Event{e, closed(e, time.Second, 1, 2), alertOf(e, evil)} {
		b.Add(&kind)
	}
	u := newUser(t, b)
	u.config.Title, u.config.Notes = evil, func() []string { return []string{evil} }
	u.config.Lost = func() int64 { return 7 }
	u.shows("7 events were lost")
	for _, keys := range [][]string{nil, {"v"}, {"v"}, {"v"}, {"up"}, {"enter"}, {"esc", "/", evil}, {"esc", "?"}} {
		u.press(keys...)
		for _, size := range [][2]int{{80, 24}, {60, 20}, {200, 50}, {10, 3}, {1, 1}, {2, 40}} {
			u.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			if view := u.View().Content; strings.Contains(view, "\x1b[2J") || strings.Contains(view, "\u202e") || strings.Contains(view, "\r") {
				t.Errorf("sends %q", view)
			}
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
	var out bytes.Buffer
	p := Printer{W: &out, Show: everyKind, Details: true, Zone: time.UTC}
	_ = p.Print(&e, nil)
	if text := out.String(); strings.ContainsAny(text, "\x1b\r\u202e") || strings.Count(text, "\n") != 1 {
		t.Errorf("prints %q", text)
	}
}

func TestSummary(t *testing.T) {
	var out bytes.Buffer
	if err := newStoryBoard().WriteSummary(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 connections, 3 at once, 1 failed, mean duration 2 s, 0.98 KiB sent, 4.88 KiB received\n", "api.anthropic.com ", "! 1 alerts of kind unknown_domain\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestBuiltinPresets(t *testing.T) {
	if diff := cmp.Diff([]string{"audit", "ci", "live", "quiet", "verbose"}, Presets(nil)); diff != "" {
		t.Error(diff)
	}
	for _, name := range Presets(nil) {
		p, err := LoadPreset(nil, name)
		if err != nil || p.View != "provider" || p.Source != "auto" || len(p.Show) == 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, _ := LoadPreset(nil, "ci"); p.Patterns == nil || len(p.Patterns) != 0 || !p.Summary || len(p.Show) != 1 {
		t.Errorf("%+v", p)
	}
}

// deniedFiles is the directory of another user.
type deniedFiles struct{}

func (deniedFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

// Who may not read the directory of presets still has those that are built in.
func TestPresetsOfAnotherUser(t *testing.T) {
	if _, err := LoadPreset(deniedFiles{}, "ci"); err != nil {
		t.Error(err)
	}
	if _, err := LoadPreset(deniedFiles{}, "mine"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestUserPresets(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	var user fs.FS = fstest.MapFS{
		"mine.yaml": file("base: audit\nshow: [alert]\nalerts: {duration: 1h}\n"), "typo.yaml": file("show: [alert]\npaterns: [x]\n"),
		"kinds.yaml": file("show: [alerts]\nfail_on: [domain]\n"), "loop.yaml": file("base: loop\n"), "quiet.yaml": file("bell: false\n"),
	}
	mine, err := LoadPreset(user, "mine")
	if err != nil || mine.Domains != "capture" || !mine.Alerts.UnknownDomain || mine.Alerts.Duration.D() != time.Hour || !cmp.Equal(mine.Show, []string{"alert"}) {
		t.Errorf("%+v, %v", mine, err)
	}
	if p, err := LoadPreset(user, "quiet"); err != nil || len(p.Show) != 4 {
		t.Errorf("the user's own does not come first: %+v, %v", p, err)
	}
	for name, want := range map[string]string{
		"typo": `typo.yaml:2:1: unknown key "paterns" (did you mean "patterns"?)`, "kinds": `kinds.yaml:1:1: show: "alerts" is not one of connect`,
		"loop": `preset "loop" is based on itself`, "audti": `preset "audti" does not exist (did you mean "audit"?)`, "../x": `"../x" is not the name`,
	} {
		if _, err := LoadPreset(user, name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestThemes(t *testing.T) {
	e := alertOf(connect(1, "192.0.2.1:443", ""), "domains")
	for _, name := range []string{"default", "colour-blind", "color-blind", "mono"} {
		theme, err := ParseTheme(name)
		if sign, style := theme.sign(&e); err != nil || sign != "!" || style == tui.Plain {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseTheme("x"); err == nil {
		t.Error("an unknown theme")
	}
}
