package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// connectionFile is a file with events of connections, and a home for what reports remember.
type connectionFile struct {
	t    *testing.T
	path string
	home string
	w    *sqlite.Writer
	seq  uint64
}

func newConnectionFile(t *testing.T) *connectionFile {
	t.Helper()
	f := &connectionFile{t: t, path: filepath.Join(t.TempDir(), "events.db"), home: t.TempDir()}
	var err error
	if f.w, err = sqlite.New(outputs.Env{ID: "sqlite", Instance: "inst0001"}, sqlite.Config{Path: f.path}); err != nil {
		t.Fatal(err)
	}
	if err := f.w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.w.Close() })
	return f
}

func (f *connectionFile) write(events ...connlog.Event) {
	f.t.Helper()
	f.seq = writeConnections(f.t, f.w, f.seq, events)
}

func writeConnections(t *testing.T, w outputs.EventWriter, seq uint64, events []connlog.Event) uint64 {
	t.Helper()
	var all []telemetry.Event
	for i := range events {
		e := events[i].Telemetry()
		seq++
		e.Seq = seq
		all = append(all, e)
	}
	if err := w.WriteEvents(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return seq
}

// run runs a command with --sqlite.
func (f *connectionFile) run(command string, args ...string) (stdout, stderr string, code int) {
	f.t.Helper()
	return runWithHome(f.t, f.home, append([]string{command, "--sqlite", f.path}, args...)...)
}

// runWithHome runs a command whose only environment is its home.
func runWithHome(t *testing.T, home string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	app := App{Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: &out, Stderr: &errs, GOOS: "linux",
		Getenv: func(name string) (string, bool) { return home, name == "HOME" && home != "" }}
	code = Main(t.Context(), args, app)
	return out.String(), errs.String(), code
}

// dayOfConnections are two runs, of which the second one is today. The names are ones that a terminal would obey.
func dayOfConnections(now time.Time) []connlog.Event {
	e := connlog.Event{
		Time: now.Add(-30 * time.Hour), Kind: connlog.Connect, RunID: "first", Conn: 1, PID: 5, Comm: "claude", Provider: "anthropic", Proto: connlog.TCP, Direction: connlog.Out,
		Local: netip.MustParseAddrPort("10.0.0.5:40000"), Remote: netip.MustParseAddrPort("203.0.113.7:443"), Domain: "api.example.com", TxBytes: -1, RxBytes: -1,
	}
	opened := e
	opened.Time, opened.RunID = now.Add(-2*time.Minute), "second"
	closed := opened
	closed.Time, closed.Kind, closed.HasDuration, closed.Duration, closed.TxBytes, closed.RxBytes = now.Add(-time.Minute), connlog.Close, true, 59*time.Second, 2048, 3<<20
	evil := opened
	evil.Conn, evil.Comm, evil.Domain, evil.Provider = 2, "=evil\x1b[2J", "", ""
	refused := opened
	refused.Conn, refused.Error, refused.Domain = 3, "connection refused", "down.example.com"
	alert := evil
	alert.Kind, alert.Alert, alert.Message = connlog.Alert, "unknown_domain", "a connection without a name"
	return []connlog.Event{e, opened, evil, alert, refused, closed}
}

func TestReport(t *testing.T) {
	f := newConnectionFile(t)
	f.write(dayOfConnections(time.Now())...)
	out, stderr, code := f.run("report", "--since", "1h", "--top", "2")
	if code != 0 || stderr != "" {
		t.Fatalf("code %d, %s", code, stderr)
	}
	var squeezed []string
	for line := range strings.Lines(out) {
		squeezed = append(squeezed, strings.Join(strings.Fields(line), " "))
	}
	got := strings.Join(squeezed, "\n")
	for _, want := range []string{
		"opened 2, failed 1, closed 1, alerts 1, sent 2 KiB, received 3 MiB\nduration: mean 59 s, longest 59 s, together 59 s\n",
		"PROVIDER OPENED FAILED ALERTS SENT RECEIVED MEAN LONGEST TOGETHER\nanthropic 1 1 0 2 KiB 3 MiB 59 s 59 s 59 s\n(none) 1 0 1 0 B 0 B – – –\n",
		"api.example.com 1 0 0 2 KiB 3 MiB 59 s 59 s 59 s\n203.0.113.7 1 0 1 0 B 0 B – – –\n… and 1 more (--top)\n",
		`=evil\x1b[2J 1 0 1`, "443/tcp 2 1 1 2 KiB",
		": 203.0.113.7, down.example.com\nalerts: 1; \"rtcollector export --event alert\" prints them\nlongest: claude to api.example.com port 443/tcp, 59 s\n" +
			"most bytes: claude to api.example.com port 443/tcp, 2 KiB sent and 3 MiB received",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if out, _, _ = f.run("report", "--since", "1h"); !strings.Contains(out, ": none\n") {
		t.Errorf("the second report has something new:\n%s", out)
	}
	if out, _, _ = f.run("report", "--latest"); !strings.Contains(out, ", run second\nopened 2, failed 1") || !strings.Contains(out, ": 203.0.113.7, down.example.com\n") {
		t.Errorf("the latest run:\n%s", out)
	}
	out, _, _ = f.run("report", "--json", "--since", "7d")
	var report struct {
		Since   int64
		Total   struct{ Opened int64 }
		Domains struct {
			Lines []struct {
				Name    string
				Longest float64 `json:"longest_ms"`
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Total.Opened != 3 || report.Domains.Lines[0].Name != "api.example.com" || report.Domains.Lines[0].Longest != 59_000 {
		t.Errorf("%s: %+v, %v", out, report, err)
	}
	if out, stderr, code := f.run("report", "--until", "2020-01-02"); out != "" || code != 0 || !strings.HasPrefix(stderr, "no events of connections in this time") {
		t.Errorf("nothing: code %d, %q, %q", code, out, stderr)
	}
}

// A report needs no home and no place to remember.
func TestReportWithoutHome(t *testing.T) {
	f := newConnectionFile(t)
	f.write(dayOfConnections(time.Now())...)
	f.home = ""
	if out, stderr, code := f.run("report"); code != 0 || stderr != "" || !strings.Contains(out, "new destinations since") {
		t.Errorf("code %d, %s, %s", code, stderr, out)
	}
	f.home = filepath.Join(f.path, "no folder")
	if _, stderr, code := f.run("report"); code != 0 || !strings.Contains(stderr, "warning: ") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

func TestExport(t *testing.T) {
	f := newConnectionFile(t)
	f.write(dayOfConnections(time.Now())...)
	for args, want := range map[string]string{
		"--fields comm,event,rx_bytes":                                           "comm,event,rx_bytes\nclaude,connect,\nclaude,connect,\n'=evil\\x1b[2J,connect,\n'=evil\\x1b[2J,alert,\nclaude,connect,\nclaude,close,3145728\n",
		"--fields event --no-header --provider anthropic --since 1h":             "connect\nconnect\nclose\n",
		"--fields domain --no-header --domain *.EXAMPLE.com --run-id latest":     "api.example.com\ndown.example.com\napi.example.com\n",
		"--fields remote_ip,comm --no-header --domain 203.0.113.? --event alert": "203.0.113.7,'=evil\\x1b[2J\n",
		"--fields conn,error --format jsonl --domain down.*":                     `{"conn":3,"error":"connection refused"}` + "\n",
		"--fields run_id --no-header --run-id first":                             "first\n",
		"--fields run_id --no-header --until 2d":                                 "",
	} {
		out, stderr, code := f.run("export", strings.Fields(args)...)
		if out != want || code != 0 || (stderr == "no events\n") != (want == "") {
			t.Errorf("%s: code %d, %s\n got %s\nwant %s", args, code, stderr, out, want)
		}
	}
	file := filepath.Join(t.TempDir(), "out.csv")
	if out, stderr, code := f.run("export", "-o", file); code != 0 || out != "" || stderr != "" {
		t.Errorf("code %d, %s%s", code, out, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll(); err != nil || len(rows) != 7 {
		t.Errorf("%v, %v", rows, err)
	}
	if _, stderr, code := f.run("export", "-o", filepath.Join(t.TempDir(), "none", "out.csv")); code != exitFailed || !strings.Contains(stderr, "no such file or directory") {
		t.Errorf("code %d, %s", code, stderr)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestStatus(t *testing.T) {
	f := newConnectionFile(t)
	if out, stderr, code := f.run("status"); out != "no data\n" || stderr != "" || code != 0 {
		t.Errorf("an empty file: code %d, %q, %q", code, out, stderr)
	}
	f.write(dayOfConnections(time.Now())...)
	if out, _, _ := f.run("status"); !strings.HasPrefix(out, "1 active, ") { // two minutes ago may have been yesterday
		t.Error(out)
	}
	for _, args := range [][]string{{"--sqlite", filepath.Join(t.TempDir(), "none.db")}, {"--redis", "127.0.0.1:1"}, {"--config", "none.yaml"}, {"--redis", "://"}} {
		out, stderr, code := runWithHome(t, "", append([]string{"status"}, args...)...)
		if out != "no data\n" || stderr != "" || code != 0 {
			t.Errorf("%v: code %d, %q, %q", args, code, out, stderr)
		}
		if _, stderr, code = runWithHome(t, "", append([]string{"status", "--debug"}, args...)...); code != 0 || stderr == "" {
			t.Errorf("%v: nothing is said with --debug", args)
		}
	}
}

// The same events in Redis give the same answers.
func TestConnectionsInRedis(t *testing.T) {
	f, a := newConnectionFile(t), newArchive(t)
	events := dayOfConnections(time.Now())
	f.write(events...)
	writeConnections(t, a.w, 0, events)
	for _, args := range [][]string{
		{"report", "--json", "--since", "7d", "--until", "0s"}, {"report", "--json", "--since", "90s"}, {"export"}, {"export", "--format", "jsonl"}, {"status"},
		{"export", "--run-id", "latest", "--fields", "time,comm"}, {"logs", "--json", "-n", "3"},
	} {
		inFile, _, _ := f.run(args[0], args[1:]...)
		inRedis, stderr, code := runWithHome(t, f.home, append(args, "--redis", a.addr)...)
		if args[0] == "report" { // the time of "since", and what earlier reports know
			inFile, inRedis = withoutTimes(t, inFile), withoutTimes(t, inRedis)
		}
		if inFile != inRedis || code != 0 || inFile == "" {
			t.Errorf("%v: code %d, %s\n file %s\nredis %s", args, code, stderr, inFile, inRedis)
		}
	}
}

func withoutTimes(t *testing.T, text string) string {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	for name := range report {
		if strings.HasPrefix(name, "new_") || name == "since" || name == "until" {
			delete(report, name)
		}
	}
	return fmt.Sprint(report)
}

func TestConnectionMistakes(t *testing.T) {
	f := newConnectionFile(t)
	for args, want := range map[string]string{
		"report --since never":         `--since: "never" is not a time`,
		"report --since 1m --until 1h": "--since is later than --until",
		"report --latest --since 1h":   "leave out --since and --until",
		"report --top 0":               "--top must be at least 1",
		"export --format xml":          `the format must be csv or jsonl, not "xml"`,
		"export --fields nope":         `there is no field "nope"; use some of time, timestamp`,
		"export --domain [":            `--domain "[" must be a glob`,
		"export --event open":          "--event must be connect, close or alert",
		"export --run-id latest":       "there is no run yet",
		"export --redis x":             "leave out --redis and --config",
		"export --index x":             "--index needs --redis",
		"export --output x":            `output "x" does not exist or stores no readable events; use one of sqlite`,
		"report extra":                 `unexpected argument "extra"`,
	} {
		words := strings.Fields(args)
		if _, stderr, code := f.run(words[0], words[1:]...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
	}
	_, stderr, code := runWithHome(t, "", "report", "--sqlite", filepath.Join(t.TempDir(), "none.db"))
	if code != exitFailed || !strings.Contains(stderr, "none.db does not exist: check the path, or start an agent whose output sqlite writes this file") {
		t.Errorf("code %d, %s", code, stderr)
	}
	a := newArchive(t)
	if _, stderr, code := runWithHome(t, "", "report", "--redis", a.addr, "--index", "none"); code != exitFailed || !strings.Contains(stderr, "there is no index none") {
		t.Errorf("code %d, %s", code, stderr)
	}
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("inputs: []\noutputs: [stdout: {}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := runWithHome(t, "", "report", "--config", config); code != exitUsage || !strings.Contains(stderr, "has no output redissearch or sqlite to read events from; add one") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// With several outputs, reports read the one that has totals, and logs the first one.
func TestOutputOfConfiguration(t *testing.T) {
	f := newConnectionFile(t)
	f.write(dayOfConnections(time.Now())...)
	config := filepath.Join(t.TempDir(), "c.yaml")
	text := fmt.Sprintf("inputs: []\noutputs:\n  - redissearch: {host: 127.0.0.1, port: 1}\n  - sqlite: {path: %q}\n", f.path)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, ok := range map[string]bool{
		"export --no-header --fields event": true, "export --output sqlite": true, "export --output redissearch": false, "logs --json": false, "logs --json --output sqlite": true,
	} {
		out, stderr, code := runWithHome(t, f.home, append(strings.Fields(args), "--config", config)...)
		if ok != (code == 0) || ok != (out != "") {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
	}
}
