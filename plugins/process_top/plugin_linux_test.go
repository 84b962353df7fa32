package processtop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/procusage/procusagetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// recorded is the input with eBPF programs that report about a process of the files.
func recorded() plugins.Definition {
	return plugins.Poll(Plugin.Name(), Plugin.Summary(), defaults, func(env plugins.Env, c Config) (*input, error) {
		in, err := build(env, c)
		if err == nil && env.FS.Proc != "/proc" {
			in.open = (&procusagetest.Meter{Process: bpf.ProcessKey{PID: 520, Start: 12 * time.Second}}).Open
		}
		return in, err
	}).On("linux").OnRequest().Doc(readme)
}

func TestConformance(t *testing.T) {
	plugintest.Work(t)
	plugintest.Run(t, recorded(),
		plugintest.Case{Name: "vm", Root: "../process_groups/testdata/vm", Then: "../process_groups/testdata/vm-later", Config: "", Allocs: 200},
		plugintest.Case{Name: "live", Config: "{per_pid: true}", Allocs: 50_000},
		plugintest.Case{Name: "proc", Config: "{source: proc}", Allocs: 50_000},
	)
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{}":                      "",
		"{by: [cpu, rx]}":         "",
		"{by: []}":                "must name at least one of cpu, rss",
		"{by: [memory]}":          "must be one of cpu, rss, pss, read, write, rx, tx",
		"{top: -1}":               "top: must be between 0 and 1000",
		"{top_per_group: 1001}":   "top_per_group: must be between 0 and 1000",
		"{snapshot_rows: 0}":      "snapshot_rows: must be between 1 and 200",
		"{snapshot_every: -1}":    "snapshot_every: must not be negative",
		"{classes_mode: replace}": "replace needs a file",
	})
}

// fakeProcess is a process of a test's /proc.
type fakeProcess struct {
	pid       int
	name      string
	start     int // clock ticks
	user, sys int // clock ticks
	resident  int // kB
	read      int // bytes
	cmdline   string
}

// host is a /proc that a test changes.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T) *host {
	h := &host{t, t.TempDir()}
	h.set(0)
	return h
}

// set replaces all processes.
func (h *host) set(seconds int, all ...fakeProcess) {
	h.t.Helper()
	old, _ := filepath.Glob(filepath.Join(h.dir, "proc", "[0-9]*"))
	for _, dir := range old {
		_ = os.RemoveAll(dir)
	}
	files := map[string]string{"proc/uptime": fmt.Sprintf("%d.00 1.00\n", seconds), "proc/stat": "cpu  1\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n"}
	for _, p := range all {
		dir := fmt.Sprintf("proc/%d/", p.pid)
		files[dir+"stat"] = fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 %d %d 0 0 20 0 1 0 %d 4096 %d", p.pid, p.name, p.user, p.sys, p.start, p.resident/4)
		files[dir+"status"] = fmt.Sprintf("Uid:\t0\t0\t0\t0\nVmRSS:\t%d kB\n", p.resident)
		files[dir+"io"] = fmt.Sprintf("syscr: 1\nsyscw: 1\nread_bytes: %d\nwrite_bytes: 0\n", p.read)
		files[dir+"cmdline"] = p.cmdline
	}
	plugintest.Files(h.t, h.dir, files)
}

func (h *host) start(config string) *plugintest.Probe {
	h.t.Helper()
	return plugintest.Start(h.t, Plugin, config, plugintest.Env("process_top", h.dir, func(e *plugins.Env) { e.FS.Root = h.dir }))
}

