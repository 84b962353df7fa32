//go:build unix

package redisinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestDashboard(t *testing.T) {
	s := redistest.Start(t)
	if err := s.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	p := plugintest.Start(t, Plugin, "{host: "+s.Host+", port: "+s.Port+"}", testEnv())
	webtest.CheckBatches(t, "rtcollector-redis", nil, p.Batches(0, 10, 20)...)
}
