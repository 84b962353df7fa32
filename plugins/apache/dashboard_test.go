package apache

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestDashboard(t *testing.T) {
	d := startApache(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	webtest.CheckBatches(t, "rtcollector-web", []string{"Apache"}, p.Batches(0, 10, 20)...)
}