// Public reports: more than 100 % is cut, young processes have thousands of percent, a late gather doubles all values.
func TestCPU(t *testing.T) {
	h := newHost(t)
	probe := h.start("{source: proc, by: [cpu], snapshot_every: 0}")
	h.set(20, fakeProcess{pid: 10, name: "postgres", user: 1000}, fakeProcess{pid: 11, name: "postgres", user: 2000})
	if got := probe.Gather(20); len(got) != 0 {
		t.Errorf("at first sight: %v", got)
	}
	expect := func(second float64, want float64) {
		t.Helper()
		got, found := probe.Gather(second)["process_top_cpu_db_postgres"]
		if !found {
			got = 0
		}
		if d := got - want; d > 0.01 || d < -0.01 {
			t.Errorf("at %v: %v %%, want %v", second, got, want)
		}
	}
	h.set(30, fakeProcess{pid: 10, name: "postgres", user: 1500, sys: 100}, fakeProcess{pid: 11, name: "postgres", user: 2400})
	expect(30, 100)
	h.set(40, fakeProcess{pid: 10, name: "postgres", user: 1600, sys: 100})
	expect(40, 10)
	h.set(50, fakeProcess{pid: 10, name: "postgres", user: 1700, sys: 100}, fakeProcess{pid: 12, name: "postgres", start: 4500, user: 300, sys: 50})
	expect(50, 45)
	h.set(60)
	expect(60, 0)
	h.set(70, fakeProcess{pid: 10, name: "postgres", start: 6900, user: 20})
	expect(70, 2)
	h.set(83, fakeProcess{pid: 10, name: "postgres", start: 6900, user: 20 + 4*1300}) // four busy threads, 13 s instead of 10
	expect(83, 400)
	h.set(93, fakeProcess{pid: 10, name: "postgres", start: 6900, user: 20 + 4*1300 + 5000}) // ticks that fell into the wrong interval
	expect(93, 400)
}

func TestTop(t *testing.T) {
	h := newHost(t)
	probe := h.start("{source: proc, by: [rss], top: 2, top_per_group: 1, snapshot_every: 0}")
	h.set(10,
		fakeProcess{pid: 1, name: "mongod", resident: 2500}, fakeProcess{pid: 3, name: "postgres", resident: 4000},
		fakeProcess{pid: 4, name: "mariadbd", resident: 3000}, fakeProcess{pid: 5, name: "postgres", resident: 2000}, fakeProcess{pid: 6, name: "nginx", resident: 50},
		fakeProcess{pid: 7, name: "nothing", resident: 0},
	)
	got := probe.Gather(10)
	want := map[string]float64{"process_top_rss_db_postgres": 6000 << 10, "process_top_rss_db_mariadbd": 3000 << 10, "process_top_rss_web_nginx": 50 << 10}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	// Who leaves the top has no samples, and its series ends.
	var ended []string
	for i := range 5 {
		h.set(20+i, fakeProcess{pid: 3, name: "postgres", resident: 4000})
		b, err := probe.Batch(float64(20 + i))
		if err != nil || b.Len() != 1 {
			t.Fatalf("%d samples, %v", b.Len(), err)
		}
		for _, s := range b.Ended() {
			ended = append(ended, s.BareKey())
		}
	}
	if !slices.Contains(ended, "process_top_rss_db_mariadbd") || slices.Contains(ended, "process_top_rss_db_postgres") {
		t.Errorf("these ended: %v", ended)
	}
}

func TestNamesOfKernelThreads(t *testing.T) {
	h := newHost(t)
	probe := h.start("{source: proc, by: [cpu], snapshot_every: 0}")
	stat := func(user int) {
		plugintest.Files(t, h.dir, map[string]string{
			"proc/9/stat": fmt.Sprintf("9 (kworker/0:1-events) I 2 0 0 0 -1 2097152 0 0 0 0 0 %d 0 0 20 0 1 0 5 0 0", user), "proc/9/status": "Uid:\t0\t0\t0\t0\n",
			"proc/8/stat": fmt.Sprintf("8 (sh/l:x) S 1 0 0 0 -1 0 0 0 0 0 0 %d 0 0 20 0 1 0 5 0 0", user), "proc/8/status": "Uid:\t0\t0\t0\t0\n",
		})
	}
	h.set(10)
	stat(0)
	probe.Gather(10)
	stat(100)
	b, err := probe.Batch(20)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b,
		`process_top_cpu{environment="test",group="system",host="testhost",name="kworker",source="process_top",unit="percent"}`,
		`process_top_cpu{environment="test",group="other",host="testhost",name="sh/l:x",source="process_top",unit="percent"}`)
}

