//go:build windows

package windowsservices

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestThisMachine lists the services of this machine.
func TestThisMachine(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("windows_services", "")).Gather(0)
	if state := got["windows_service_state_RpcSs"]; state < 1 || state > 7 {
		t.Errorf("the RPC service is in state %v, of %d samples", state, len(got))
	}
}
