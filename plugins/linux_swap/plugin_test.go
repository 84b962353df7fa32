package linuxswap

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "no swap", Root: "testdata/vm-6.18"},
		plugintest.Case{Name: "swapping", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later"},
		plugintest.Case{Name: "no vmstat", Root: "testdata/no-vmstat", Allocs: 8},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"},
		plugintest.Case{Name: "older macOS", Host: "macos-14"},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13"},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later"},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later"},
	)
}

func TestGather(t *testing.T) {
	page := float64(os.Getpagesize())
	first, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	want := map[string]float64{
		"swap_total": 2064376 * 1024, "swap_free": 2040120 * 1024, "swap_used": 24256 * 1024, "swap_used_percent": 100 * 24256.0 / 2064376,
		"swap_in": 1204 * page, "swap_out": 9011 * page,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	want["swap_in"], want["swap_out"] = 1304*page, 9211*page
	want["swap_in_rate"], want["swap_out_rate"] = 10*page, 20*page
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

func TestGatherOddFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  map[string]float64
	}{
		"no swap in the kernel": {map[string]string{"proc/meminfo": "MemTotal: 1 kB\n"},
			map[string]float64{"swap_total": 0, "swap_free": 0, "swap_used": 0, "swap_used_percent": 0}},
		"vmstat cut short": {map[string]string{"proc/meminfo": "SwapTotal: 8 kB\nSwapFree: 2 kB\n", "proc/vmstat": "pswpin 4\npswp"},
			map[string]float64{"swap_total": 8192, "swap_free": 2048, "swap_used": 6144, "swap_used_percent": 75}},
		"more free than there is": {map[string]string{"proc/meminfo": "SwapTotal: 1 kB\nSwapFree: 2 kB\n"},
			map[string]float64{"swap_total": 1024, "swap_used": 0, "swap_used_percent": 0}},
		"less than nothing is free, as lxcfs says": {map[string]string{"proc/meminfo": "SwapTotal:             0 kB\nSwapFree:       18446744073709551488 kB\n"},
			map[string]float64{"swap_total": 0, "swap_used": 0, "swap_used_percent": 0}},
		"no total": {map[string]string{"proc/meminfo": "SwapTotal: 18446744073709551615 kB\nSwapFree: 5 kB\n"}, map[string]float64{}},
	} {
		env := plugintest.Env("linux_swap", plugintest.Files(t, "", tt.files))
		if diff := cmp.Diff(tt.want, plugintest.Start(t, Plugin, "", env).Gather(0)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_swap", t.TempDir()))
	if _, err := p.Batch(0); err == nil {
		t.Error("a missing meminfo is not an error")
	}
}

func FuzzParseSwap(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/*")
	f.Fuzz(func(t *testing.T, data []byte) {
		if total, free := parseMeminfo(data); total < 0 || free < 0 {
			t.Errorf("swap %v, %v", total, free)
		}
		if in, out, ok := parseVmstat(data); ok && (in < 0 || out < 0) {
			t.Errorf("pages %v, %v", in, out)
		}
	})
}
