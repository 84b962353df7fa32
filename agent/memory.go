package agent

// Queues are not shortened below these sizes: that would free next to nothing.
const (
	leastSamples    = 1_000
	leastEventBytes = 64 << 10
)

// ShrinkQueues lowers the limits of all queues to three quarters of what they hold, because memory is short. What does not fit any more
// is dropped, the oldest first, and counted. An output with a buffer on disk moves its queues there first. The limits stay until [Agent.RestoreQueues], or until the output is replaced.
func (a *Agent) ShrinkQueues() {
	for _, w := range a.router.set().writers {
		if w.moveToDisk() {
			continue
		}
		if w.samples != nil {
			n := max(leastSamples, w.samples.queue.items.Weight()*3/4)
			if n = min(n, w.limits.Buffer); n < int(w.samples.queue.fill.Limit.Load()) {
				w.samples.queue.resize(n, n/2, w.limits.dropLevel())
			}
		}
		if w.events != nil {
			n := max(leastEventBytes, w.events.queue.items.Weight()*3/4)
			if n = min(n, w.limits.EventBuffer); n < int(w.events.queue.fill.Limit.Load()) {
				w.events.queue.resize(n, min(n/2, maxEventBytes), w.limits.dropLevel())
			}
		}
	}
}

// RestoreQueues gives all queues their configured limits again.
func (a *Agent) RestoreQueues() {
	for _, w := range a.router.set().writers {
		w.resizeQueues()
	}
}
