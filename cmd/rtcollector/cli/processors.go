package cli

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/pause"
)

const (
	// busyShare is the CPU time, as a share of one processor, from which the agent uses all processors; calmShare is the one below which
	// it uses a single one again.
	busyShare = 0.25
	calmShare = 0.1

	// processorsCheck is the time between two decisions.
	processorsCheck = 5 * time.Second
)

// limitProcessors lets Go's scheduler use a single processor while the agent needs little CPU time, until stop is called. The gathers of an
// instant then run one after the other on one thread. With several processors, the scheduler wakes a thread for each, which costs more
// than most gathers do. A call that blocks in the kernel does not block the others. The user's GOMAXPROCS is respected.
func (a *App) limitProcessors(ctx context.Context) (stop func()) {
	if v, _ := a.Getenv("GOMAXPROCS"); v != "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	loop.Go(func() {
		usesOne := false
		defer func() {
			if usesOne {
				runtime.SetDefaultGOMAXPROCS()
			}
		}()
		for before, at := cpuTime(), time.Now(); pause.Sleep(ctx, processorsCheck); {
			now, spent := time.Now(), cpuTime()
			if spent == 0 {
				return // this system does not tell
			}
			share := (spent - before).Seconds() / now.Sub(at).Seconds()
			before, at = spent, now
			switch one := needsOneProcessor(share, usesOne); {
			case one && !usesOne:
				usesOne = true
				runtime.GOMAXPROCS(1)
			case !one && usesOne:
				usesOne = false
				runtime.SetDefaultGOMAXPROCS()
			}
		}
	})
	return func() {
		cancel()
		loop.Wait()
	}
}

// needsOneProcessor decides by the used share of one processor. Between the two limits nothing changes.
func needsOneProcessor(share float64, usesOne bool) bool {
	return share < calmShare || usesOne && share < busyShare
}
