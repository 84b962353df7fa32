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
	open     atomic.Int64 // connections when the input gathered first
	missed   atomic.Int64
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

// OpenAtFirst returns how many connections were open when the input gathered for the first time.
func (f *Feed) OpenAtFirst() int { return int(f.open.Load()) }

// Missed returns how many events the kernel or the input had to drop.
func (f *Feed) Missed() int64 { return f.missed.Load() }

// Skipped returns how many events were not about connections.
func (f *Feed) Skipped() int64 { return f.skipped.Load() }

// Open implements outputs.Output.
func (f *Feed) Open(context.Context) error { return nil }

// Close implements outputs.Output.
func (f *Feed) Close() error { return nil }

// Metrics of the input connections.
const (
	metricActive  = connlog.Source + "_active"
	metricMissed  = connlog.Source + "_missed"
	metricTracked = connlog.Source + "_tracked" // in every gather
)

// WriteMetrics implements outputs.MetricWriter. The samples tell how the input is; they are not shown.
func (f *Feed) WriteMetrics(_ context.Context, batches []*telemetry.Batch) error {
	for _, b := range batches {
		active, gathered := 0.0, false
		for i := range b.Len() {
			switch s, _, v := b.Sample(i); s.Name() {
			case metricActive:
				active += v
			case metricMissed:
				f.missed.Store(int64(v))
			case metricTracked:
				gathered = true
			}
		}
		if gathered {
			f.first.Do(func() {
				f.open.Store(int64(active))
				close(f.ready)
			})
		}
	}
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
