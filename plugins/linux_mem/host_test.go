package linuxmem

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15": {"mem_total": 17179869184, "mem_used": 11777458176, "mem_available": 5402411008, "mem_free": 201326592, "mem_buffers": none, "mem_cached": none,
			"mem_used_percent": 100 * 11777458176.0 / 17179869184, "mem_swap_used": 1094713344, "mem_active": none},
		"macos-14":     {"mem_swap_total": none, "mem_swap_used": none},
		"freebsd-14":   {"mem_total": 4242563072, "mem_buffers": 412345344, "mem_cached": none},
		"windows-2022": {"mem_used": 4294430720, "mem_swap_total": 1342177280, "mem_swap_percent": 5},
	} {
		plugintest.Expect(t, plugintest.OfHost(t, Plugin, "", host).Gather(0), want)
	}
	plugintest.Expect(t, plugintest.OfHost(t, Plugin, "full: true", "macos-15").Gather(0), map[string]float64{
		"mem_active": 5251268608, "mem_inactive": 5201084416, "mem_wired": 2281701376})
	plugintest.Expect(t, plugintest.OfHost(t, Plugin, "full: true", "windows-2022").Gather(0), map[string]float64{"mem_active": none, "mem_wired": none})
}
