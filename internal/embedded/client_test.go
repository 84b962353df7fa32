package embedded

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// advanceClock moves the clock of the server forward.
func (s *Server) advanceClock(d time.Duration) {
	s.store.SetClock(func() time.Time { return time.Now().Add(d) })
}

func dial(t testing.TB, s *Server) *resptest.Client {
	t.Helper()
	return resptest.Dial(t, s.Addr())
}
