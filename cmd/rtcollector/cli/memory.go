package cli

import (
	"runtime/debug"
	"time"
)

// startupTime is how long the agent takes at most until its configuration is decoded, everything is connected and every
// series is known.
const startupTime = 30 * time.Second

// gcPercent lets the heap grow by half of what is alive between two collections instead of doubling it. An agent makes
// little garbage, so collections stay tens of seconds apart, and a full buffer costs half as much again, not twice.
const gcPercent = 50

// saveMemory sets the runtime up for a program that runs for years beside others, unless the user has set it up.
func (a *App) saveMemory() {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}
