// Package selfstat holds what the agent counts about itself. A [Registry] is passed to those who count and to the
// input that reports it; there is no global one.
package selfstat

import (
	"sync"
	"sync/atomic"
	"time"
)

// Input is what is counted about one input. All fields may be used from any goroutine.
type Input struct {
	ID          string
	Gathers     atomic.Int64 // completed gathers, failed ones included
	Samples     atomic.Int64
	Events      atomic.Int64
	Unclaimed   atomic.Int64 // events that no output takes
	Implausible atomic.Int64 // samples left out, because they cannot be or were there twice
	Errors      atomic.Int64 // gathers that returned an error or panicked
	Timeouts    atomic.Int64 // gathers that were still running at their timeout
	Missed      atomic.Int64 // ticks skipped because the gather before was still running
	GatherTime  atomic.Int64 // nanoseconds, total
	LastGather  atomic.Int64 // nanoseconds of the last gather
	MaxGather   atomic.Int64 // nanoseconds of the slowest gather since somebody set it to 0
	LastSuccess atomic.Int64 // Unix nanoseconds; before the first, when the input was added
}

// Gathered records one finished gather.
func (i *Input) Gathered(took time.Duration, samples, events int) {
	i.Gathers.Add(1)
	i.Samples.Add(int64(samples))
	i.Events.Add(int64(events))
	i.GatherTime.Add(int64(took))
	i.LastGather.Store(int64(took))
	if int64(took) > i.MaxGather.Load() {
		i.MaxGather.Store(int64(took))
	}
}

// Output is what is counted about one output. Counts are of samples and events together, where nothing else is said.
type Output struct {
	ID          string
	Samples     Fill
	Events      Fill
	Written     atomic.Int64
	Dropped     atomic.Int64 // pushed out of a full buffer, or given up at shutdown
	Rejected    atomic.Int64 // refused by the destination for good
	Retries     atomic.Int64 // failed writes that were put back
	Writes      atomic.Int64 // successful writes
	WriteTime   atomic.Int64 // nanoseconds, total, failed writes included
	WaitTime    atomic.Int64 // nanoseconds that inputs waited for room, total
	LastSuccess atomic.Int64 // Unix nanoseconds; before the first, when the output was added
	SeriesGone  func() int64 // series that were gone from the destination; nil if the output keeps none

	mu      sync.Mutex
	reasons map[string]int64 // rejections by reason
}

// Fill is how full one of an output's buffers is.
type Fill struct {
	Limit int64        // what it may hold, in samples, or bytes of events; 0 if the output does not take them
	Size  atomic.Int64 // what it holds in the same unit, what is being written included
	Count atomic.Int64 // how many samples or events that are
}

// Reject counts n samples or events that the destination refused for a reason, which is one word.
func (o *Output) Reject(reason string, n int) {
	o.Rejected.Add(int64(n))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reasons == nil {
		o.reasons = map[string]int64{}
	}
	o.reasons[reason] += int64(n)
}

// Reasons calls f with each reason that something was rejected for, and how much; f must not call back.
func (o *Output) Reasons(f func(reason string, n int64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for reason, n := range o.reasons {
		f(reason, n)
	}
}

// Registry lists what is counted, in the order of the configuration.
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
	in.LastSuccess.Store(time.Now().UnixNano())
	r.inputs = append(r.inputs, in)
	return in
}

// NewOutput adds an output whose buffers hold up to so many samples and bytes of events.
func (r *Registry) NewOutput(id string, samples, events int) *Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Output{ID: id, Samples: Fill{Limit: int64(samples)}, Events: Fill{Limit: int64(events)}}
	out.LastSuccess.Store(time.Now().UnixNano())
	r.outputs = append(r.outputs, out)
	return out
}

// Inputs returns all inputs.
func (r *Registry) Inputs() []*Input {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inputs[:len(r.inputs):len(r.inputs)]
}

// Outputs returns all outputs.
func (r *Registry) Outputs() []*Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outputs[:len(r.outputs):len(r.outputs)]
}
