// Package agent moves data from inputs to outputs. It polls inputs on their intervals, runs those that data is pushed to,
// keeps bounded queues per output, and writes the queues out, with retries, until it is told to stop. Inputs and outputs
// can be added, removed and replaced while it runs ([Agent.Apply]).
//
// Data flows in the order of these files:
//
//   - agent.go: [Config], what an agent consists of; [Agent.Run], start and shutdown.
//   - apply.go: [Agent.Apply], which changes a running agent. compare.go: [Compare], what would change.
//   - input.go: one input: open, run and poll, close. poll.go polls it, runner.go runs it, rejections.go and health.go log
//     what goes wrong.
//   - schedule.go: when an input is polled and an output is flushed. All knowledge about ticks is there.
//   - router.go: hands the batches of inputs to the queues of all outputs.
//   - queue.go: what waits for one output, samples and events apart. disk.go: its part on the disk, for outages.
//   - writer.go: one output: open, flush, retry, drain, close. delivery.go takes portions from a queue and writes them;
//     results.go counts and logs what became of them.
//   - pulse.go: whether the loops of inputs and outputs still turn, for watchdogs. parts.go: the state of each, for health checks.
//   - memory.go: shorter queues while memory is short.
//   - once.go: the same without a schedule, for the commands check and once.
//
// Each input has one goroutine, or two if data is pushed to it and it is polled; each output has one. [Agent.Run] joins them
// all. The agent never sees YAML, and inputs and outputs never see the agent.
package agent

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/buffer/disk"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// Keys of log attributes.
const (
	keyInput    = "input"
	keyOutput   = "output"
	keyError    = "error"
	keyRetryIn  = "retry_in"
	keyBuffered = "buffered"
	keyDropped  = "dropped"
	keyFor      = "for"
	keyTook     = "took"
	keySamples  = "samples"
	keyEvents   = "buffered_events"
	keyOnDisk   = "on_disk"
)

// Input describes an input and how it is polled.
type Input struct {
	ID       string // unique among the inputs
	Settings string // stands for everything that Build depends on; [Agent.Apply] keeps an input whose Settings are the same
	Build    func() (plugins.Input, error)
	Interval time.Duration    // between two polls
	Timeout  time.Duration    // of one poll; 0: the interval
	WhenFull plugins.WhenFull // what happens to its events when a queue is full; "": the sender waits
}

// Output describes an output.
type Output struct {
	ID       string // unique among the outputs
	Settings string // stands for everything that Build depends on; [Agent.Apply] keeps an output whose Settings are the same
	Build    func(slot telemetry.Slot) (outputs.Output, error)
}

// Limits are the limits and the flush interval of each output. An output is replaced when they change.
type Limits struct {
	Flush       time.Duration // between two writes
	Buffer      int           // samples in the queue of an output, at most
	EventBuffer int           // bytes of events in the queue of an output, at most
	QuietDrops  bool          // do not log that a full queue drops; it is counted in any case
}

// Config describes an agent.
type Config struct {
	Limits
	Inputs  []Input
	Outputs []Output
	Disk    Disk          // where outputs keep what they cannot write
	Run     string        // the instance of this run ([outputs.Env.Instance]), which is part of the identity of events that are kept
	Host    string        // the agents of different hosts work at slightly different times
	Grace   time.Duration // the longest time from the stop signal until Run returns
	Self    *selfstat.Registry
	Log     *slog.Logger
}

// Agent runs inputs and outputs. It is made by [New] and runs once.
type Agent struct {
	host  string
	grace time.Duration
	self  *selfstat.Registry
	log   *slog.Logger
	run   string
	disk  Disk
	store *disk.Store // nil: queues are in memory only

	slots  telemetry.Slots
	router router
	inputs atomic.Pointer[[]*input] // the list is immutable; see [Agent.allInputs]

	changes sync.Mutex // serializes changes of the sets of inputs and outputs, and guards what follows
	running *running   // nil before Run
	stopped bool
}

// allInputs returns the current inputs. The caller must not change the slice.
func (a *Agent) allInputs() []*input {
	if list := a.inputs.Load(); list != nil {
		return *list
	}
	return nil
}

