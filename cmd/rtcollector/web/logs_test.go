package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// archive is an embedded Redis, an output that writes events into it, and a web server that reads them.
type archive struct {
	t      *testing.T
	base   string
	server *embedded.Server
	w      *redissearch.Writer
	seq    uint64
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{t: t, server: server}
	t.Cleanup(func() { _ = a.server.Close() })
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, server.Addr())
	a.base = serve(t, both(c))
	a.openWriter(c)
	return a
}

func (a *archive) openWriter(c redisconn.Config) {
	a.t.Helper()
	settings := redissearch.Defaults()
	settings.Config = c
	w, err := redissearch.New(outputs.Env{ID: "redissearch", Instance: "inst0001"}, settings)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := w.Open(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = w.Close() })
	a.w = w
}

func (a *archive) write(events ...telemetry.Event) {
	a.t.Helper()
	for i := range events {
		a.seq++
		events[i].Seq = a.seq
	}
	if err := a.w.WriteEvents(a.t.Context(), events); err != nil {
		a.t.Fatal(err)
	}
}

// event returns an event so many seconds after T.
func event(seconds float64, host, app string, s telemetry.Severity, message string) telemetry.Event {
	return telemetry.Event{Time: time.UnixMilli(T*1000 + int64(seconds*1000)), Host: host, App: app, Severity: s, Message: message, Source: "syslog"}
}

func (a *archive) at(seconds int) string { return strconv.Itoa(T + seconds) }

func (a *archive) writeSome() {
	hostile := event(4, "db", "postgres", telemetry.Critical, "<script>alert(1)</script>\x1b[2J\"\n\u202e")
	hostile.Proc, hostile.Fields = "7", []telemetry.Field{telemetry.Text("facility", "4"), telemetry.Text("</script>", "\x07")}
	a.write(
		event(1, "web-1", "nginx", telemetry.Informational, "GET /index.html"),
		event(2, "web-1", "sshd", telemetry.Warning, "Connection refused by peer"),
		event(3.123, "web-2", "sshd", telemetry.Error, "connection refused"),
		hostile,
	)
}

// found is the answer of /api/logs.
type found struct {
	Events []struct {
		ID, Severity, Host, App, Source, Message string
		Time                                     float64
		Fields                                   map[string]any
	}
	Truncated bool
	Error     string
}

// logs returns the status, and the times of the lines in seconds after T.
func (a *archive) logs(query string) (code int, seconds string, f found) {
	a.t.Helper()
	code, body := fetch(a.t, a.base+"/api/logs?"+query)
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		a.t.Fatal(query, body, err)
	}
	var times []string
	for _, e := range f.Events {
		times = append(times, fmt.Sprintf("%.5g", e.Time-T))
	}
	return code, strings.Join(times, " "), f
}

func TestLogs(t *testing.T) {
	a := newArchive(t)
	if code, body := fetch(t, a.base+"/api/logs"); code != 200 || body != `{"events":[],"truncated":false}` {
		t.Error(code, body)
	}
	a.writeSome()
	for query, want := range map[string]string{
		"": "1 2 3.123 4", "last=2": "3.123 4", "last=4": "1 2 3.123 4", "severity=warn..": "2 3.123 4", "severity=warn": "2", "host=web-1&host=db": "1 2 4", "app=sshd": "2 3.123",
		"host=web-*&app=sshd&app=nginx": "1 2 3.123", "words=refused&words=peer": "2", "text=tion+refused": "2 3.123", "source=exec": "", "since=1750003202": "2 3.123 4",
		"until=2025-06-15T16:00:02Z": "1 2", "since=1750003203&until=1750003203.5": "3.123", "text=%3Cscript%3E": "4",
	} {
		code, seconds, f := a.logs(query)
		if code != 200 || seconds != want || f.Truncated != (query == "last=2") {
			t.Errorf("%s: %d %q %v, want %q", query, code, seconds, f.Truncated, want)
		}
	}
	_, _, f := a.logs("severity=crit")
	e := f.Events[0]
	if e.ID == "" || e.Severity != "critical" || e.Host != "db" || e.App != "postgres" || e.Source != "syslog" || !strings.HasPrefix(e.Message, "<script>alert(1)</script>") ||
		!strings.HasSuffix(e.Message, "\u202e") || e.Fields["facility"] == nil || e.Fields["</script>"] == nil {
		t.Errorf("%+v", e)
	}
	many := strings.Repeat("host=a&", 101)
	for _, query := range []string{
		"last=0", "last=1001", "last=x", "since=now", "until=2025-06-15", "severity=loud", "since=2&until=1", many, "text=" + strings.Repeat("x", 1001), "buckets=1&since=x",
	} {
		if code, _, f := a.logs(query); code != 400 || f.Error == "" {
			t.Errorf("%.60s: %d %+v", query, code, f)
		}
	}
	if code, body := fetch(t, serve(t, web.Config{Redis: redisconn.Defaults()})+"/api/logs"); code != 503 || !strings.Contains(body, "redissearch") {
		t.Error(code, body)
	}
}

