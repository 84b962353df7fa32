package system

import (
	"bytes"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstCoreutils compares with nproc and who on this machine.
func TestAgainstCoreutils(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("system", "")).Gather(0)
	if text, err := exec.Command("getconf", "_NPROCESSORS_ONLN").Output(); err == nil {
		if n, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); got["system_n_cpus"] != n {
			t.Errorf("%v CPUs, getconf says %v", got["system_n_cpus"], n)
		}
	}
	if text, err := exec.Command("who").Output(); err == nil {
		if n := float64(bytes.Count(text, []byte("\n"))); math.Abs(got["system_n_users"]-n) > 0 {
			t.Errorf("%v users, who says %v", got["system_n_users"], n)
		}
	}
}