// rows returns the table of a batch.
func rows(t *testing.T, b *telemetry.Batch) (all []string) {
	t.Helper()
	for i, e := range b.Events {
		field := map[string]string{}
		for _, f := range e.Fields {
			field[f.Key] = f.Text()
		}
		if field["event"] != "process" || field["rank"] != fmt.Sprint(i+1) || field["snapshot"] != fmt.Sprint(b.Time) || e.Time.UnixMilli() != b.Time {
			t.Errorf("%v", e)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s", field["pid"], field["cpu_percent"], field["rss_bytes"], field["read_bytes_rate"], field["cmdline"]))
	}
	return all
}

func TestSnapshot(t *testing.T) {
	h := newHost(t)
	probe := h.start("{source: proc, by: [cpu, rss, read], snapshot_every: 2, snapshot_rows: 3}")
	all := []fakeProcess{
		{pid: 10, name: "postgres", resident: 900}, {pid: 11, name: "awk", user: 100}, {pid: 12, name: "dd", read: 1000},
		{pid: 13, name: "small", resident: 4, cmdline: "small\x00--password=Hunter2x\x00"},
	}
	var got [][]string
	for i := range 5 {
		h.set(10+10*i, all...)
		b, err := probe.Batch(float64(10 + 10*i))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rows(t, b))
		all[1].user, all[2].read, all[2].user = all[1].user+100, all[2].read+100, all[2].user+1
	}
	want := []string{"11 10 0 0 ", "12 0.1 0 10 ", "10 0 921600 0 "}
	for i, table := range got {
		if isDue := i == 1 || i == 3; isDue != slices.Equal(table, want) || !isDue && len(table) > 0 {
			t.Errorf("gather %d: %q, want %q at the second and the fourth", i, table, want)
		}
	}
	probe = h.start("{source: proc, by: [rss], snapshot_every: 1}")
	for i := range 2 {
		h.set(100+i, all...)
		b, err := probe.Batch(float64(100 + i))
		if table := rows(t, b); err != nil || i == 1 && (len(table) != 2 || !strings.Contains(table[1], "[redacted]")) {
			t.Errorf("%q, %v", table, err)
		}
	}
	if Plugin.Name() != proclog.Source {
		t.Errorf("readers look for events of %s", proclog.Source)
	}
}

func TestAccumulates(t *testing.T) {
	c := defaults()
	if got := c.Accumulates(10 * time.Second); !strings.HasPrefix(got, "up to 864000 events a month, about 989 MiB") || !strings.Contains(got, "7 series for each name") {
		t.Error(got)
	}
	c.SnapshotEvery, c.PerPID = 0, true
	if got := c.Accumulates(10 * time.Second); strings.Contains(got, "events") || !strings.HasPrefix(got, "7 series for each process") {
		t.Error(got)
	}
}

// A name whose processes start and end between two gathers is in the top, with what they used.
func TestShortProcesses(t *testing.T) {
	h := newHost(t)
	meter := &procusagetest.Meter{Events: make(chan *bpf.ProcessEvent)}
	def := plugins.Poll(Plugin.Name(), Plugin.Summary(), defaults, func(env plugins.Env, c Config) (*input, error) {
		in, err := build(env, c)
		in.open = meter.Open
		return in, err
	}).On("linux").Doc(readme)
	h.set(10)
	h.setKernel()
	probe := plugintest.Start(t, def, "{by: [cpu], snapshot_every: 0}", plugintest.Env("process_top", h.dir))
	probe.Gather(10)
	for pid := range 100 {
		e := &bpf.ProcessEvent{Process: bpf.Process{PID: 1000 + pid, Parent: 1, Start: 11 * time.Second}}
		copy(e.Process.CommBytes[:], "awk")
		for _, kind := range []bpf.ProcessEventKind{bpf.ProcessFork, bpf.ProcessExec, bpf.ProcessExit} {
			one := *e
			one.Kind = kind
			if kind == bpf.ProcessExit {
				one.Final.User = 50 * time.Millisecond
			}
			meter.Events <- &one
		}
	}
	meter.Events <- &bpf.ProcessEvent{} // those before have been handled
	h.set(20)
	h.setKernel()
	got := probe.Gather(20)
	if v := got["process_top_cpu_system_awk"]; v != 50 || len(got) != 1 {
		t.Errorf("%v", got)
	}
	h.set(30)
	h.setKernel()
	if got := probe.Gather(30); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// setKernel adds the process by which the initial PID namespace is recognized.
func (h *host) setKernel() {
	plugintest.Files(h.t, h.dir, map[string]string{
		"proc/2/stat": "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0 0", "proc/2/status": "Uid:\t0\t0\t0\t0\n",
	})
}
