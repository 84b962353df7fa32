// Package agent moves data: it polls inputs on their intervals, runs those that things are pushed to, keeps a bounded
// queue per output and writes each queue out, with retries, until it is told to stop.
//
// One goroutine per input and one per output, started and joined by [Agent.Run]. The agent never sees YAML, and
// inputs and outputs never see the agent.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
)

// Input is one live input and when it is polled.
type Input struct {
	ID       string
	Live     plugins.Input
	Interval time.Duration
	Timeout  time.Duration // 0: the interval
}

// Output is one live output.
type Output struct {
	ID     string
	Output outputs.Output
}

// Config is what an agent is made of.
type Config struct {
	Inputs  []Input
	Outputs []Output
	Flush   time.Duration // between two writes of an output
	Buffer  int           // samples that wait for each output, at most
	Host    string        // agents of different hosts work a little apart
	Grace   time.Duration // from the stop signal until Run returns, at the latest
	Self    *selfstat.Registry
	Log     *slog.Logger

	EventBuffer int  // bytes of events that wait for each output, at most
	Block       bool // when that is full, inputs that can wait do so, and what the others give is dropped; else the oldest is
	QuietDrops  bool // a full buffer is counted, but not logged
}

// Agent is made by [New] and runs once.
type Agent struct {
	cfg     Config
	events  atomic.Uint64 // so far
	pollers []*poller
	runners []*runner
	writers []*writer
}

// New wires an agent; nothing runs yet. The statistics of every input and output are in c.Self from now on.
func New(c Config) *Agent {
	a := &Agent{cfg: c}
	for _, o := range c.Outputs {
		a.writers = append(a.writers, newWriter(o, c))
	}
	for _, in := range c.Inputs {
		stats := c.Self.NewInput(in.ID)
		log := c.Log.With(keyInput, in.ID)
		h := health{log: log, tell: a.teller(in)}
		emit := a.emit
		if !takesEvents(c.Outputs) {
			emit = a.emitSamples(stats, log, in.Live.Runner != nil)
		}
		if in.Live.Runner != nil {
			a.runners = append(a.runners, &runner{input: in, stats: stats, log: log, health: h, emit: emit})
		}
		if in.Live.Gatherer != nil {
			a.pollers = append(a.pollers, newPoller(in, c.Host, stats, h, emit))
		}
	}
	return a
}

func takesEvents(all []Output) bool {
	return slices.ContainsFunc(all, func(o Output) bool {
		_, takes := o.Output.(outputs.EventWriter)
		return takes
	})
}

// Unclaimed returns the inputs that are there for events, where no output takes events.
func (c *Config) Unclaimed() (ids []string) {
	for _, in := range c.Inputs {
		if in.Live.Runner != nil && !takesEvents(c.Outputs) {
			ids = append(ids, in.ID)
		}
	}
	return ids
}

// emitSamples is emit where no output takes events. They are counted, and where they are what the input is there for, that
// is said once.
func (a *Agent) emitSamples(stats *selfstat.Input, log *slog.Logger, matters bool) emitter {
	var once sync.Once
	return func(ctx context.Context, b *telemetry.Batch, mayWait bool) {
		if n := len(b.Events); n > 0 {
			stats.Unclaimed.Add(int64(n))
			if matters {
				once.Do(func() {
					log.Warn("events are dropped, no output takes them; add redissearch or redis_streams to outputs")
				})
			}
		}
		a.emit(ctx, b, mayWait)
	}
}

// emitter hands over a batch. Only what comes from elsewhere may wait for room: an input that is asked on time may not.
type emitter func(ctx context.Context, b *telemetry.Batch, mayWait bool)

// emit hands a batch to every output that takes what is in it. Samples never wait: a full queue drops its oldest ones.
func (a *Agent) emit(ctx context.Context, b *telemetry.Batch, mayWait bool) {
	for _, w := range a.writers {
		w.push(b)
	}
	if len(b.Events) == 0 {
		return
	}
	a.stamp(b)
	e := newEventList(b.Events)
	for _, w := range a.writers {
		w.pushEvents(ctx, e, mayWait)
	}
}

