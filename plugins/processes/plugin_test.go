package processes

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "server", Root: "testdata/server-2.6.32", Then: "testdata/vm-6.18"},
		plugintest.Case{Name: "board", Root: "testdata/board-4.8"},
		plugintest.Case{Name: "container", Root: "testdata/container-5.10"},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later", Allocs: 8},
		plugintest.Case{Name: "older macOS", Host: "macos-14", Allocs: 8},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13", Allocs: 8},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later", Allocs: 8},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later", Allocs: 8},
	)
}

// expectedSamples returns the expected values of a gather: the given states, all others 0, and the totals.
func expectedSamples(t *testing.T, states map[string]float64, threads float64) map[string]float64 {
	t.Helper()
	want, total := map[string]float64{}, 0.0
	for _, name := range metricNames() {
		want[name] = 0
	}
	for state, n := range states {
		want["processes_"+state] = n
		total += n
	}
	want["processes_total"], want["processes_total_threads"] = total, threads
	return want
}

func TestGather(t *testing.T) {
	for tree, tt := range map[string]struct {
		states  map[string]float64
		threads float64
		limits  map[string]float64
	}{
		"vm-6.18": {
			map[string]float64{"running": 1, "sleeping": 8, "blocked": 1, "zombie": 1, "stopped": 2, "parked": 1, "idle": 2}, 48,
			map[string]float64{"processes_pid_max": 32768, "processes_threads_max": 192730},
		},
		"server-2.6.32": {
			map[string]float64{"running": 1, "sleeping": 5, "blocked": 2, "zombie": 1, "stopped": 1, "dead": 2, "paging": 1}, 260,
			map[string]float64{"processes_pid_max": 32768, "processes_threads_max": 95744},
		},
		"board-4.8": {
			map[string]float64{"sleeping": 3, "unknown": 1}, 4,
			map[string]float64{"processes_pid_max": 32768, "processes_threads_max": 7581},
		},
		"container-5.10": {map[string]float64{"sleeping": 2}, 12, nil}, // its limits are masked: empty files
	} {
		want := expectedSamples(t, tt.states, tt.threads)
		maps.Copy(want, tt.limits)
		got := plugintest.Start(t, Plugin, "", plugintest.Env("processes", filepath.Join("testdata", tree))).Gather(0)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tree, diff)
		}
	}
}

func TestGatherOddTrees(t *testing.T) {
	const sleeping = " S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 5021\n"
	two := expectedSamples(t, map[string]float64{"sleeping": 2}, 6)
	for name, tt := range map[string]struct {
		files map[string]string
		want  map[string]float64
		err   string
	}{
		"no processes to see": {map[string]string{"proc/stat": ""}, map[string]float64{}, ""},
		"no such /proc":       {map[string]string{"elsewhere": ""}, map[string]float64{}, "list "},
		"an entry without stat": {map[string]string{"proc/1/stat": "1 (a)" + sleeping, "proc/2/stat": "2 (b)" + sleeping, "proc/3/comm": "", "proc/4": ""},
			two, ""},
		"a masked stat": {map[string]string{"proc/1/stat": "1 (a)" + sleeping, "proc/2/stat": "2 (b)" + sleeping, "proc/3/stat": ""}, two, ""},
		"noise": {map[string]string{"proc/1/stat": "1 (a)" + sleeping, "proc/2/stat": "2 (b)" + sleeping, "proc/3/stat": "\x00\xff noise"},
			two, "proc/3/stat: no state and number of threads"},
		"truncated": {map[string]string{"proc/1/stat": "1 (a)" + sleeping, "proc/2/stat": "2 (b)" + sleeping, "proc/3/stat": "3 (c) S 1 1 1"},
			two, "proc/3/stat: no state and number of threads"},
		"a limit is noise": {map[string]string{"proc/sys/kernel/pid_max": "many\n", "proc/sys/kernel/threads-max": "9\n"},
			map[string]float64{"processes_threads_max": 9}, "pid_max: not a number"},
	} {
		dir := plugintest.Files(t, "", tt.files)
		b, err := plugintest.Start(t, Plugin, "", plugintest.Env("processes", dir)).Batch(0)
		if diff := cmp.Diff(tt.want, plugintest.ByKey(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(filepath.ToSlash(err.Error()), tt.err)) {
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		}
	}
}

// The counts must not depend on the gather before.
func TestEndedProcessesAreNotCounted(t *testing.T) {
	dir := t.TempDir()
	plugintest.Lay(t, dir, "testdata/vm-6.18")
	p := plugintest.Start(t, Plugin, "", plugintest.Env("processes", dir))
	before := p.Gather(0)
	if err := os.RemoveAll(filepath.Join(dir, "proc/803")); err != nil {
		t.Fatal(err)
	}
	after := p.Gather(10)
	if after["processes_total"] != before["processes_total"]-1 || after["processes_running"] != 0 ||
		after["processes_total_threads"] != before["processes_total_threads"]-27 {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestStateOfLetter(t *testing.T) {
	for letters, want := range map[string]processState{"R": running, "S": sleeping, "DK": blocked, "Z": zombie, "Tt": stopped, "Xx": dead, "W": paging, "P": parked,
		"I": idle, "Nn?s ": unknown} {
		for _, letter := range []byte(letters) {
			if got := stateOfLetter(letter); got != want {
				t.Errorf("%q is %s, want %s", letter, metricNames()[got], metricNames()[want])
			}
		}
	}
}
