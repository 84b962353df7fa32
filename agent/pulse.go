package agent

import (
	"slices"
	"sync/atomic"
	"time"
)

// pulse shows from outside whether a loop of the agent still turns. While the loop waits, due is when it wants to continue, in
// nanoseconds of the monotonic clock since origin. While it is in a call of a component, which may hang for reasons of its own, due is 0.
type pulse struct {
	origin time.Time
	due    atomic.Int64
}

func newPulse() pulse { return pulse{origin: time.Now()} }

// waits notes that the loop continues after d.
func (p *pulse) waits(d time.Duration) { p.due.Store(int64(time.Since(p.origin) + max(d, 1))) }

// works notes that the loop calls a component.
func (p *pulse) works() { p.due.Store(0) }

// isLate reports whether the loop should have continued more than tolerance ago.
func (p *pulse) isLate(tolerance time.Duration) bool {
	due := time.Duration(p.due.Load())
	return due > 0 && time.Since(p.origin)-due > tolerance
}

// Stalled returns the IDs of the inputs and outputs whose loops should have continued more than tolerance ago. That is never their own
// fault: a gather or a write that hangs does not count. It is a deadlock or a process that gets no CPU time. The IDs are sorted.
func (a *Agent) Stalled(tolerance time.Duration) (ids []string) {
	for _, in := range a.allInputs() {
		if in.poller != nil && in.poller.pulse.isLate(tolerance) {
			ids = append(ids, in.spec.ID)
		}
	}
	for _, w := range a.router.set().writers {
		if w.pulse.isLate(tolerance) {
			ids = append(ids, w.id)
		}
	}
	slices.Sort(ids)
	return ids
}
