package linuxtime

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "", "freebsd-14")
	plugintest.Expect(t, p.Gather(0), map[string]float64{"time_synchronized": 0, "time_state": 5, "time_max_error_seconds": 16.384})
	p.Play("freebsd-14-later")
	got := p.Gather(10)
	plugintest.Expect(t, got, map[string]float64{"time_synchronized": 1, "time_offset_seconds": 41e-6, "time_max_error_seconds": 0.012, "time_estimated_error_seconds": 0.0007})
	if len(got) != 8 {
		t.Errorf("%v", got)
	}
}
