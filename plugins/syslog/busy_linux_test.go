package sysloginput

import (
	"os"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The socket of a process that is too busy to accept a connection is not removed.
func TestSocketOfABusyProcessStays(t *testing.T) {
	path := servicetest.FullSocket(t)
	removeStaleSocket(path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
