package cli

import (
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestNeedsOneProcessor(t *testing.T) {
	for _, c := range []struct {
		share         float64
		usesOne, want bool
	}{
		{0.001, false, true}, {0.001, true, true}, {0.15, false, false}, {0.15, true, true}, {0.3, true, false}, {3, false, false},
	} {
		if got := needsOneProcessor(c.share, c.usesOne); got != c.want {
			t.Errorf("share %v, one processor %v: %v", c.share, c.usesOne, got)
		}
	}
}

// TestLimitProcessors runs the decisions in a bubble, where hours pass without CPU time.
func TestLimitProcessors(t *testing.T) {
	if cpuTime() == 0 || os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		t.Skip("nothing to decide here")
	}
	for _, c := range []struct{ setting, want string }{{"", "one"}, {"2", "unchanged"}} {
		synctest.Test(t, func(t *testing.T) {
			before := runtime.GOMAXPROCS(0)
			a := &App{Getenv: func(string) (string, bool) { return c.setting, c.setting != "" }}
			stop := a.limitProcessors(t.Context())
			time.Sleep(10 * processorsCheck)
			if got := runtime.GOMAXPROCS(0); (got == 1) != (c.want == "one") || c.want == "unchanged" && got != before {
				t.Errorf("GOMAXPROCS=%q: %d processors, %s wanted", c.setting, got, c.want)
			}
			stop()
			if got := runtime.GOMAXPROCS(0); got != before {
				t.Errorf("afterwards: %d processors, %d before", got, before)
			}
		})
	}
}
