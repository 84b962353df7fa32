package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// GathersVariable is the environment variable that says how many gathers a test of leaks makes; without it they are few.
const GathersVariable = "RTC_TEST_GATHERS"

// warmUpRounds is how many rounds come before the first look: pools fill, and what is made once is made.
const warmUpRounds = 20

// CheckNoLeaks runs f so many times, and fails when that leaves goroutines, descriptors or memory behind. F gets the number of
// its round; the same is to be open after each.
func CheckNoLeaks(t *testing.T, rounds int, f func(round int)) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(GathersVariable)); err == nil {
		rounds = n
	}
	for i := range warmUpRounds {
		f(i)
	}
	before := waitForFootprint(t, footprint{})
	for i := range rounds {
		f(warmUpRounds + i)
	}
	after := waitForFootprint(t, before)
	t.Logf("%d gathers: before %v; after %v", rounds, before, after)
}

// footprint is what this process holds.
type footprint struct {
	goroutines, descriptors int
	heap                    uint64
}

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d kB of heap", f.goroutines, f.descriptors, f.heap>>10)
}

// heapTolerance is how much more the heap may hold: what is pooled, and the run-time's own.
const heapTolerance = 512 << 10

// waitForFootprint waits until what is about to end has ended: until there is no more than before or, at first, no less than a
// moment ago.
func waitForFootprint(t *testing.T, before footprint) (now footprint) {
	t.Helper()
	first := before == footprint{}
	Until(t, "nothing is left behind", func(context.Context) error {
		last := now
		now = measureFootprint()
		switch {
		case first && (now.goroutines != last.goroutines || now.descriptors != last.descriptors):
			return fmt.Errorf("%v, then %v", last, now)
		case !first && (now.goroutines > before.goroutines || now.descriptors > before.descriptors || now.heap > before.heap+heapTolerance):
			return fmt.Errorf("%v, before %v", now, before)
		}
		return nil
	})
	return now
}

func measureFootprint() footprint {
	runtime.GC()
	runtime.GC() // what finalizers let go, and pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), CountDescriptors(), m.HeapAlloc}
}

// CountDescriptors is the number of descriptors that this process has open, where that can be told, else 0.
func CountDescriptors() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// LoopWithCPU runs a benchmark and reports the CPU time of a round, of this process only.
func LoopWithCPU(b *testing.B, round func()) {
	before := CPUTime()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((CPUTime()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}
