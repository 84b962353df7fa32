package system

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15":     {"system_load1": 2.31, "system_load15": 1.87, "system_n_users": 3, "system_n_unique_users": 1, "system_n_cpus": 4, "system_uptime": 584120},
		"freebsd-14":   {"system_load5": 0.22, "system_n_users": 2},
		"windows-2022": {"system_load1": none, "system_n_users": none, "system_n_cpus": 2, "system_uptime": 324512, "system_os": 1},
	} {
		plugintest.Expect(t, plugintest.OfHost(t, Plugin, "", host).Gather(0), want)
	}
	for host, want := range map[string][]string{
		"macos-15": {`system_os{environment="test",host="testhost",id="macos",name="macOS",pretty_name="macOS 15.1",source="system",version_id="15.1"}`,
			`system_uname{environment="test",host="testhost",machine="arm64",release="24.1.0",source="system",sysname="Darwin"}`},
		"windows-2022": {`system_uname{environment="test",host="testhost",machine="x86_64",release="10.0.20348.2700 Build 20348.2700",source="system",sysname="Windows NT"}`},
	} {
		b := plugintest.OfHost(t, Plugin, "", host).Batches(0)[0]
		plugintest.HasSeries(t, b, want...)
	}
}
