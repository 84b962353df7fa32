package linuxswap

import (
	"os"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstVmstat compares our values with vmstat of procps on this machine. Counters may grow between the readings.
func TestAgainstVmstat(t *testing.T) {
	before := plugintest.Vmstat(t)
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_swap", "")).Gather(0)
	after := plugintest.Vmstat(t)
	page := float64(os.Getpagesize())
	if got["swap_total"] != before["K total swap"]*1024 {
		t.Errorf("swap_total is %v, vmstat says %v K", got["swap_total"], before["K total swap"])
	}
	for key, name := range map[string]string{"swap_in": "pages swapped in", "swap_out": "pages swapped out"} {
		if v := got[key]; v < before[name]*page || v > after[name]*page {
			t.Errorf("%s is %v, vmstat says %v to %v pages", key, v, before[name], after[name])
		}
	}
}
