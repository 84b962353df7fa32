package agent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// router hands batches to the queues of all outputs. The set of outputs can be replaced at any time.
type router struct {
	outputs atomic.Pointer[outputSet]
	events  atomic.Uint64 // events so far
}

// outputSet is immutable.
type outputSet struct {
	writers     []*writer
	takesEvents bool
}

func newOutputSet(writers []*writer) *outputSet {
	set := &outputSet{writers: writers}
	for _, w := range writers {
		set.takesEvents = set.takesEvents || w.events != nil
	}
	return set
}

// set returns the current set of outputs.
func (r *router) set() *outputSet {
	if set := r.outputs.Load(); set != nil {
		return set
	}
	return &outputSet{}
}

// emit hands a batch to every output that takes what is in it, and returns how many events no output takes. Samples never
// wait: a full queue drops its oldest samples. What happens to events when a queue is full is decided by policy.
func (r *router) emit(ctx context.Context, b *telemetry.Batch, policy plugins.WhenFull) (unclaimed int) {
	set := r.set()
	for _, w := range set.writers {
		if w.samples != nil {
			w.samples.queue.add(ctx, b, plugins.DropOldest)
		}
	}
	switch {
	case len(b.Events) == 0:
		return 0
	case !set.takesEvents:
		return len(b.Events)
	}
	r.stamp(b)
	list := newEventList(b.Events)
	for _, w := range set.writers {
		if w.events != nil {
			w.events.queue.add(ctx, list, policy)
		}
	}
	return 0
}

// stamp completes events before any output sees them, so that every output gives them the same identity.
func (r *router) stamp(b *telemetry.Batch) {
	n := uint64(len(b.Events))
	seq := r.events.Add(n) - n
	for i := range b.Events {
		e := &b.Events[i]
		seq++
		e.Seq = seq
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
	}
}