// running holds what tasks need that start while the agent runs.
type running struct {
	stop       context.Context // done when the agent is told to stop
	gathers    context.Context // done when gathers that are still running must end
	writes     context.Context // done when writes that are still running must end
	inputsDone chan struct{}   // closed when the last input has stopped
	inputs     group
	writers    group
}

// New builds the inputs and outputs of c. Nothing runs and nothing is connected yet. Their statistics are in c.Self.
func New(c Config) (*Agent, error) {
	a := &Agent{host: c.Host, grace: c.Grace, self: c.Self, log: c.Log, run: c.Run, disk: c.Disk, store: openStore(c)}
	if err := a.Apply(c); err != nil {
		return nil, err
	}
	return a, nil
}

// Outputs iterates over the IDs of the outputs and the outputs, in the order of the configuration. The caller must not call
// methods of an output while the agent runs.
func (a *Agent) Outputs() iter.Seq2[string, outputs.Output] {
	return func(yield func(string, outputs.Output) bool) {
		for _, w := range a.router.set().writers {
			if !yield(w.id, w.out) {
				return
			}
		}
	}
}

// Unclaimed returns the inputs that exist for events, if no output takes events.
func (a *Agent) Unclaimed() (ids []string) {
	if a.router.set().takesEvents {
		return nil
	}
	for _, in := range a.allInputs() {
		if in.runner != nil {
			ids = append(ids, in.spec.ID)
		}
	}
	return ids
}

// Run works until ctx is done. Then it stops the inputs, writes out the queues and closes the outputs, all within
// Config.Grace; a disk that hangs may delay that by a few seconds. A gather that is running when ctx ends has a quarter of that
// time to complete, so that its samples are not lost. The error states how much was lost and which inputs or outputs did not stop.
func (a *Agent) Run(ctx context.Context) error {
	writes, endWrites := context.WithCancel(context.WithoutCancel(ctx))
	defer endWrites()
	gathers, endGathers := context.WithCancel(writes)
	r := &running{stop: ctx, gathers: gathers, writes: writes, inputsDone: make(chan struct{})}
	a.begin(r)
	<-ctx.Done()

	a.changes.Lock() // Apply ends soon, because it does not wait any more
	a.stopped = true
	a.changes.Unlock()
	var errs []error
	deadline := time.Now().Add(a.grace)
	defer time.AfterFunc(a.grace/4, endGathers).Stop()
	for _, id := range r.inputs.wait(a.grace / 2) {
		errs = append(errs, &StuckError{keyInput, id})
	}
	close(r.inputsDone)
	stuck := r.writers.wait(time.Until(deadline))
	endWrites()
	if len(stuck) > 0 {
		stuck = r.writers.wait(time.Second) // those that honour their context return now
	}
	for _, id := range stuck {
		errs = append(errs, &StuckError{keyOutput, id})
	}
	return errors.Join(append(errs, a.giveUpAll()...)...)
}

// StuckError is about an input or output that did not stop in time. What it held is not counted.
type StuckError struct{ Kind, ID string } // Kind is input or output

func (e *StuckError) Error() string { return e.Kind + " " + e.ID + " did not stop" }

// begin starts every input and output.
func (a *Agent) begin(r *running) {
	a.changes.Lock()
	defer a.changes.Unlock()
	a.running = r
	start := time.Now() // the same for all, so that their first samples line up
	for _, w := range a.router.set().writers {
		a.startWriter(w, start)
	}
	for _, in := range a.allInputs() {
		a.startInput(in, start)
	}
}

// startWriter starts an output, unless Run was not called yet and will start it.
func (a *Agent) startWriter(w *writer, start time.Time) {
	r := a.running
	if r == nil {
		return
	}
	w.stats.Condition.Reset() // the output before this one has ended
	w.ctx, w.cancel = context.WithCancel(r.writes)
	w.startKeeper(start)
	r.writers.run(w.id, func() { w.run(start, r.inputsDone) })
}

func (a *Agent) startInput(in *input, start time.Time) {
	r := a.running
	in.stats.Condition.Reset()
	in.ctx, in.cancel = context.WithCancel(r.stop)
	in.gathers, in.cancelGathers = context.WithCancel(r.gathers) //nolint:gosec // stopInputs calls it
	r.inputs.run(in.spec.ID, func() { in.run(start) })
}
