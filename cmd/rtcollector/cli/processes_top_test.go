package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// runProcessesTopCommand runs the command below a root of its own.
func runProcessesTopCommand(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	app := App{Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: &out, Stderr: &errs, GOOS: "linux",
		Getenv: func(string) (string, bool) { return "", false }, redactor: &secret.Redactor{}}
	app.openStreams()
	var c commonFlags
	root := &cobra.Command{Use: "rtcollector", SilenceUsage: true, SilenceErrors: true}
	root.PersistentFlags().StringVar(&c.config, "config", "", "")
	root.AddCommand(app.processesTopCommand(&c))
	root.SetArgs(append([]string{"top"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		code = exitUsage
		if failed, ok := errors.AsType[*failure](err); ok {
			code = failed.code
		}
		fmt.Fprintln(app.Stderr, err)
	}
	code = app.closeStreams(code)
	return out.String(), errs.String(), code
}

func processRow(host string, at time.Time, rank, pid int, name string) proclog.Row {
	return proclog.Row{
		Time: at, Host: host, Snapshot: at.UnixMilli(), Rank: rank, PID: pid, Parent: 1, Start: at.Add(-time.Hour), User: "www-data", Name: name,
		Cmdline: "/usr/sbin/" + name + " -g daemon", Group: "web", Subgroup: name, CPU: 100 / float64(rank), RSS: int64(rank) << 20, PSS: proclog.Unknown,
		Read: float64(rank * 1000), Write: 0, Rx: proclog.Unknown, Tx: proclog.Unknown, Threads: 3,
	}
}

func writeRows(t *testing.T, w outputs.EventWriter, rows ...proclog.Row) {
	t.Helper()
	var events []telemetry.Event
	for i := range rows {
		e := rows[i].Event()
		e.Seq = uint64(rows[i].Snapshot%1000*1000) + uint64(i+1)
		events = append(events, e)
	}
	if err := w.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// night is when something happened. It is in local time, as users write it.
func night(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-05 "+clock, time.Local)
	if err != nil {
		panic(err)
	}
	return t
}

// writeNight writes two snapshots of one host and one of another between them.
func writeNight(t *testing.T, w outputs.EventWriter) {
	t.Helper()
	split := processRow("web-1", night("03:11:50"), 3, 303, "third")
	split.Time = night("03:11:58") // written later than the others of its snapshot
	kernel := processRow("web-1", night("03:11:50"), 4, 304, "kworker/0:1")
	kernel.User, kernel.Cmdline, kernel.Group, kernel.Subgroup, kernel.RSS = "root", "", "kernel", "kworker", proclog.Unknown
	hostile := processRow("web-1", night("03:11:50"), 5, 305, "evil")
	hostile.Cmdline, hostile.User, hostile.Group = "<script>\x1b[2J\u202e\n"+strings.Repeat("é", 200), strings.Repeat("u", 200), "\x1b]0;x\x07"
	writeRows(t, w,
		processRow("web-1", night("03:01:50"), 1, 301, "older"),
		processRow("web-1", night("03:11:50"), 1, 301, "first"), processRow("web-1", night("03:11:50"), 2, 302, "second"), split, kernel, hostile,
		processRow("db", night("03:05:00"), 1, 1, "postgres"),
		processRow("web-1", night("03:21:50"), 1, 301, "newer"))
}

func TestProcessesTop(t *testing.T) {
	a, f := newArchive(t), newConnectionFile(t)
	writeNight(t, a.w)
	writeNight(t, f.w)
	for _, from := range [][]string{{"--redis", a.addr}, {"--sqlite", f.path}} {
		out, stderr, code := runProcessesTopCommand(t, append(from, "--at", "2026-11-05 03:12")...)
		want := "processes of web-1 at 2026-11-05 03:11:50, 10 s before the asked time\n\n" +
			"PID  USER                        CPU    RSS      READ  WRITE  GROUP                     COMMAND\n" +
			"301  www-data                  100 %  1 MiB   1 kB/s  0 B/s  web/first                 /usr/sbin/first -g daemon\n" +
			"302  www-data                   50 %  2 MiB   2 kB/s  0 B/s  web/second                /usr/sbin/second -g daemon\n" +
			"303  www-data                   33 %  3 MiB   3 kB/s  0 B/s  web/third                 /usr/sbin/third -g daemon\n" +
			"304  root                       25 %      –   4 kB/s  0 B/s  kernel/kworker            [kworker/0:1]\n"
		if squeeze(out[:min(len(out), strings.Index(out, "305"))]) != squeeze(want) || stderr != "" || code != 0 {
			t.Errorf("%v: code %d, %s\n%s", from, code, stderr, out)
		}
		if !strings.Contains(out, `<script>\x1b[2J\u202e\x0a`+"é") || !strings.Contains(out, `\x1b]0;x\x07/evil`) || terminal.Line(strings.ReplaceAll(out, "\n", "")) != strings.ReplaceAll(out, "\n", "") {
			t.Errorf("hostile names: %q", out)
		}
		if !strings.HasSuffix(out, "other hosts: db (--host)\n") {
			t.Errorf("the other host is not named: %s", out)
		}
	}
}

func squeeze(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// Columns are aligned whatever the texts are.
func TestProcessesTopColumns(t *testing.T) {
	var b strings.Builder
	rows := []proclog.Row{processRow("h", night("03:00:00"), 1, 7, "nginx"), processRow("h", night("03:00:00"), 2, 123456, "ünïcode")}
	rows[1].Group, rows[1].Subgroup = "", ""
	writeProcesses(&b, processColumns(), rows, 60)
	want := "" +
		"   PID  USER        CPU    RSS    READ  WRITE  GROUP      COMMAND\n" +
		"     7  www-data  100 %  1 MiB  1 kB/s  0 B/s  web/nginx  /usr/sbin/nginx -g …\n" +
		"123456  www-data   50 %  2 MiB  2 kB/s  0 B/s  –          /usr/sbin/ünïcode -…\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestProcessesTopQueries(t *testing.T) {
	a := newArchive(t)
	writeNight(t, a.w)
	for args, want := range map[string][]string{
		"--at 2026-11-05T03:11:50":                             {"the asked time", "first"},
		"--at 2026-11-05T03:11:49 --host web-1":                {"at 2026-11-05 03:01:50, 9 min 59 s before the asked time", "older"},
		"--at 2026-11-05T03:11:49":                             {"of db at 2026-11-05 03:05:00", "other hosts: web-1 (--host)"},
		"--at 2026-11-05T03:12:00 --host db":                   {"of db at 2026-11-05 03:05:00, 7 min before the asked time", "postgres"},
		"--host web-1":                                         {"of web-1 at 2026-11-05 03:21:50", " ago\n", "newer"},
		"--at 2026-11-05T03:12:00 --by rss -n 2":               {"305", "… and 3 more (-n)"},
		"--at 2026-11-05T03:12:00 --by pss -n 1":               {"first", "… and 4 more"},
		"--at 2026-11-05T03:12:00 --group kernel":              {"kworker"},
		"--at 2026-11-05T03:12:00 --group web/second -n 0":     {"second"},
		"--at 2026-11-05T03:12:00 --host web-1 --by read -n 0": {"305"},
	} {
		out, stderr, code := runProcessesTopCommand(t, append(strings.Fields(args), "--redis", a.addr)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
		for _, part := range want {
			if !strings.Contains(out, part) {
				t.Errorf("%s: no %q in\n%s", args, part, out)
			}
		}
	}
	if out, _, _ := runProcessesTopCommand(t, "--redis", a.addr, "--host", "web-1"); strings.Contains(out, "other hosts") {
		t.Errorf("other hosts are named beside the one that was asked for: %s", out)
	}
	for args, want := range map[string]string{
		"--at 2026-11-05T03:01:00":                    "no snapshot of processes at or before 2026-11-05 03:01:00\nthe first one after it is of 2026-11-05 03:01:50\n",
		"--host WEB-1":                                "no snapshot of processes of the host WEB-1 at or before ",
		"--host web*":                                 "no snapshot of processes of the host web* at or before ",
		"--host none --at 2026-11-05T03:01:00":        "the input process_top writes them: add \"process_top: {}\" to the inputs of the agent",
		"--at 2026-11-05T03:12:00 --group other":      "no process of the group other among the 5 of the snapshot of web-1 at 2026-11-05 03:11:50",
		"--at 2026-11-05T03:12:00 --group web/secon*": "no process of the group",
	} {
		out, stderr, code := runProcessesTopCommand(t, append(strings.Fields(args), "--redis", a.addr)...)
		if code != 0 || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %q\n got %q\nwant %q", args, code, out, stderr, want)
		}
	}
}

func TestProcessesTopJSON(t *testing.T) {
	a := newArchive(t)
	writeNight(t, a.w)
	out, stderr, code := runProcessesTopCommand(t, "--redis", a.addr, "--at", "2026-11-05 03:12", "--json", "-n", "0")
	var got struct {
		Host        string
		Asked, Time int64
		Rows        []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || stderr != "" || code != 0 || strings.ContainsAny(out, "\x1b\u202e") {
		t.Fatalf("code %d, %s%s, %v", code, out, stderr, err)
	}
	if got.Host != "web-1" || got.Asked != night("03:12:00").UnixMilli() || got.Time != night("03:11:50").UnixMilli() || len(got.Rows) != 5 {
		t.Errorf("%+v", got)
	}
	first := got.Rows[0]
	if first["pid"] != 301.0 || first["cpu_percent"] != 100.0 || first["rss_bytes"] != float64(1<<20) || first["start"] != float64(night("02:11:50").UnixMilli()) ||
		first["write_bytes_per_second"] != 0.0 {
		t.Errorf("%+v", first)
	}
	if _, there := first["pss_bytes"]; there {
		t.Error("an unknown number is not left out")
	}
	if got.Rows[4]["cmdline"] != "<script>\x1b[2J\u202e\n"+strings.Repeat("é", 200) {
		t.Errorf("%q", got.Rows[4]["cmdline"])
	}
}

func TestProcessesTopMistakes(t *testing.T) {
	a := newArchive(t)
	for args, want := range map[string]string{
		"--at never":        `--at: "never" is not a time`,
		"--at 2999-01-01":   "--at: 2999-01-01 00:00:00 is in the future",
		"--by size":         `--by must be cpu, rss, pss, read, write, rx or tx, not "size"`,
		"-n -1":             "-n must not be negative",
		"extra":             `unexpected argument "extra"`,
		"--index x --redis": "flag needs an argument",
	} {
		if _, stderr, code := runProcessesTopCommand(t, append([]string{"--redis", a.addr}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
	}
	if _, stderr, code := runProcessesTopCommand(t, "--redis", a.addr, "--index", "none"); code != exitFailed || !strings.Contains(stderr, "there is no index none") {
		t.Errorf("code %d, %s", code, stderr)
	}
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("inputs: []\noutputs: [stdout: {}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := runProcessesTopCommand(t, "--config", config); code != exitUsage || !strings.Contains(stderr, "has no output redissearch or sqlite") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// A time of day is the last one.
func TestParseAt(t *testing.T) {
	now := time.Date(2026, 11, 5, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": now, "03:12": time.Date(2026, 11, 4, 3, 12, 0, 0, time.UTC), "01:59": time.Date(2026, 11, 5, 1, 59, 0, 0, time.UTC), "02:00": now,
		"02:00:01": time.Date(2026, 11, 4, 2, 0, 1, 0, time.UTC), "1h": now.Add(-time.Hour), "2026-11-06": time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseAt(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// The processes of snapshots are not among the lines of logs, unless they are asked for.
func TestLogsWithoutProcesses(t *testing.T) {
	a, f := newArchive(t), newConnectionFile(t)
	for _, w := range []outputs.EventWriter{a.w, f.w} {
		writeNight(t, w)
		e := line(1, "web-1", "nginx", telemetry.Informational, "a line")
		e.Time, e.Seq = night("04:00:00"), 99
		if err := w.WriteEvents(t.Context(), []telemetry.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range [][]string{{"--redis", a.addr}, {"--sqlite", f.path}} {
		for args, want := range map[string]int{"": 1, "--source process_top": 8, "--source syslog,process_top": 9, "-n 3": 1, "--since 2020-01-01": 1, "--source proc*": 8} {
			out, stderr, code := runWithHome(t, "", append(append([]string{"logs", "--json"}, from...), strings.Fields(args)...)...)
			if got := strings.Count(out, "\n"); got != want || code != 0 || stderr != "" {
				t.Errorf("%v %s: code %d, %s, %d lines, want %d", from, args, code, stderr, got, want)
			}
		}
	}
}
