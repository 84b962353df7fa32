package procusage

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
)

// tree is a /proc of a test.
type tree struct {
	tb  testing.TB
	dir string
}

func newTree(tb testing.TB) *tree { return &tree{tb, tb.TempDir()} }

func (t *tree) write(name, text string) {
	t.tb.Helper()
	path := filepath.Join(t.dir, "proc", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.tb.Fatal(err)
	}
}

// process writes the files of a process. Its files not mentioned here do not exist.
func (t *tree) process(p testProcess) {
	dir := fmt.Sprint(p.PID, "/")
	if p.Comm == "" {
		p.Comm = "postgres"
	}
	t.write(dir+"stat", fmt.Sprintf("%d (%s) S %d 1 1 0 -1 %d %d 0 %d 0 %d %d 0 0 20 0 %d 0 %d 4096000 %d 18446744073709551615", p.PID, p.Comm, max(p.Parent, 1), p.Flags,
		p.Minor, p.Major, p.User, p.System, max(p.Threads, 1), p.Start, p.Pages))
	t.write(dir+"status", fmt.Sprintf("Name:\t%s\nUid:\t0\t0\t0\t0\nVmRSS:\t%d kB\nVmSwap:\t%d kB\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t%d\n", p.Comm, 4*p.Pages, p.SwapKB, p.Voluntary, p.Involuntary))
	t.write(dir+"cmdline", p.Comm+"\x00")
	t.write(dir+"io", fmt.Sprintf("rchar: 1\nwchar: 1\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n", p.Calls, p.Calls, p.Read, p.Write))
	if p.Rollup != "" {
		t.write(dir+"smaps_rollup", p.Rollup)
	}
}

type testProcess struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"start"`
	User   uint64 `json:"utime"`
	System uint64 `json:"stime"`
	Read   uint64 `json:"read"`

	Comm                                             string
	Parent, Threads                                  int
	Flags, Minor, Major, Pages, SwapKB, Write, Calls uint64
	Voluntary, Involuntary                           uint64
	Rollup                                           string
}

func (t *tree) remove(pid int) { _ = os.RemoveAll(filepath.Join(t.dir, "proc", fmt.Sprint(pid))) }

func newWatcher(tb testing.TB, root hostfs.Root) *Watcher {
	tb.Helper()
	config := procclass.DefaultConfig()
	rules, err := config.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return New(root, rules, slog.New(slog.DiscardHandler))
}

// byClass groups processes as the input process_groups does.
func byClass(m *Member) Key { return Key{Group: m.Class.Group, Subgroup: m.Class.Subgroup} }

var allNeeds = Needs{Switches: true, FDs: true, IO: true, Memory: true}

// look looks at a number of seconds since the system started.
func (t *tree) look(w *Watcher, seconds float64) Result {
	t.tb.Helper()
	t.write("uptime", fmt.Sprintf("%.2f 0.00\n", seconds))
	r, err := w.Look(t.tb.Context(), time.Unix(1_000_000, 0).Add(time.Duration(seconds*float64(time.Second))), 0)
	w.Unlock()
	if err != nil {
		t.tb.Fatal(err)
	}
	return r
}

func readJSON(tb testing.TB, file string, into any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Public reports: node exporters whose counters fell when a process ended.
func TestCountersNeverFall(t *testing.T) {
	var gathers []struct {
		T     float64
		Procs []testProcess
	}
	var expected []struct {
		Count  int
		User   *float64 `json:"delta_user_s"`
		System float64  `json:"delta_system_s"`
		Read   uint64   `json:"delta_read"`
	}
	readJSON(t, "gathers.json", &gathers)
	readJSON(t, "expected.json", &expected)
	if len(gathers) != 6 || len(expected) != 6 {
		t.Fatalf("%d gathers, %d expectations", len(gathers), len(expected))
	}
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{IO: true}, byClass)
	var before Counters
	for i, g := range gathers {
		for pid := 10; pid <= 12; pid++ {
			tree.remove(pid)
		}
		for _, p := range g.Procs {
			tree.process(p)
		}
		tree.look(w, g.T)
		total := groups.totals[Key{Group: "db", Subgroup: "postgres"}]
		want := expected[i]
		if total.Now.Processes != want.Count {
			t.Errorf("at %v: %d processes, want %d", g.T, total.Now.Processes, want.Count)
		}
		seconds := func(c Counter) float64 { return float64(total.Counters[c]-before[c]) / 1e9 }
		wantUser := 0.0
		if want.User != nil {
			wantUser = *want.User
		}
		if got := seconds(UserCPU); got != wantUser {
			t.Errorf("at %v: user CPU grew by %v s, want %v", g.T, got, wantUser)
		}
		if got := seconds(SystemCPU); got != want.System {
			t.Errorf("at %v: system CPU grew by %v s, want %v", g.T, got, want.System)
		}
		if got := total.Counters[ReadBytes] - before[ReadBytes]; got != want.Read {
			t.Errorf("at %v: %d bytes were read, want %d", g.T, got, want.Read)
		}
		before = total.Counters
	}
}

// The recorded processes share a mapping: RSS counts it five times.
func TestMemoryOfProcessesThatShare(t *testing.T) {
	recorded := map[string]map[string]uint64{}
	readJSON(t, "rollup.json", &recorded)
	tree := newTree(t)
	pid := 10
	for name, fields := range recorded {
		text := "55df02e08000-7fff8645e000 ---p 00000000 00:00 0                          [rollup]\n"
		for field, kb := range fields {
			text += fmt.Sprintf("%-16s %8d kB\n", field+":", kb)
		}
		comm := "postgres"
		if name == "parent" {
			comm = "nginx"
		}
		tree.process(testProcess{PID: pid, Start: 1, Comm: comm, Pages: 1, Rollup: text})
		pid++
	}
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(allNeeds, byClass)
	tree.look(w, 20)
	children, parent := groups.totals[Key{Group: "db", Subgroup: "postgres"}], groups.totals[Key{Group: "web", Subgroup: "nginx"}]
	if got, want := children.Now.Memory, (Memory{RSS: 444874752, PSS: 144044032, USS: 70152192}); got != want || children.Now.Processes != 4 || children.Now.RSS() != want.RSS {
		t.Errorf("four children: %+v, want %+v", got, want)
	}
	all := children.Now.Memory
	all.add(&parent.Now.Memory)
	if want := (Memory{RSS: 543084544, PSS: 164277248, USS: 71110656}); all != want {
		t.Errorf("all five: %+v, want %+v", all, want)
	}
	// One that cannot be read: no sum for the group, but its resident memory, from the other source for all.
	tree.process(testProcess{PID: 99, Start: 1, Pages: 3})
	tree.write("99/smaps_rollup/x", "") // a folder cannot be read
	tree.look(w, 30)
	if now := &groups.totals[children.Key].Now; now.Measured() || now.RSS() != 7*4096 {
		t.Errorf("a part of the group is published: %+v", now)
	}
}

func TestRecordedRollup(t *testing.T) {
	file, err := os.ReadFile("testdata/smaps_rollup.txt")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := parseMemory(file); !ok || m != (Memory{RSS: 108612 << 10, PSS: 35180 << 10, USS: 17132 << 10}) {
		t.Errorf("%+v, %v", m, ok)
	}
}
