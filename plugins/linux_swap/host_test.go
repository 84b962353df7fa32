package linuxswap

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15":     {"swap_total": 2147483648, "swap_used": 1094713344, "swap_in": 1310720000 + 163840, "swap_in_rate": 16384, "swap_out_rate": 32768},
		"freebsd-14":   {"swap_used": 8192, "swap_in_rate": 4096, "swap_out_rate": 0},
		"windows-2022": {"swap_total": 1342177280, "swap_used_percent": 5, "swap_in": none, "swap_in_rate": none},
	} {
		p := plugintest.OfHost(t, Plugin, "", host)
		p.Gather(0)
		p.Play(host + "-later")
		plugintest.Expect(t, p.Gather(10), want)
	}
	plugintest.Expect(t, plugintest.OfHost(t, Plugin, "", "macos-14").Gather(0), map[string]float64{"swap_total": 0, "swap_used_percent": 0, "swap_in": 0})
}
