package macosmem

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "macOS", Host: "macos-15"}, plugintest.Case{Name: "Intel", Host: "macos-13"})
}

func TestGather(t *testing.T) {
	want := map[string]float64{
		"mem_total": 17179869184, "mem_used": 11777458176, "mem_free": 201326592, "mem_available": 5402411008, "mem_active": 5251268608,
		"mem_inactive": 5201084416, "mem_wired": 2281701376, "mem_percent": 100 * 11777458176.0 / 17179869184, "mem_used_percent": 100 * 11777458176.0 / 17179869184,
	}
	if diff := cmp.Diff(want, plugintest.OfHost(t, Plugin, "", "macos-15").Gather(0)); diff != "" {
		t.Error(diff)
	}
}
