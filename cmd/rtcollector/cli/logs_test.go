package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// archive is an embedded Redis and an output that writes events into it.
type archive struct {
	t    *testing.T
	addr string
	w    *redissearch.Writer
	seq  uint64
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := redissearch.Defaults()
	c.Config = redisconn.Defaults()
	if err := c.URL.UnmarshalScalar("redis://" + s.Addr()); err != nil {
		t.Fatal(err)
	}
	w, err := redissearch.New(outputs.Env{ID: "redissearch", Instance: "inst0001"}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return &archive{t: t, addr: s.Addr(), w: w}
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

func line(minute int, host, app string, s telemetry.Severity, message string) telemetry.Event {
	return telemetry.Event{Time: time.Date(2026, 11, 5, 19, minute, 0, 0, time.UTC), Host: host, App: app, Severity: s, Message: message, Source: "syslog"}
}

// logs runs the command and returns what it printed.
func (a *archive) logs(args ...string) (stdout, stderr string, code int) {
	a.t.Helper()
	return a.logsUntil(a.t.Context(), io.Discard, args...)
}

func (a *archive) logsUntil(ctx context.Context, also io.Writer, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	app := App{Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: io.MultiWriter(&out, also), Stderr: &errs,
		Getenv: func(string) (string, bool) { return "", false }, GOOS: "linux"}
	code = Main(ctx, append([]string{"logs", "--redis", a.addr}, args...), app)
	return out.String(), errs.String(), code
}

// sixLines writes six events and returns the lines that the command prints for them.
func (a *archive) sixLines() [6]string {
	e := line(6, "nas", "a", telemetry.Notice, "with fields")
	e.Proc, e.MsgID, e.Fields = "7", "ID1", []telemetry.Field{telemetry.Text("facility", "4"), telemetry.Text("x", "\x07")}
	a.write(
		line(1, "web-1", "nginx", telemetry.Informational, "GET /index.html"),
		line(2, "web-1", "sshd", telemetry.Warning, "Connection REFUSED by peer"),
		line(3, "web-2", "sshd", telemetry.Error, "connection refused"),
		line(4, "db.lan", "postgres", telemetry.Critical, "disk\x1b[2Jfull\nsecond line\u202e"),
		line(5, "web-2", "kernel", telemetry.Debug, "refused: the connection"),
		e)
	at := func(minute int) string {
		return line(minute, "", "", 0, "").Time.Local().Format("2006-01-02 15:04:05.000")
	}
	return [6]string{
		at(1) + " web-1 nginx info: GET /index.html\n",
		at(2) + " web-1 sshd warning: Connection REFUSED by peer\n",
		at(3) + " web-2 sshd error: connection refused\n",
		at(4) + " db.lan postgres critical: disk\\x1b[2Jfull\n    | second line\\u202e\n",
		at(5) + " web-2 kernel debug: refused: the connection\n",
		at(6) + " nas a[7] notice: with fields\n",
	}
}

func TestLogs(t *testing.T) {
	a := newArchive(t)
	lines := a.sixLines()
	l1, l2, l3, l4, l5, l6 := lines[0], lines[1], lines[2], lines[3], lines[4], lines[5]
	for args, want := range map[string]string{
		"":                                   l1 + l2 + l3 + l4 + l5 + l6,
		"-n 2":                               l5 + l6,
		"--host web-1":                       l1 + l2,
		"--host web-1,nas":                   l1 + l2 + l6,
		"--host web-*":                       l1 + l2 + l3 + l5,
		"--host db.lan":                      l4,
		"--app sshd --host web-2":            l3,
		"--source syslog -n 1":               l6,
		"--source exec":                      "",
		"--severity warn":                    l2,
		"--severity warn..":                  l2 + l3 + l4,
		"--severity ..notice":                l1 + l5 + l6,
		"--severity err..crit":               l3 + l4,
		"--severity 3..2":                    l3 + l4,
		"--since 2026-11-05T19:05:00Z":       l5 + l6,
		"--until 2026-11-05T19:02:00Z":       l1 + l2,
		"--grep connection_refused":          l2 + l3,
		"--grep efuse":                       l2 + l3 + l5,
		"--grep refused_by":                  l2,
		"--grep tion_refused_b":              l2,
		"--words refused":                    l2 + l3 + l5,
		"--words refused,by,connection":      l2 + l3 + l5,
		"--words conn*_index":                "",
		"--words ind*":                       l1,
		"--words refused --grep connection_": l2 + l3,
		"--grep /index.":                     l1,
		"--grep connection_refused -n 1":     l3,
		"--host web-1 --grep \"":             "",
		"--json --app sshd --severity error": `{"timestamp":1793905380000,"severity":3,"level":"error","host":"web-2","source":"syslog","appname":"sshd","message":"connection refused"}` + "\n",
		"-n 0":                               "",
		"--host nas --fields":                strings.TrimSuffix(l6, "\n") + ` source="syslog" msgid="ID1" facility=4 x="\a"` + "\n",
	} {
		t.Run(args, func(t *testing.T) {
			words := strings.Fields(args)
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "_", " ")
			}
			stdout, stderr, code := a.logs(words...)
			if stdout != want || code != 0 || (stderr == "no lines\n") != (want == "") {
				t.Errorf("code %d, stderr %q\n got %s\nwant %s", code, stderr, stdout, want)
			}
		})
	}
}

