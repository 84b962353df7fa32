package embedded

import (
	"fmt"
	"testing"
	"time"
)

// TestClockGoesOnInSteps: between two of them miniredis does not look at its keys.
func TestClockGoesOnInSteps(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	left := func() string { return fmt.Sprint(c.do("PTTL", "k")) }
	c.do("SET", "k", "v", "PX", "100000")
	s.clock.next.Store(time.Now().Add(time.Hour).UnixNano())
	before := left()
	for began := time.Now(); time.Since(began) < 5*time.Millisecond; {
		if after := left(); after != before {
			t.Fatalf("%s ms were left, now %s", before, after)
		}
	}
	s.clock.next.Store(0)
	if after := left(); after == before {
		t.Errorf("there are always %s ms left", after)
	}
}
