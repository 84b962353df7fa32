package nginx

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestDashboard(t *testing.T) {
	d := startNginx(t)
	p := plugintest.Start(t, Plugin, inputConfig("127.0.0.1:"+d.Port), plugintest.Env("nginx", ""))
	webtest.CheckBatches(t, "rtcollector-web", []string{"nginx"}, p.Batches(0, 10, 20)...)
}