func TestVolume(t *testing.T) {
	a := newArchive(t)
	a.writeSome()
	type volume struct {
		Start, Step float64
		Counts      map[string][]int
		Truncated   bool
	}
	for query, want := range map[string]volume{
		"buckets=4&since=1750003201&until=1750003205":                 {T + 1, 1, map[string][]int{"info": {1, 0, 0, 0}, "warning": {0, 1, 0, 0}, "error": {0, 0, 1, 0}, "critical": {0, 0, 0, 1}}, false},
		"buckets=2&since=1750003201&until=1750003205&app=sshd":        {T + 1, 2, map[string][]int{"warning": {1, 0}, "error": {0, 1}}, false},
		"buckets=2&since=1750003201&until=1750003205&text=on+refused": {T + 1, 2, map[string][]int{"warning": {1, 0}, "error": {0, 1}}, false},
		"since=1750007201&until=1750007261":                           {1750007201, 1, map[string][]int{}, false},
	} {
		code, body := fetch(t, a.base+"/api/logs/volume?"+query)
		var got volume
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 {
			t.Fatal(code, body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	if code, body := fetch(t, a.base+"/api/logs/volume"); code != 200 || !strings.Contains(body, `"step":60`) {
		t.Error("by default it is the last hour:", code, body)
	}
	for _, query := range []string{"buckets=0", "buckets=201", "buckets=x", "since=5&until=5", "severity=x"} {
		if code, body := fetch(t, a.base+"/api/logs/volume?"+query); code != 400 {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// stream is a client that follows.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func (a *archive) follow(query string) *stream {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.t.Context()), 30*time.Second)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/logs/tail?"+query, http.NoBody)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Content-Encoding") != "" {
		a.t.Fatal(resp.Status, resp.Header)
	}
	s := &stream{a.t, bufio.NewScanner(resp.Body), func() { cancel(); _ = resp.Body.Close() }}
	a.t.Cleanup(func() { s.close() })
	s.next("retry: ")
	return s
}

// next returns the rest of the next line that has this prefix.
func (s *stream) next(prefix string) string {
	s.t.Helper()
	for s.lines.Scan() {
		if rest, ok := strings.CutPrefix(s.lines.Text(), prefix); ok {
			return rest
		}
	}
	s.t.Fatalf("the stream ended without %q: %v", prefix, s.lines.Err())
	return ""
}

// message returns the message of the next event.
func (s *stream) message() string {
	s.t.Helper()
	var e struct{ Message string }
	if err := json.Unmarshal([]byte(s.next("data: ")), &e); err != nil {
		s.t.Fatal(err)
	}
	return e.Message
}

// TestTail: new lines arrive, once; while Redis is away the stream says so, and goes on later.
func TestTail(t *testing.T) {
	a := newArchive(t)
	line := func(text string) telemetry.Event {
		return telemetry.Event{Time: time.Now(), Host: "a", App: "sshd", Severity: telemetry.Warning, Message: text, Source: "syslog"}
	}
	before := line("old")
	before.Time = before.Time.Add(-time.Second)
	a.write(before)
	all, some, old := a.follow(""), a.follow("host=b&app=sshd"), a.follow("last=5")
	if got := old.message(); got != "old" {
		t.Errorf("with last: %q", got)
	}
	other := line("two\nlines")
	other.Host, other.Time = "b", other.Time.Add(time.Second) // lines of one millisecond have no order
	a.write(line("one"), other)
	for _, got := range []string{all.message() + "|" + all.message(), old.message() + "|" + old.message()} {
		if got != "one|two\nlines" {
			t.Errorf("%q", got)
		}
	}
	if got := some.message(); got != "two\nlines" {
		t.Errorf("with filters: %q", got)
	}
	addr := a.server.Addr()
	if err := a.server.Close(); err != nil {
		t.Fatal(err)
	}
	if got := all.next("event: "); got != "problem" {
		t.Error(got)
	}
	if got := all.next("data: "); !strings.Contains(got, addr) {
		t.Error(got)
	}
	var err error
	if a.server, err = embedded.Listen(addr, embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, addr)
	a.openWriter(c)
	a.write(line("again"))
	for got := ""; got != "again"; got = all.message() { // a problem has no message
	}
	for _, query := range []string{"until=5", "severity=x", "last=1001"} {
		if code, body := fetch(t, a.base+"/api/logs/tail?"+query); code != 400 {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// TestManyTails: the number of clients that follow is bounded, and their places are free again when they are gone.
func TestManyTails(t *testing.T) {
	a := newArchive(t)
	var streams []*stream
	for range web.MaxTails {
		streams = append(streams, a.follow("host=nobody"))
	}
	if code, body := fetch(t, a.base+"/api/logs/tail"); code != 503 || !strings.Contains(body, "too many") {
		t.Error(code, body)
	}
	for _, s := range streams {
		s.close()
	}
	servicetest.Until(t, "a place is free", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/logs/tail", http.NoBody)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	})
}

// TestTailEnds: a server that stops does not wait for clients that follow.
func TestTailEnds(t *testing.T) {
	c := redisconn.Defaults()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c.Host, c.Port = servicetest.HostPort(t, server.Addr())
	var s *stream
	var closeStream func()
	t.Run("running", func(t *testing.T) {
		a := &archive{t: t, base: listen(t, both(c))}
		s = a.follow("")
		closeStream, s.close = s.close, func() {} // the server stops first
	})
	defer closeStream()
	for s.lines.Scan() {
	}
	if err := s.lines.Err(); err != nil {
		t.Error("the stream was cut off:", err)
	}
}

// FuzzFilters: no parameters make the server panic, or make a query that is out of bounds.
func FuzzFilters(f *testing.F) {
	for _, text := range []string{"severity=warn..&last=5", "since=1e99", "last=-1", "host=*&host=", "words=%00", "text=%ff", "since=2025-06-15T16:00:02Z&until=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if q, err := web.ParseFilters(v, 10); err == nil && (q.Last < 1 || q.Last > 1000 || q.From > q.To || len(q.Hosts) > 100) {
			t.Errorf("%+v", q)
		}
	})
}
