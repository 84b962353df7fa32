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

// Output is what is counted about one output. Counts are of samples and events together.
type Output struct {
	ID          string
	Limit       int64        // what its buffer may hold
	Buffered    atomic.Int64 // what its buffer holds now, what is being written included
	Written     atomic.Int64
	Dropped     atomic.Int64 // pushed out of a full buffer, or given up at shutdown
	Rejected    atomic.Int64 // refused by the destination for good
	Retries     atomic.Int64 // failed writes that were put back
	Writes      atomic.Int64 // successful writes
	WriteTime   atomic.Int64 // nanoseconds, total, failed writes included
	LastSuccess atomic.Int64 // Unix nanoseconds; before the first, when the output was added

	mu      sync.Mutex
	reasons map[string]int64 // rejections by reason
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

// NewOutput adds an output whose buffer holds up to limit samples and events.
func (r *Registry) NewOutput(id string, limit int) *Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Output{ID: id, Limit: int64(limit)}
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
