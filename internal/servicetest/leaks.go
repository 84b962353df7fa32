package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// Gathers is the environment variable that says how many gathers a test of leaks makes; without it they are few.
const Gathers = "RTC_TEST_GATHERS"

// warmUp is how many rounds come before the first look: pools fill, and what is made once is made.
const warmUp = 20

// NoLeaks runs f so many times, and fails when that leaves goroutines, descriptors or memory behind. F gets the number of
// its round; the same is to be open after each.
func NoLeaks(t *testing.T, rounds int, f func(round int)) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(Gathers)); err == nil {
		rounds = n
	}
	for i := range warmUp {
		f(i)
	}
	before := settled(t, footprint{})
	for i := range rounds {
		f(warmUp + i)
	}
	after := settled(t, before)
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

// room is how much more the heap may hold: what is pooled, and the run-time's own.
const room = 512 << 10

// settled waits until what is about to end has ended: until there is no more than before or, at first, no less than a
// moment ago.
func settled(t *testing.T, before footprint) (now footprint) {
	t.Helper()
	first := before == footprint{}
	Until(t, "nothing is left behind", func(context.Context) error {
		last := now
		now = look()
		switch {
		case first && (now.goroutines != last.goroutines || now.descriptors != last.descriptors):
			return fmt.Errorf("%v, then %v", last, now)
		case !first && (now.goroutines > before.goroutines || now.descriptors > before.descriptors || now.heap > before.heap+room):
			return fmt.Errorf("%v, before %v", now, before)
		}
		return nil
	})
	return now
}

func look() footprint {
	runtime.GC()
	runtime.GC() // what finalizers let go, and pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), Descriptors(), m.HeapAlloc}
}

// Descriptors is the number of descriptors that this process has open, where that can be told, else 0.
func Descriptors() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// Loop runs a benchmark and reports the CPU time of a round, of this process only.
func Loop(b *testing.B, round func()) {
	before := CPU()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((CPU()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}