// teller makes events of what befalls an input, for the outputs that take them: its errors stand beside the lines that
// it would have collected.
func (a *Agent) teller(in Input) tell {
	return func(severity telemetry.Severity, message string) {
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		b.Events = []telemetry.Event{{Severity: severity, Host: a.cfg.Host, App: "rtcollector", Message: in.ID + ": " + message}}
		in.attribute(b)
		a.emit(context.Background(), b, false)
	}
}

// stamp completes events before anything else sees them, so that every output gives them the same identity.
func (a *Agent) stamp(b *telemetry.Batch) {
	n := uint64(len(b.Events))
	seq := a.events.Add(n) - n
	for i := range b.Events {
		e := &b.Events[i]
		seq++
		e.Seq = seq
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
	}
}

// attribute says which input events came from, unless the input knows better.
func (in *Input) attribute(b *telemetry.Batch) {
	source, _, _ := strings.Cut(in.ID, "#") // the alias
	for i := range b.Events {
		if e := &b.Events[i]; e.Source == "" {
			e.Source = source
		}
	}
}

// Run works until ctx is done, then stops the inputs, writes out what is buffered and closes the outputs, all within
// Config.Grace. A gather that is running when ctx ends has a quarter of that to complete, so that its samples are not
// lost. The error says what was lost, or which input or output did not stop.
func (a *Agent) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	gathers, endGathers := context.WithCancel(life)
	start := time.Now()
	inputsDone := make(chan struct{})
	var inputs, writers group
	for _, w := range a.writers {
		writers.run(w.id, func() { w.run(life, start, inputsDone) })
	}
	for _, p := range a.pollers {
		inputs.run(p.input.ID, func() { p.run(ctx, gathers, start) })
	}
	for _, r := range a.runners {
		inputs.run(r.input.ID, func() { r.run(ctx) })
	}
	<-ctx.Done()

	var errs []error
	deadline := time.Now().Add(a.cfg.Grace)
	defer time.AfterFunc(a.cfg.Grace/4, endGathers).Stop()
	for _, id := range inputs.wait(a.cfg.Grace / 2) {
		errs = append(errs, fmt.Errorf("input %s did not stop", id))
	}
	close(inputsDone)
	stuck := writers.wait(time.Until(deadline))
	end()
	if len(stuck) > 0 {
		stuck = writers.wait(time.Second) // those that honour their context return now
	}
	for _, id := range stuck {
		errs = append(errs, fmt.Errorf("output %s did not stop", id))
	}
	return errors.Join(append(errs, a.lost()...)...)
}

// lost gives up what is still buffered and says how much that is.
func (a *Agent) lost() []error {
	var errs []error
	for _, w := range a.writers {
		samples, lines := w.stats.Samples.Count.Load(), w.stats.Events.Count.Load()
		w.stats.Dropped.Add(samples + lines)
		if samples > 0 {
			errs = append(errs, fmt.Errorf("output %s: %d samples were still buffered and are lost", w.id, samples))
		}
		if lines > 0 {
			errs = append(errs, fmt.Errorf("output %s: %d events were still buffered and are lost", w.id, lines))
		}
	}
	return errs
}

// group joins goroutines that have names.
type group struct {
	mu      sync.Mutex
	running []string
	changed chan struct{}
}

func (g *group) run(name string, f func()) {
	g.mu.Lock()
	g.running = append(g.running, name)
	if g.changed == nil {
		g.changed = make(chan struct{}, 1)
	}
	g.mu.Unlock()
	go func() {
		defer g.done(name)
		f()
	}()
}

func (g *group) done(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, n := range g.running {
		if n == name {
			g.running = append(g.running[:i], g.running[i+1:]...)
			break
		}
	}
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// wait blocks until all have ended, or for d; it returns the names of those that still run.
func (g *group) wait(d time.Duration) []string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		g.mu.Lock()
		left := append([]string(nil), g.running...)
		g.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-g.changed:
		case <-timer.C:
			return left
		}
	}
}

// sleep waits for d and reports whether it did: false means ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
