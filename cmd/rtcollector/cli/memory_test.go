package cli

import (
	"runtime/debug"
	"testing"
)

func TestGOGCIsTheUsers(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for set, want := range map[bool]int{true: 100, false: gcPercent} {
		debug.SetGCPercent(100)
		(&App{Getenv: func(string) (string, bool) { return "200", set }}).limitHeapGrowth()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("with GOGC set: %v, the heap grows by %d %%, want %d", set, got, want)
		}
	}
}
