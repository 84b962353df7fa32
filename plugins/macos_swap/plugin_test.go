package macosswap

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "swapping", Host: "macos-15", Then: "macos-15-later"},
		plugintest.Case{Name: "no swap", Host: "macos-14"})
}

func TestGather(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "", "macos-15")
	p.Gather(0)
	p.Play("macos-15-later")
	plugintest.Expect(t, p.Gather(10), map[string]float64{
		"swap_total": 2147483648, "swap_used": 1094713344, "swap_free": 1052770304, "swap_percent": 100 * 1094713344.0 / 2147483648,
		"swap_sin": 1310720000 + 163840, "swap_sin_rate": 16384, "swap_sout_rate": 32768,
	})
}
