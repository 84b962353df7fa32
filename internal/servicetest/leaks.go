package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// GathersVariable is the environment variable with the number of gathers in a test for leaks. By default there are few.
const GathersVariable = "RTC_TEST_GATHERS"

// warmUpRounds is the number of rounds before the first measurement, in which pools and lazy values are filled.
const warmUpRounds = 20

// CheckNoLeaks calls f rounds times and fails if that leaks goroutines, descriptors or memory. F gets the number of its round. Each call
// must leave the same things open.
func CheckNoLeaks(t *testing.T, rounds int, f func(round int)) {
	t.Helper()
	CheckFewLeaks(t, rounds, 0, f)
}

// CheckFewLeaks is CheckNoLeaks for what may hold some goroutines and descriptors more at one time than at another, such as a pool of
// connections. The slack must be smaller than the number of rounds.
func CheckFewLeaks(t *testing.T, rounds, slack int, f func(round int)) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(GathersVariable)); err == nil {
		rounds = n
	}
	for i := range warmUpRounds {
		f(i)
	}
	before := waitForFootprint(t, footprint{})
	before.goroutines += slack
	before.descriptors += slack
	for i := range rounds {
		f(warmUpRounds + i)
	}
	after := waitForFootprint(t, before)
	t.Logf("%d gathers: before %v; after %v", rounds, before, after)
}

// footprint holds the resources of this process.
type footprint struct {
	goroutines, descriptors int
	heap                    uint64
}

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d kB of heap", f.goroutines, f.descriptors, f.heap>>10)
}

// heapTolerance is the allowed growth of the heap in bytes, for pools and the Go runtime.
const heapTolerance = 512 << 10

// waitForFootprint waits until the process holds no more than before, and returns the footprint. If before is zero, it waits until the
// footprint no longer changes.
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
	runtime.GC() // frees objects with finalizers, and pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), CountDescriptors(), m.HeapAlloc}
}

// CountDescriptors returns the number of open descriptors of this process, or 0 if it is unknown.
func CountDescriptors() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// LoopWithCPU runs a benchmark and reports the CPU time of this process per round.
func LoopWithCPU(b *testing.B, round func()) {
	before := CPUTime()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((CPUTime()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}
