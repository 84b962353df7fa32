package docker

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestImpossibleReplies replaces numbers by those that daemons report for unknown values, and by counters that decrease and recover.
func TestImpossibleReplies(t *testing.T) {
	for _, machine := range []string{"docker-20.10-cgroup1", "docker-29-cgroup2", "podman-4.3", "docker-windows"} {
		t.Run(machine, func(t *testing.T) {
			f := newRecordedDaemon(t, machine)
			plugintest.ImpossibleReplies(t, diskWaitingPlugin(), f.inputConfig(), f.pages, func(path, page string) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.pages[path] = page
			})
		})
	}
}