func TestLogsMistakes(t *testing.T) {
	a := newArchive(t)
	for args, want := range map[string]string{
		"--since never":           `--since: "never" is not a time; write 15m, 2h or 7d (ago)`,
		"--severity loud":         `--severity: "loud" must be emerg, alert, crit`,
		"--severity 9..":          `--severity: "9" must be`,
		"-n -1":                   "--last must not be negative",
		"--follow --until 1h":     "leave out --until",
		"--since 1m --until 1h":   "--since is later than --until",
		"--index nope":            "there is no index nope",
		"--redis x --config y":    "leave out one of --redis and --config",
		"--redis 127.0.0.1:1":     "127.0.0.1:1",
		"--redis ://":             "must be a URL",
		"--redis x --output nope": `output "nope" does not exist or stores no readable events; use one of redissearch`,
	} {
		if _, stderr, code := a.logs(strings.Fields(args)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
	}
	var errs bytes.Buffer
	app := App{Stdout: io.Discard, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: "linux"}
	t.Chdir(t.TempDir())
	if code := Main(t.Context(), []string{"logs"}, app); code != exitUsage || !strings.Contains(errs.String(), "name one with --config") {
		t.Errorf("code %d, %s", code, &errs)
	}
}

// TestLogsFollow: new events are printed once, including late ones with an earlier time.
func TestLogsFollow(t *testing.T) {
	a := newArchive(t)
	now := time.Now()
	at := func(ago time.Duration, text string) telemetry.Event {
		return telemetry.Event{Time: now.Add(-ago), Host: "h", Message: text}
	}
	a.write(at(time.Minute, "old"))
	ctx, cancel := context.WithCancel(t.Context())
	seen := &servicetest.Log{}
	done := make(chan int, 1)
	go func() {
		_, _, code := a.logsUntil(ctx, seen, "--follow")
		done <- code
	}()
	wait := func(text string) {
		t.Helper()
		servicetest.Until(t, "the line is printed", func(context.Context) error {
			if !strings.Contains(seen.String(), text) {
				return fmt.Errorf("printed so far: %q", seen)
			}
			return nil
		})
	}
	wait("old")
	a.write(at(0, "new"))
	wait("new")
	a.write(at(10*time.Second, "late"))
	wait("late")
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("code %d", code)
	}
	if n := seen.Count("\n"); n != 3 {
		t.Errorf("%d lines: %s", n, seen)
	}
}

// TestLogsFollowOnly: -n 0 leaves out stored events.
func TestLogsFollowOnly(t *testing.T) {
	a := newArchive(t)
	a.write(telemetry.Event{Time: time.Now().Add(-time.Second), Message: "old"})
	ctx, cancel := context.WithCancel(t.Context())
	seen := &servicetest.Log{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.logsUntil(ctx, seen, "--follow", "-n", "0")
	}()
	servicetest.Until(t, "a line is printed", func(context.Context) error {
		if seen.String() == "" {
			a.write(telemetry.Event{Time: time.Now(), Message: "new"})
			return errors.New("none")
		}
		return nil
	})
	cancel()
	<-done
	if strings.Contains(seen.String(), "old") {
		t.Error(seen)
	}
}

func TestColours(t *testing.T) {
	p := &eventPrinter{colours: true, zone: time.UTC}
	for s, want := range map[telemetry.Severity]string{telemetry.Error: red + "m" + normal, telemetry.Informational: ": m\n", telemetry.Emergency: boldRed + "m" + normal} {
		e := line(1, "h", "a", s, "m")
		if got := string(p.formatEvent(eventdoc.Document{}.Fill(&e))); !strings.Contains(got, want) {
			t.Errorf("%q", got)
		}
	}
}

// FuzzAppendLine: no control character of a message reaches the terminal.
func FuzzAppendLine(f *testing.F) {
	for _, s := range []string{"a", "\x1b]0;title\x07", "\xff\x9b31m", "\u009b31m", "\u202e", "ünd\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range string(terminal.AppendLine(nil, text)) {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\ufffd' && !strings.ContainsRune(text, r) {
				t.Errorf("%q contains %U", text, r)
			}
		}
	})
}
