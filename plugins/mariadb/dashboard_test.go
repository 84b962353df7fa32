//go:build unix

package mariadbinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestDashboard(t *testing.T) {
	s := sharedServers(t).primary
	p := plugintest.Start(t, Plugin, s.inputConfig(""), plugintest.Env("mariadb", ""))
	webtest.CheckBatches(t, "rtcollector-mariadb", nil, p.Batches(0, 10, 20)...)
}
