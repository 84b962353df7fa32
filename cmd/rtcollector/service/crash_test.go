package service

import (
	"strings"
	"testing"
)

// TestCrashesAreRestarted: a crash of a Go program has the exit status of a mistake in the configuration, unless GOTRACEBACK is crash.
func TestCrashesAreRestarted(t *testing.T) {
	unit := describe(t, "systemd").Files[0].Content
	if strings.Contains(unit, "\nRestartPreventExitStatus=2\n") && !strings.Contains(unit, "\nEnvironment=GOTRACEBACK=crash\n") {
		t.Error("a crash would not be followed by a start")
	}
}
