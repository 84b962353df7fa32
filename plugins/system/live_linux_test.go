package system

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstCoreutils compares our values with getconf and who on this machine.
func TestAgainstCoreutils(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("system", "")).Gather(0)
	if text, err := exec.Command("getconf", "_NPROCESSORS_ONLN").Output(); err == nil {
		if n, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); got["system_n_cpus"] != n {
			t.Errorf("%v CPUs, getconf says %v", got["system_n_cpus"], n)
		}
	}
	// Without utmp, who counts in its own way.
	if _, err := os.Stat("/run/utmp"); err != nil {
		return
	}
	if text, err := exec.Command("who").Output(); err == nil {
		if n := float64(bytes.Count(text, []byte("\n"))); got["system_n_users"] != n {
			t.Errorf("%v users, who says %v", got["system_n_users"], n)
		}
	}
}

// TestAgainstUname compares our labels with uname, and with how a shell reads os-release.
func TestAgainstUname(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("system", ""))
	labels := labelsOf(t, p, 0, "system_uname")
	for flag, label := range map[string]string{"-s": "sysname", "-r": "release", "-v": "version", "-m": "machine"} {
		text := servicetest.CommandOutput(t, "uname", flag)
		if want := strings.TrimSpace(text); labels[label] != want {
			t.Errorf("%s is %q, uname says %q", label, labels[label], want)
		}
	}
	text := servicetest.CommandOutput(t, "sh", "-c", `. /etc/os-release && printf '%s|%s|%s' "$ID" "$VERSION_ID" "$PRETTY_NAME"`)
	osLabels := labelsOf(t, p, 10, "system_os")
	if got := osLabels["id"] + "|" + osLabels["version_id"] + "|" + osLabels["pretty_name"]; got != text {
		t.Errorf("%s, the shell says %s", got, text)
	}
}
