package macoscpu

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later"})
}

// The recordings are ten seconds apart: of its time, cpu0 spent three seconds in programs, two in the kernel and five without work.
func TestGather(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "", "macos-15")
	p.Gather(0)
	p.Play("macos-15-later")
	b, err := p.Batch(10)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b, `cpu_percent{core="cpu0",environment="test",host="testhost",source="macos_cpu",unit="percent"}`)
	got := plugintest.ByKey(b)
	for key, v := range got {
		got[key] = float64(int(v*1e6+0.5)) / 1e6 // sums of decimal fractions are not exact
	}
	plugintest.Expect(t, got, map[string]float64{
		"cpu_percent_cpu0": 50, "cpu_percent_total": 20, "cpu_user_cpu0": 41253.31, "cpu_user_rate_cpu0": 0.3, "cpu_idle_rate_cpu0": 0.5, "cpu_load1": 2.31,
	})
}
