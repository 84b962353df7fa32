package windowseventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/wevt"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// eventLog stands in for Windows' event log, which Wine does not have: its EvtSubscribe returns nothing. Bookmarks are like <b>3</b>.
type eventLog struct {
	mu     sync.Mutex
	events map[string]int // by channel
	opened []string       // the positions of the readers
	broken bool           // reading fails
}

type logReader struct {
	log     *eventLog
	channel string
	next    int
}

func (l *eventLog) open(channel, _ string, start wevt.Start, bookmark string) (wevt.Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count, ok := l.events[channel]
	if !ok {
		return nil, errors.New("there is no channel " + channel)
	}
	r := &logReader{log: l, channel: channel, next: count}
	if bookmark != "" {
		r.next, _ = strconv.Atoi(strings.Trim(bookmark, "</b>"))
	} else if start == wevt.FromOldest {
		r.next = 0
	}
	l.opened = append(l.opened, fmt.Sprint(channel, " ", r.next))
	return r, nil
}

func (l *eventLog) add(channel string, events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[channel] += events
}

func (r *logReader) Next(most int, _ time.Duration) (events []wevt.Event, err error) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.log.broken {
		return nil, errors.New("the log is broken")
	}
	for ; len(events) < most && r.next < r.log.events[r.channel]; r.next++ {
		xml := fmt.Sprintf("<Event><System><EventID>%d</EventID><Channel>%s</Channel></System></Event>", r.next, r.channel)
		events = append(events, wevt.Event{XML: xml, Message: fmt.Sprint(r.channel, " ", r.next)})
	}
	return events, nil
}

func (r *logReader) Bookmark() (string, error) { return fmt.Sprintf("<b>%d</b>", r.next), nil }
func (r *logReader) Close() error              { return nil }

func configFor(dir string, more ...string) string {
	return "{state_directory: '" + dir + "', start: oldest" + strings.Join(append([]string{""}, more...), ", ") + "}"
}

// collected keeps the messages of emitted events.
type collected struct {
	mu       sync.Mutex
	messages []string
}

// Emit implements plugins.Emitter.
func (c *collected) Emit(_ context.Context, b *telemetry.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range b.Events {
		c.messages = append(c.messages, e.Message)
	}
}

// wait waits until n events were emitted, and returns their messages.
func (c *collected) wait(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	servicetest.Until(t, fmt.Sprint(n, " events were emitted"), func(context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if all = append(all[:0], c.messages...); len(all) < n {
			return fmt.Errorf("there are %d", len(all))
		}
		return nil
	})
	return all
}

// run runs the input until stop is called.
func run(t *testing.T, p *plugintest.Probe, out plugins.Emitter) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Input.Runner.Run(ctx, out) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func TestConformance(t *testing.T) {
	l := &eventLog{events: map[string]int{"Application": 3, "System": 0}}
	plugintest.Run(t, define(l.open), plugintest.Case{Name: "two channels", Config: configFor(t.TempDir()), Setup: func(_ *testing.T, e *plugins.Env) { e.Host = &sysinfo.Host{} },
		Feed: func(t *testing.T, out *plugintest.Emitted) { out.WaitEvents(t, 3) }})
}

// Over restarts, every event is emitted once.
func TestBookmark(t *testing.T) {
	dir, l := t.TempDir(), &eventLog{events: map[string]int{"System": 40, "Application": 2}}
	start := func() *plugintest.Probe {
		return plugintest.Start(t, define(l.open), configFor(dir), plugintest.Env("windows_eventlog", ""))
	}
	var out collected
	p := start()
	stop := run(t, p, &out)
	out.wait(t, 42)
	servicetest.Until(t, "the bookmarks are saved", func(context.Context) error {
		for name, want := range map[string]string{"System": "<b>40</b>", "Application": "<b>2</b>"} {
			if got, err := bookmarkFile(filepath.Join(dir, stateName("windows_eventlog", name))).load(); got != want {
				return fmt.Errorf("%s: %q, %w", name, got, err)
			}
		}
		return nil
	})
	stop()
	if got := p.Gather(0); got["windows_eventlog_events_System"] != 40 || got["windows_eventlog_events_Application"] != 2 {
		t.Error(got)
	}
	l.add("System", 5)
	stop = run(t, start(), &out)
	got := out.wait(t, 47)
	stop()
	counts := map[string]int{}
	for _, m := range got {
		counts[m]++
	}
	if len(counts) != 47 || len(got) != 47 {
		t.Errorf("%d events, %d different ones", len(got), len(counts))
	}
}

