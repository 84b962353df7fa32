package observe

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Feed is an output of the agent that passes events about connections on. The agent's queue waits while a receiver works, so
// nothing is lost here; what a full queue drops, the agent counts.
type Feed struct {
	receive []func(*connlog.Event, eventdoc.Document) error

	ready    chan struct{}
	first    sync.Once
	skipped  atomic.Int64
	document eventdoc.Document
}

// NewFeed returns a feed that passes each event to all receivers, one after the other. The event and the document are valid
// until a receiver returns. An error of a receiver is the error of the write, after which the event counts as dropped.
func NewFeed(receive ...func(*connlog.Event, eventdoc.Document) error) *Feed {
	return &Feed{receive: receive, ready: make(chan struct{})}
}

// Ready is closed once the input has gathered for the first time: it is open then, and sees what happens from now on.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Skipped returns how many events were not about connections.
func (f *Feed) Skipped() int64 { return f.skipped.Load() }

// Open implements outputs.Output.
func (f *Feed) Open(context.Context) error { return nil }

// Close implements outputs.Output.
func (f *Feed) Close() error { return nil }

// WriteMetrics implements outputs.MetricWriter. The samples themselves are not shown.
func (f *Feed) WriteMetrics(context.Context, []*telemetry.Batch) error {
	f.first.Do(func() { close(f.ready) })
	return nil
}

// WriteEvents implements outputs.EventWriter.
func (f *Feed) WriteEvents(_ context.Context, events []telemetry.Event) error {
	for i := range events {
		f.document = f.document[:0].Fill(&events[i])
		e, err := connlog.Parse(f.document)
		if err != nil {
			f.skipped.Add(1) // a status event of the input
			continue
		}
		for _, receive := range f.receive {
			if err := receive(&e, f.document); err != nil {
				return writeError(i, err)
			}
		}
	}
	return nil
}

// writeError returns the error of a write of which the first n events are settled. Writing again would not help: the reader
// of a pipe has ended, or the disk is full.
func writeError(n int, err error) error {
	return outputs.Permanent(fmt.Errorf("print an event after %d others: %w", n, err))
}
