package system

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstCoreutils compares with getconf and who on this machine.
func TestAgainstCoreutils(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("system", "")).Gather(0)
	if text, err := exec.Command("getconf", "_NPROCESSORS_ONLN").Output(); err == nil {
		if n, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); got["system_n_cpus"] != n {
			t.Errorf("%v CPUs, getconf says %v", got["system_n_cpus"], n)
		}
	}
	// Without utmp, who goes by rules of its own.
	if _, err := os.Stat("/run/utmp"); err != nil {
		return
	}
	if text, err := exec.Command("who").Output(); err == nil {
		if n := float64(bytes.Count(text, []byte("\n"))); got["system_n_users"] != n {
			t.Errorf("%v users, who says %v", got["system_n_users"], n)
		}
	}
}
