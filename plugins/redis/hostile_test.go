package redisinput

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// No reply of a server makes the input allocate much memory.
func TestHostilePeers(t *testing.T) {
	for name, text := range redistest.Hostile() {
		for _, polite := range []bool{false, true} {
			addr := redistest.ListenHostile(t, text, polite)
			p := plugintest.Start(t, Plugin, "{host: 127.0.0.1, port: "+servicetest.PortOf(addr)+", timeout: 2s, latency_histogram: true}", testEnv())
			servicetest.CheckAllocated(t, 96<<20, func() {
				if b, err := p.Within(10*time.Second, 0); err == nil || b.Len() != 1 {
					t.Errorf("%s: %v, %d samples", name, err, b.Len())
				}
			})
		}
	}
}
