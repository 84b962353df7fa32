package cli

import (
	"runtime/debug"
	"time"
)

// startupTime is the time after which the configuration is decoded, everything is connected and every series is known.
const startupTime = 30 * time.Second

// gcPercent lets the heap grow by half of the live memory between two collections, instead of doubling it. An agent makes little
// garbage, so collections stay tens of seconds apart, and a full queue costs one and a half times its size, not twice.
const gcPercent = 50

// limitHeapGrowth configures the garbage collector for a program that runs for years beside others, unless the user set GOGC.
func (a *App) limitHeapGrowth() {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}
