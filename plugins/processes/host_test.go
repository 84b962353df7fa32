package processes

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15": {"processes_running": 3, "processes_sleeping": 521, "processes_zombie": 1, "processes_stopped": 1, "processes_blocked": 0, "processes_total": 526,
			"processes_total_threads": none, "processes_paging": none, "processes_pid_max": none},
		"freebsd-14":   {"processes_blocked": 14, "processes_idle": 1, "processes_total_threads": 512},
		"windows-2022": {"processes_total": 131, "processes_total_threads": 1623, "processes_running": none},
	} {
		plugintest.Expect(t, plugintest.OfHost(t, Plugin, "", host).Gather(0), want)
	}
}
