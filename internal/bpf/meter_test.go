package bpf

import (
	"testing"
	"time"
)

func TestHistogramBounds(t *testing.T) {
	bounds := HistogramBounds()
	for i, want := range map[int]time.Duration{0: time.Microsecond, 1: 2 * time.Microsecond, 2: 5 * time.Microsecond, 9: time.Millisecond, 21: 10 * time.Second} {
		if bounds[i] != want {
			t.Errorf("bound %d is %v, want %v", i, bounds[i], want)
		}
	}
	for i := range len(bounds) - 1 {
		if bounds[i] >= bounds[i+1] {
			t.Errorf("%v is followed by %v", bounds[i], bounds[i+1])
		}
	}
}

// The time on CPUs is divided as the kernel does.
func TestSplitTime(t *testing.T) {
	for _, c := range []struct{ userTicks, systemTicks, runtime, user, system uint64 }{
		{0, 0, 7, 7, 0},
		{10, 0, 7, 7, 0},
		{0, 10, 7, 0, 7},
		{30, 10, 100, 75, 25},
		{1e18, 1e18, 1e18, 5e17, 5e17}, // the product has more than 64 bits
		{1 << 63, 1 << 63, 5, 5, 0},
		{1, 1e18, 1e19, 10, 1e19 - 10},
	} {
		if user, system := splitTime(c.userTicks, c.systemTicks, c.runtime); user != c.user || system != c.system {
			t.Errorf("%+v: %d and %d", c, user, system)
		}
	}
}

// Whatever the ring buffer holds, decoding neither panics nor invents time.
func FuzzDecodeProcessEvent(f *testing.F) {
	f.Add(make([]byte, eventSize))
	f.Add(append([]byte{8: byte(ProcessExit)}, make([]byte, exitEventSize)...))
	f.Add([]byte{8: byte(ProcessExit), exitEventSize - 1: 255, 70: 255, 71: 255, 79: 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		var e ProcessEvent
		if e.decode(data) != nil {
			return
		}
		if e.Final.User+e.Final.System != e.Final.CPU || e.Final.Signal < 0 || e.Final.Signal > 127 || e.Final.ExitCode > 255 {
			t.Errorf("%+v", e)
		}
	})
}
