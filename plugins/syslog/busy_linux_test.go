package sysloginput

import (
	"os"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The socket file of a process that is too busy to accept connections is not removed.
func TestSocketOfABusyProcessStays(t *testing.T) {
	path := servicetest.FullSocket(t)
	removeStale(path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
