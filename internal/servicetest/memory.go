package servicetest

import (
	"runtime"
	"testing"
)

// CheckAllocated fails the test if f allocates more than most bytes in total, which is an upper bound of the peak.
func CheckAllocated(t testing.TB, most uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("%d MiB were allocated, more than %d", n>>20, most>>20)
	}
}
