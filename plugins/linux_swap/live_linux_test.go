package linuxswap

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstVmstat compares with procps on this machine. What is counted may grow between the readings.
func TestAgainstVmstat(t *testing.T) {
	before := vmstat(t)
	got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_swap", "")).Gather(0)
	after := vmstat(t)
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

func vmstat(t *testing.T) map[string]float64 {
	text, err := exec.Command("vmstat", "-s").Output()
	if err != nil {
		t.Skipf("vmstat: %v", err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name], _ = strconv.ParseFloat(number, 64)
	}
	return values
}
