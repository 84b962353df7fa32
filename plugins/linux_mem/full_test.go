package linuxmem

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestFull checks that each line of the file yields exactly one sample.
func TestFull(t *testing.T) {
	for _, tree := range []string{"vm-6.18", "server-2.6.32", "wsl2-5.15"} {
		env := plugintest.Env("linux_mem", filepath.Join("testdata", tree))
		usual := plugintest.Start(t, Plugin, "", env).Gather(0)
		full := plugintest.Start(t, Plugin, "full: true", env).Gather(0)
		data, err := os.ReadFile(filepath.Join("testdata", tree, "proc", "meminfo"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range strings.Lines(string(data)) {
			name, _, _ := strings.Cut(line, ":")
			if metricName(name) != "" {
				lines++
			}
		}
		if len(full) != len(usual)+lines {
			t.Errorf("%s: %d series, want %d and %d: %v", tree, len(full), len(usual), lines, slices.Sorted(maps.Keys(full)))
		}
		for key, v := range usual {
			if full[key] != v {
				t.Errorf("%s: %s is %v in full, else %v", tree, key, full[key], v)
			}
		}
	}
}

func TestFullValues(t *testing.T) {
	const file = "MemTotal: 100 kB\nSwapCached: 7 kB\nActive(anon): 3 kB\nHugePages_Total:       8\nSReclaimable: 5 kB\nUsed: 9 kB\nSwapUsed: 9 kB\nNew: 1 MB\nBroken: x kB\n: 1 kB\nMore: 1 kB x\nCut"
	dir := plugintest.Files(t, "", map[string]string{"proc/meminfo": file})
	full := plugintest.Start(t, Plugin, "full: true", plugintest.Env("linux_mem", dir)).Gather(0)
	for key := range plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", dir)).Gather(0) {
		delete(full, key)
	}
	want := map[string]float64{"mem_swap_cached": 7 * kib, "mem_active_anon": 3 * kib, "mem_huge_pages_total": 8, "mem_sreclaimable": 5 * kib}
	if diff := cmp.Diff(want, full); diff != "" {
		t.Error(diff)
	}
}

func TestMetricName(t *testing.T) {
	for line, want := range map[string]string{
		"MemTotal": "", "SwapFree": "", "Cached": "", "Used": "", "SwapPercent": "", "": "", "()": "",
		"SReclaimable": "mem_sreclaimable", "SUnreclaim": "mem_sunreclaim", "KReclaimable": "mem_kreclaimable", "Slab": "mem_slab",
		"Inactive(file)": "mem_inactive_file", "NFS_Unstable": "mem_nfs_unstable", "HugePages_Rsvd": "mem_huge_pages_rsvd", "Hugepagesize": "mem_hugepagesize",
		"DirectMap2M": "mem_direct_map2m", "DirectMap4k": "mem_direct_map4k", "Committed_AS": "mem_committed_as", "Percpu": "mem_percpu", "Zswapped": "mem_zswapped",
	} {
		if got := metricName(line); got != want {
			t.Errorf("%s is %q, want %q", line, got, want)
		}
	}
}

// ownNames must list exactly the metrics without full. Otherwise a line of a new kernel could take the name of one.
func TestFixedMetricNames(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", "testdata/server-2.6.32")).Gather(0)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(fixedMetricNames()))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseLine(f *testing.F) {
	for _, tree := range []string{"vm-6.18", "server-2.6.32", "armboard-3.10"} {
		data, err := os.ReadFile(filepath.Join("testdata", tree, "proc", "meminfo"))
		if err != nil {
			f.Fatal(err)
		}
		for len(data) > 0 {
			var line []byte
			line, data = scan.CutLine(data)
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		name, _, _, ok := parseLine(line)
		if ok && (len(name) == 0 || bytes.Contains(name, []byte(":"))) {
			t.Errorf("%q is called %q", line, name)
		}
		if m := metricName(string(name)); strings.ContainsAny(m, " :()\n") || m == "mem_" || slices.Contains(fixedMetricNames(), m) {
			t.Errorf("%q is the metric %q", name, m)
		}
	})
}
