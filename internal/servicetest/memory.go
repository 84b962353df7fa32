package servicetest

import (
	"runtime"
	"testing"
)

// CheckAllocated fails a test in which f allocates more than this many bytes, all in all: the peak cannot be higher.
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