// A channel that does not exist, and one that fails for a while, cost the others nothing.
func TestFailures(t *testing.T) {
	l := &eventLog{events: map[string]int{"System": 1}}
	var log servicetest.Log
	p := plugintest.Start(t, define(l.open), configFor(t.TempDir(), "channels: [Foo, System]"), plugintest.Env("windows_eventlog", "", func(e *plugins.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
	}))
	if err := p.Input.Runner.(plugins.Trier).Try(t.Context()); err == nil || !strings.Contains(err.Error(), "channel Foo: there is no channel Foo") {
		t.Errorf("try: %v", err)
	}
	var out collected
	stop := run(t, p, &out)
	defer stop()
	out.wait(t, 1)
	l.mu.Lock()
	l.broken = true
	l.mu.Unlock()
	servicetest.Until(t, "the failures are logged", func(context.Context) error {
		if text := log.String(); strings.Count(text, "channel=Foo") != 1 || strings.Count(text, "the log is broken") != 1 {
			return errors.New(text)
		}
		return nil
	})
	l.mu.Lock()
	l.broken = false
	l.events["System"]++
	l.mu.Unlock()
	if got := out.wait(t, 2); got[1] != "System 1" {
		t.Error(got)
	}
}

// A position that cannot be kept does not stop the reading, and is said once.
func TestUnwritableState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := &eventLog{events: map[string]int{"System": 50}}
	var log servicetest.Log
	p := plugintest.Start(t, define(l.open), configFor(filepath.Join(file, "below"), "channels: [System]"), plugintest.Env("windows_eventlog", "", func(e *plugins.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
	}))
	var out collected
	stop := run(t, p, &out)
	defer stop()
	if got := out.wait(t, 50); len(got) != 50 {
		t.Errorf("%d events", len(got))
	}
	servicetest.Until(t, "all bookmarks were tried, and the failure is logged", func(context.Context) error {
		if got := p.Gather(0)["windows_eventlog_events_System"]; got != 50 || log.Count("cannot be kept") == 0 {
			return fmt.Errorf("%v events, log: %s", got, log.String())
		}
		return nil
	})
	if log.Count("cannot be kept") != 1 {
		t.Error(log.String())
	}
}

func TestBookmarkFile(t *testing.T) {
	dir := t.TempDir()
	f := bookmarkFile(filepath.Join(dir, "new", stateName("windows_eventlog#2", "Microsoft-Windows-PowerShell/Operational")))
	if text, err := f.load(); text != "" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for _, text := range []string{"<b>1</b>", "<b>Datenträger</b>"} {
		if err := f.save(text); err != nil {
			t.Fatal(err)
		}
		if got, err := f.load(); got != text || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "new")); len(entries) != 1 || err != nil {
		t.Errorf("%v, %v", entries, err)
	}
	for _, text := range []string{"x", "<" + strings.Repeat("b", maxBookmark)} {
		if err := os.WriteFile(string(f), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.load(); err == nil || !strings.Contains(err.Error(), "delete it") {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		"channels: []":               "must name a channel",
		"channels: [System, system]": "system appears twice",
		"channels: ['']":             "must not have an empty name",
		"query: ''":                  "must be an XPath expression",
		"start: yesterday":           "must be now or oldest",
		"state_directory: ''":        "must be a folder",
	} {
		if _, problems := plugintest.Decode(t, Plugin, config); !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %s", config, problems, want)
		}
	}
}
