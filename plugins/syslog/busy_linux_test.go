package sysloginput

import (
	"os"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The socket of a process that is too busy to take a connection is not taken away from it.
func TestSocketOfABusyProcessStays(t *testing.T) {
	path := servicetest.FullSocket(t)
	removeStale(path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
