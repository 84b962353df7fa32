package kernel

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// missingDirAllocs is how many allocations it costs to look for the missing directories of pressure or KSM.
const missingDirAllocs = 6

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18", Then: "testdata/vm-6.18-later"},
		plugintest.Case{Name: "server", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later", Allocs: missingDirAllocs},
		plugintest.Case{Name: "board", Root: "testdata/board-5.10", Allocs: missingDirAllocs},
		plugintest.Case{Name: "container", Root: "testdata/container", Allocs: 30}, // each gather tries to open missing files
	)
}

func TestGather(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	want := map[string]float64{
		"kernel_interrupts": 4294967290, "kernel_context_switches": 88123411, "kernel_processes_forked": 10233,
		"kernel_boot_time": 1337000000, "kernel_procs_running": 1, "kernel_procs_blocked": 0,
		"kernel_softirqs_HI": 0, "kernel_softirqs_TIMER": 40000, "kernel_softirqs_NET_TX": 10, "kernel_softirqs_NET_RX": 30000,
		"kernel_softirqs_BLOCK": 5000, "kernel_softirqs_TASKLET": 3000, "kernel_softirqs_SCHED": 11000, "kernel_softirqs_HRTIMER": 990,
		"kernel_softirqs_RCU":  9000,
		"kernel_entropy_avail": 3021, "kernel_tainted": 0,
		"kernel_fd_allocated": 2144, "kernel_fd_used": 2144, "kernel_fd_max": 394261, "kernel_fd_used_percent": 100 * 2144.0 / 394261,
		"kernel_inodes_allocated": 60211, "kernel_inodes_free": 2010, "kernel_dentries": 41233, "kernel_dentries_negative": 0,
		"kernel_ksm_full_scans": 12, "kernel_ksm_pages_shared": 1041, "kernel_ksm_pages_sharing": 90211, "kernel_ksm_pages_to_scan": 100,
		"kernel_ksm_pages_unshared": 55221, "kernel_ksm_pages_volatile": 812, "kernel_ksm_run": 1, "kernel_ksm_sleep_millisecs": 20,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	maps.Copy(want, map[string]float64{
		"kernel_interrupts":       100, // wrapped at 32 bits, so it has no rate
		"kernel_context_switches": 88123511, "kernel_context_switches_rate": 10,
		"kernel_processes_forked": 10243, "kernel_processes_forked_rate": 1,
		"kernel_softirqs_TIMER": 40100, "kernel_ksm_full_scans_rate": 0,
	})
	for _, name := range softirqNames(minSoftirqs) {
		want["kernel_softirqs_rate_"+name] = 0
	}
	want["kernel_softirqs_rate_TIMER"] = 10
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

func TestPressureHasAKeyPerResourceAndType(t *testing.T) {
	_, got := plugintest.Twice(t, Plugin, "", "testdata/vm-6.18", "testdata/vm-6.18-later")
	maps.DeleteFunc(got, func(key string, _ float64) bool { return !strings.HasPrefix(key, "kernel_pressure_") })
	want := map[string]float64{}
	for _, r := range []struct {
		name                        string
		avg10, avg60, avg300, total float64
	}{
		{"cpu_some", 2, 1.6, 6.7, 67727090}, {"cpu_full", 0, 0, 0, 0}, {"memory_some", 0, 0.02, 0, 510}, {"memory_full", 0, 0.01, 0, 120},
		{"io_some", 0.31, 0.15, 0.09, 2767831}, {"io_full", 0.25, 0.12, 0.07, 2412595}, {"irq_full", 0.05, 0.03, 0.02, 99120},
	} {
		want["kernel_pressure_avg10_"+r.name], want["kernel_pressure_avg60_"+r.name] = r.avg10, r.avg60
		want["kernel_pressure_avg300_"+r.name], want["kernel_pressure_total_"+r.name] = r.avg300, r.total
		want["kernel_pressure_total_rate_"+r.name] = 0
	}
	want["kernel_pressure_total_rate_cpu_some"] = 1000
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnlimitedFilesHaveNoPercentage(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("kernel", "testdata/board-5.10")).Gather(0)
	if got["kernel_fd_used"] != 1216 || got["kernel_fd_max"] < 9e18 {
		t.Error(got)
	}
	if v, ok := got["kernel_fd_used_percent"]; ok {
		t.Errorf("%v %%", v)
	}
	if got["kernel_interrupts"] != 5551212 || got["kernel_context_switches"] != 771 || got["kernel_softirqs_IRQ_POLL"] != 6 {
		t.Errorf("after a long line: %v", got)
	}
	got = plugintest.Start(t, Plugin, "", plugintest.Env("kernel", "testdata/container")).Gather(0)
	want := map[string]float64{"kernel_fd_allocated": 100, "kernel_fd_used": 80, "kernel_fd_max": 1000, "kernel_fd_used_percent": 8}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKSM(t *testing.T) {
	_, got := plugintest.Twice(t, Plugin, "", "testdata/vm-6.18", "testdata/vm-6.18-later")
	maps.DeleteFunc(got, func(key string, _ float64) bool { return !strings.HasPrefix(key, "kernel_ksm_") })
	want := map[string]float64{
		"kernel_ksm_full_scans": 13, "kernel_ksm_full_scans_rate": 0.1, "kernel_ksm_pages_scanned": 9100, "kernel_ksm_pages_scanned_rate": 10,
		"kernel_ksm_pages_skipped": 410, "kernel_ksm_pages_skipped_rate": 0, "kernel_ksm_pages_shared": 1000, "kernel_ksm_pages_sharing": 90211,
		"kernel_ksm_pages_unshared": 55221, "kernel_ksm_pages_volatile": 812, "kernel_ksm_zero_pages": 3, "kernel_ksm_general_profit": -18446,
		"kernel_ksm_stable_node_chains": 2, "kernel_ksm_stable_node_dups": 7, "kernel_ksm_stable_node_chains_prune_millisecs": 2000,
		"kernel_ksm_run": 1, "kernel_ksm_sleep_millisecs": 20, "kernel_ksm_pages_to_scan": 100, "kernel_ksm_max_page_sharing": 256,
		"kernel_ksm_merge_across_nodes": 1, "kernel_ksm_use_zero_pages": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An unparsable file is reported as an error. The other files are still gathered.
func TestUnparsableFileIsAnErrorAndOthersAreGathered(t *testing.T) {
	for file, content := range map[string]string{
		"proc/stat": "\x00\xff noise\nmore noise", "proc/sys/kernel/random/entropy_avail": "lots", "proc/sys/kernel/tainted": "-",
		"proc/sys/fs/file-nr": "1 2", "proc/sys/fs/inode-nr": "1", "proc/sys/fs/dentry-state": "1 2 3 4 x 6",
		"proc/pressure/cpu": "some avg10=0.00 avg60=0.0", "proc/pressure/io": "noise", "sys/kernel/mm/ksm/run": "on",
	} {
		dir := t.TempDir()
		plugintest.Lay(t, dir, "testdata/vm-6.18")
		plugintest.Files(t, dir, map[string]string{file: content})
		b, err := plugintest.Start(t, Plugin, "", plugintest.Env("kernel", dir)).Batch(0)
		if err == nil || !strings.HasPrefix(err.Error(), "parse ") || !strings.Contains(filepath.ToSlash(err.Error()), file) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", file, err)
		}
		if b.Len() < 50 {
			t.Errorf("%s: only %d samples are left", file, b.Len())
		}
	}
}

func TestMissingFilesAreNoError(t *testing.T) {
	if got := plugintest.Start(t, Plugin, "", plugintest.Env("kernel", t.TempDir())).Gather(0); len(got) > 0 {
		t.Error(got)
	}
}

func TestParseStat(t *testing.T) {
	s, err := parseStat([]byte("cpu 1 2\nctxt 5\nbtime x\nintr\nprocesses 7\nctxt\nprocs_running -1\n"))
	want := statValues{}
	want.values[statContextSwitches], want.present[statContextSwitches] = 5, true
	want.values[statForks], want.present[statForks] = 7, true
	if s != want || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	for _, text := range []string{"", "cpu 1 2\n", "ctxt\nbtime x\n"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q is not an error", text)
		}
	}
}

func TestDentries(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("kernel", "testdata/vm-6.18")).Gather(0)
	if got["kernel_dentries"] != 174630 || got["kernel_dentries_negative"] != 17179 {
		t.Errorf("%v, %v negative", got["kernel_dentries"], got["kernel_dentries_negative"])
	}
}

func TestParseSoftirqs(t *testing.T) {
	for line, want := range map[string]int{
		" 55 1 2 3 4 5 6 7 8 9 10":    10,
		" 45 1 2 3 4 5 6 7 8 9":       9,
		" 66 1 2 3 4 5 6 7 8 9 10 11": 0, // an unknown kind at an unknown position
		" 36 1 2 3 4 5 6 7 8":         0,
		" 1 2 x":                      0,
		"":                            0,
	} {
		var got [maxSoftirqs]uint64
		if n := parseSoftirqs([]byte(line), &got); n != want || n > 0 && (got[0] != 1 || got[n-1] != uint64(n)) {
			t.Errorf("%q has %d kinds: %v; want %d", line, n, got, want)
		}
	}
}

func TestParsePressure(t *testing.T) {
	const good = "some avg10=1.07 avg60=1.59 avg300=6.73 total=67717090"
	kind, p, ok := parsePressure([]byte(good))
	if !ok || string(kind) != "some" || p != (pressureLine{[3]float64{1.07, 1.59, 6.73}, 67717090}) {
		t.Errorf("%q: %s %v %v", good, kind, p, ok)
	}
	for _, line := range []string{"", "some", "most" + good[4:], good[4:], strings.Replace(good, "avg60", "avg61", 1), strings.Replace(good, "1.59", "", 1),
		strings.Replace(good, "total=", "sum=", 1), strings.Replace(good, "67717090", "-1", 1), good[:30]} {
		if kind, p, ok := parsePressure([]byte(line)); ok {
			t.Errorf("%q: %s %v", line, kind, p)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]float64{"0\n": 0, "12": 12, "-18446\n": -18446} {
		if got, ok := parseNumber([]byte(text)); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "--1", "1.5", "[none] scan-time"} {
		if got, ok := parseNumber([]byte(text)); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/stat")
	f.Add([]byte("btime 1\nbtime")) // the same line again, truncated
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStat(data)
		if (err == nil) != (s.present != [numStats]bool{}) {
			t.Errorf("%v, %v", s.present, err)
		}
		if n := s.softirqKinds; n != 0 && n != minSoftirqs && n != maxSoftirqs {
			t.Errorf("%d kinds of softirqs", n)
		}
		for i, has := range s.present {
			if !has && s.values[i] != 0 {
				t.Errorf("value %d is %d, but it is not present", i, s.values[i])
			}
		}
	})
}

func FuzzParsePressure(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/pressure/*")
	f.Fuzz(func(t *testing.T, line []byte) {
		kind, p, ok := parsePressure(line)
		if ok && (p.averages[0] < 0 || p.averages[1] < 0 || p.averages[2] < 0 || string(kind) != "some" && string(kind) != "full") {
			t.Errorf("%q is %v", kind, p)
		}
		parseNumber(line)
	})
}
