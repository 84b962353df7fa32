// Package selfstat holds what the agent counts about itself. A [Registry] is passed to the agent, which counts, and to the
// input that reports the numbers; there is no global one.
package selfstat

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Input holds the statistics of one input. All fields may be used from any goroutine.
type Input struct {
	ID          string
	Gathers     atomic.Int64 // completed gathers, failed ones included
	Samples     atomic.Int64
	Events      atomic.Int64
	Unclaimed   atomic.Int64 // events that no output accepts
	Implausible atomic.Int64 // samples left out because their value is impossible or they appear twice
	Refused     atomic.Int64 // entities without series, because their number exceeded a limit; summed over the gathers
	Errors      atomic.Int64 // gathers that returned an error or panicked
	Timeouts    atomic.Int64 // gathers that were still running at their timeout
	Missed      atomic.Int64 // ticks skipped because the gather before was still running
	GatherTime  atomic.Int64 // nanoseconds, total
	LastGather  atomic.Int64 // nanoseconds of the last gather
	MaxGather   atomic.Int64 // nanoseconds of the slowest gather since a reader set it to 0
	LastSuccess atomic.Int64 // Unix nanoseconds; before the first, when the input was added
	Condition   Condition
}

// RecordGather counts one finished gather.
func (i *Input) RecordGather(took time.Duration, samples, events int) {
	i.Gathers.Add(1)
	i.Samples.Add(int64(samples))
	i.Events.Add(int64(events))
	i.GatherTime.Add(int64(took))
	i.LastGather.Store(int64(took))
	if int64(took) > i.MaxGather.Load() {
		i.MaxGather.Store(int64(took))
	}
}

// Output holds the statistics of one output. Unless a field says otherwise, it counts samples and events together.
type Output struct {
	ID          string
	Samples     QueueFill
	Events      QueueFill
	Written     atomic.Int64
	Dropped     atomic.Int64 // removed from a full queue, dropped after a permanent error, or lost at shutdown
	Rejected    atomic.Int64 // refused by the destination for good
	Retries     atomic.Int64 // failed writes whose data was put back into the queue
	Writes      atomic.Int64 // successful writes
	WriteTime   atomic.Int64 // nanoseconds, total, failed writes included
	WaitTime    atomic.Int64 // nanoseconds that inputs waited for space in the queue, total
	LastSuccess atomic.Int64 // Unix nanoseconds; before the first, when the output was added
	CallSince   atomic.Int64 // Unix nanoseconds, when the write began that runs; 0: none runs
	Condition   Condition

	DiskLimit  atomic.Int64 // bytes that all queues on the disk may have together; 0: there are none
	SampleDisk Disk
	EventDisk  Disk

	mu      sync.Mutex
	reasons map[string]int64 // rejections by reason

	seriesGone func() int64
}

// SetSeriesGone sets the function that counts the series which had disappeared from the destination when they were written
// again.
func (o *Output) SetSeriesGone(count func() int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seriesGone = count
}

// SeriesGone returns the number of series that had disappeared from the destination. Ok is false if the output does not
// create series.
func (o *Output) SeriesGone() (n int64, ok bool) {
	o.mu.Lock()
	count := o.seriesGone
	o.mu.Unlock()
	if count == nil {
		return 0, false
	}
	return count(), true
}

// QueueFill describes how full one of an output's queues is.
type QueueFill struct {
	Limit atomic.Int64 // capacity in samples or bytes of events; 0 if the output does not accept them
	Size  atomic.Int64 // what it holds in the same unit, including what is being written
	Count atomic.Int64 // the number of these samples or events
}

// Disk describes the part of one of an output's queues that is on the disk.
type Disk struct {
	Bytes    atomic.Int64 // size of the files
	Count    atomic.Int64 // samples or events in them
	Appended atomic.Int64 // samples or events that were stored
	Replayed atomic.Int64 // samples or events that were taken from the disk and settled
	Dropped  atomic.Int64 // samples or events that were lost on the disk; also counted in Output.Dropped
	Corrupt  atomic.Int64 // files that were set aside because they are damaged
}

// RecordRejected counts n samples or events that the destination rejected. Reason is one word.
func (o *Output) RecordRejected(reason string, n int) {
	o.Rejected.Add(int64(n))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reasons == nil {
		o.reasons = map[string]int64{}
	}
	o.reasons[reason] += int64(n)
}

// EachReason calls f with each reason for rejections and their number. F must not call methods of o.
func (o *Output) EachReason(f func(reason string, n int64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for reason, n := range o.reasons {
		f(reason, n)
	}
}

// Registry lists the statistics of inputs and outputs, in the order in which they were added.
type Registry struct {
	mu      sync.Mutex
	inputs  []*Input
	outputs []*Output
}

// NewInput adds an input.
func (r *Registry) NewInput(id string) *Input {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := &Input{ID: id}
	in.Condition.Reset()
	in.LastSuccess.Store(time.Now().UnixNano())
	r.inputs = append(slices.Clip(r.inputs), in)
	return in
}

// NewOutput adds an output whose queues have these capacities, in samples and in bytes of events.
func (r *Registry) NewOutput(id string, samples, eventBytes int) *Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Output{ID: id}
	out.Condition.Reset()
	out.Samples.Limit.Store(int64(samples))
	out.Events.Limit.Store(int64(eventBytes))
	out.LastSuccess.Store(time.Now().UnixNano())
	r.outputs = append(slices.Clip(r.outputs), out)
	return out
}

// RemoveInput removes an input.
func (r *Registry) RemoveInput(in *Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs = slices.DeleteFunc(slices.Clone(r.inputs), func(other *Input) bool { return other == in })
}

// RemoveOutput removes an output.
func (r *Registry) RemoveOutput(out *Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outputs = slices.DeleteFunc(slices.Clone(r.outputs), func(other *Output) bool { return other == out })
}

// Inputs returns all inputs. The caller must not change the slice.
func (r *Registry) Inputs() []*Input {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inputs
}

// Outputs returns all outputs. The caller must not change the slice.
func (r *Registry) Outputs() []*Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outputs
}
