// Package embeddedtest starts the embedded server for the tests of its packages.
package embeddedtest

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// Start starts a server until the end of the test and connects to it.
func Start(t testing.TB, cfg embedded.Config) (*embedded.Server, *resptest.Client) {
	t.Helper()
	s, err := embedded.Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, resptest.Dial(t, s.Addr())
}
