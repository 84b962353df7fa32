//go:build unix

package postgresinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestDashboard(t *testing.T) {
	s := sharedServers(t).primary
	p := plugintest.Start(t, Plugin, s.inputConfig(""), plugintest.Env("postgres", ""))
	webtest.CheckBatches(t, "rtcollector-postgres", nil, p.Batches(0, 10, 20)...)
}
