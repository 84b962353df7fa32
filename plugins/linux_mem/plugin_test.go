package linuxmem

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	var cases []plugintest.Case
	for _, tree := range []string{"vm-6.18", "server-2.6.32", "armboard-3.10", "wsl2-5.15", "lxc-masked"} {
		cases = append(cases, plugintest.Case{Name: tree, Root: filepath.Join("testdata", tree)})
	}
	for _, tree := range []string{"vm-6.18", "server-2.6.32"} {
		cases = append(cases, plugintest.Case{Name: tree + " in full", Root: filepath.Join("testdata", tree), Config: "full: true"})
	}
	cases = append(cases, plugintest.Case{Name: "this machine in full", Config: "full: true"})
	for _, host := range []string{"macos-15", "macos-14", "macos-13", "freebsd-14", "windows-2022"} {
		cases = append(cases, plugintest.Case{Name: host, Host: host}, plugintest.Case{Name: host + " in full", Host: host, Config: "full: true"})
	}
	plugintest.Run(t, Plugin, cases...)
}

const kib = 1024.0

func TestGather(t *testing.T) {
	for _, tt := range []struct {
		tree string
		want map[string]float64
	}{
		{"server-2.6.32", map[string]float64{
			"mem_total": 1020096 * kib, "mem_free": 112648 * kib, "mem_buffers": 96420 * kib, "mem_cached": 501232 * kib,
			"mem_used": (1020096 - 112648 - 96420 - 501232 - 61200 + 4120) * kib, "mem_available": (112648 + 96420 + 501232 + 61200 - 4120) * kib,
			"mem_swap_total": 2064376 * kib, "mem_swap_free": 2040120 * kib, "mem_swap_used": 24256 * kib,
		}},
		{"armboard-3.10", map[string]float64{
			"mem_total": 510480 * kib, "mem_free": 21120 * kib, "mem_buffers": 15020 * kib, "mem_cached": 240100 * kib,
			"mem_used": 249200 * kib, "mem_available": 261280 * kib,
		}},
		{"wsl2-5.15", map[string]float64{
			"mem_total": 8003440 * kib, "mem_free": 5120044 * kib, "mem_buffers": 102044 * kib, "mem_cached": 1804332 * kib,
			"mem_used": 799896 * kib, "mem_available": 6904120 * kib,
			"mem_swap_total": 2097152 * kib, "mem_swap_free": 2097152 * kib, "mem_swap_used": 0,
		}},
		{"lxc-masked", map[string]float64{ // reclaimable exceeds the total: it is the host's, the other values are the container's
			"mem_total": 524288 * kib, "mem_free": 410000 * kib, "mem_buffers": 0, "mem_cached": 90000 * kib,
			"mem_used": 0, "mem_available": 500000 * kib,
		}},
	} {
		tt.want["mem_used_percent"] = 100 * tt.want["mem_used"] / tt.want["mem_total"]
		tt.want["mem_available_percent"] = 100 * tt.want["mem_available"] / tt.want["mem_total"]
		if total, ok := tt.want["mem_swap_total"]; ok {
			tt.want["mem_swap_percent"] = 100 * tt.want["mem_swap_used"] / total
		}
		env := plugintest.Env("linux_mem", filepath.Join("testdata", tt.tree))
		if diff := cmp.Diff(tt.want, plugintest.Start(t, Plugin, "", env).Gather(0)); diff != "" {
			t.Errorf("%s: %s", tt.tree, diff)
		}
	}
}

func TestGatherErrors(t *testing.T) {
	for content, want := range map[string]string{
		"":                                 "no MemTotal",
		"MemTotal:":                        "no MemTotal",
		"MemTotal: lots kB\nMemFree: 1 kB": "no MemTotal",
		"MemTotal:   0 kB\n":               "no MemTotal",
		"XMemTotal: 10 kB\n":               "no MemTotal",
	} {
		dir := plugintest.Files(t, "", map[string]string{"proc/meminfo": content})
		p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", dir))
		if b, err := p.Batch(0); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", t.TempDir()))
	if _, err := p.Batch(0); err == nil {
		t.Error("a missing meminfo is not an error")
	}
}

// TestImpossibleSizesAreLeftOut checks that parts that exceed the whole are left out, and that all parts are left out if the whole
// is impossible.
func TestImpossibleSizesAreLeftOut(t *testing.T) {
	gather := func(meminfo string) map[string]float64 {
		dir := plugintest.Files(t, "", map[string]string{"proc/meminfo": meminfo})
		return plugintest.Start(t, Plugin, "", plugintest.Env("linux_mem", dir)).Gather(0)
	}
	got := gather("MemTotal: 100 kB\nMemFree: 101 kB\nMemAvailable: 18446744073709551615 kB\nBuffers: 200 kB\nCached: 1 kB\nSwapTotal: 10 kB\nSwapFree: 11 kB\n")
	want := map[string]float64{"mem_total": 102400, "mem_cached": 1024, "mem_used": 0, "mem_used_percent": 0,
		"mem_swap_total": 10240, "mem_swap_used": 0, "mem_swap_percent": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := gather("MemTotal: 18446744073709551615 kB\nMemFree: 1 kB\nSwapTotal: 18446744073709551615 kB\nSwapFree: 1 kB\n"); len(got) > 0 {
		t.Errorf("an impossible total gives %v", got)
	}
}

func FuzzParseMeminfo(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/meminfo")
	f.Add([]byte("MemTotal: 18446744073709551615 kB\nShmem: 18446744073709551615 kB"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMeminfo(data)
		if err != nil {
			return
		}
		if used := m.usedBytes(); used < 0 || used > m.total || math.IsNaN(used) {
			t.Errorf("used %v of %v", used, m.total)
		}
		if a := m.availableBytes(); a < 0 || math.IsNaN(a) {
			t.Errorf("available %v", a)
		}
	})
}
