package agent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// Apply changes the agent to what c describes. Inputs and outputs whose description is unchanged continue undisturbed: they
// miss no tick, keep their connections and listeners, and outputs keep what they cached for their series. The others are
// built first; if one cannot be built, nothing changes and the error names it. Then
//
//   - a new output starts;
//   - a replaced output ends its current write and is closed; its successor continues with its queues and statistics;
//   - a removed output gets no more data, writes out its queues and is closed;
//   - a replaced or removed input stops and is closed before its successor opens, because both may use the same port.
//
// Apply returns when the removed and replaced inputs and outputs have stopped, and waits for the outputs and then for the
// inputs no longer than Config.Grace. The error is a [*RefusedError] if nothing was changed. Otherwise it names those that did
// not stop, and states what a removed output could not write, which is also counted as dropped,
// unless it is kept on disk. Disk, Run, Grace, Self and Log of c are ignored: those of [New] stay. Apply may be called from any goroutine,
// also while Run is running; calls are serialized.
func (a *Agent) Apply(c Config) error {
	a.changes.Lock()
	defer a.changes.Unlock()
	if a.stopped {
		return &RefusedError{errors.New("the agent is stopping")}
	}
	if c.Disk != a.disk {
		a.log.Warn("a changed buffer on disk takes effect at the next start", "path", c.Disk.Path)
	}
	newOutputs, err := a.buildOutputs(c)
	if err != nil {
		return &RefusedError{err}
	}
	newInputs, err := a.buildInputs(c)
	if err != nil {
		a.releaseSlots(newOutputs)
		return &RefusedError{err}
	}
	a.host = c.Host
	return errors.Join(append(a.switchOutputs(c, newOutputs), a.switchInputs(c, newInputs)...)...)
}

// RefusedError is the error of an [Agent.Apply] that has changed nothing.
type RefusedError struct{ err error }

func (e *RefusedError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.err }

// builtOutput is a new output that is not part of the agent yet.
type builtOutput struct {
	out  outputs.Output
	slot telemetry.Slot
}

// buildOutputs builds the outputs of c that are new or changed, by ID.
func (a *Agent) buildOutputs(c Config) (map[string]builtOutput, error) {
	all := map[string]builtOutput{}
	for _, spec := range c.Outputs {
		if old := a.writer(spec.ID); old != nil && sameOutput(Output{ID: old.id, Settings: old.settings}, spec, old.limits, c.Limits) {
			continue
		}
		b := builtOutput{slot: a.slots.Acquire()}
		err := crew.Catch(func() (err error) {
			b.out, err = spec.Build(b.slot)
			return err
		})
		all[spec.ID] = b
		if err != nil {
			a.releaseSlots(all)
			return nil, fmt.Errorf("output %s: %w", spec.ID, err)
		}
	}
	return all, nil
}

func (a *Agent) releaseSlots(all map[string]builtOutput) {
	for _, b := range all {
		a.slots.Release(b.slot)
	}
}

// buildInputs builds the inputs of c that are new or changed, by ID.
func (a *Agent) buildInputs(c Config) (map[string]plugins.Input, error) {
	all := map[string]plugins.Input{}
	for _, spec := range c.Inputs {
		if old := a.input(spec.ID); old != nil && old.spec.equals(spec) {
			continue
		}
		err := crew.Catch(func() (err error) {
			all[spec.ID], err = spec.Build()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", spec.ID, err)
		}
	}
	return all, nil
}

func (a *Agent) writer(id string) *writer {
	writers := a.router.set().writers
	if i := slices.IndexFunc(writers, func(w *writer) bool { return w.id == id }); i >= 0 {
		return writers[i]
	}
	return nil
}

func (a *Agent) input(id string) *input {
	inputs := a.allInputs()
	if i := slices.IndexFunc(inputs, func(in *input) bool { return in.spec.ID == id }); i >= 0 {
		return inputs[i]
	}
	return nil
}

// switchOutputs replaces the set of outputs and stops those that are no longer in it.
func (a *Agent) switchOutputs(c Config, built map[string]builtOutput) []error {
	var writers []*writer
	replaced := map[*writer]*writer{} // old → new
	for _, spec := range c.Outputs {
		old := a.writer(spec.ID)
		b, isNew := built[spec.ID]
		if !isNew {
			writers = append(writers, old)
			continue
		}
		w := newWriter(spec, b.out, b.slot, c.Limits, a, old)
		writers = append(writers, w)
		if old != nil {
			replaced[old] = w
		}
	}
	olds := a.router.set().writers
	a.router.outputs.Store(newOutputSet(writers))
	for _, w := range writers {
		if !slices.ContainsFunc(olds, func(old *writer) bool { return old.id == w.id }) {
			a.startWriter(w, time.Now())
		}
	}
	for _, old := range olds { // all are told before one is waited for
		switch {
		case a.running == nil:
		case replaced[old] != nil:
			old.cancel()
		case !slices.Contains(writers, old):
			close(old.drain)
		}
	}
	deadline := time.Now().Add(a.grace)
	failures := make([]error, len(olds))
	var all crew.Crew
	for i, old := range olds { // side by side, because each may take its time
		switch successor := replaced[old]; {
		case successor != nil:
			all.Go(func() { failures[i] = a.handOver(old, successor, deadline) })
		case !slices.Contains(writers, old):
			all.Go(func() { failures[i] = a.removeWriter(old, deadline) })
		}
	}
	all.Wait()
	return failures
}

// handOver waits until an output is closed, and starts its successor, which has its queues.
func (a *Agent) handOver(old, successor *writer, deadline time.Time) error {
	var err error
	if a.running != nil {
		if err = a.waitStopped(old.closed, deadline, "output", old.id); err == nil {
			a.slots.Release(old.slot)
		}
	}
	successor.resizeQueues()
	a.startWriter(successor, time.Now())
	lost, _ := a.giveUp(successor.orphans(old))
	return errors.Join(append(lost, err)...)
}

// removeWriter waits until an output has written out its queues, for half of the time, and forgets it.
func (a *Agent) removeWriter(w *writer, deadline time.Time) error {
	var err error
	if a.running != nil {
		defer w.cancel()
		err = a.waitStopped(w.closed, deadline.Add(-a.grace/2), "output", w.id)
		if err != nil {
			w.cancel()
			err = a.waitStopped(w.closed, deadline, "output", w.id)
		}
		if err == nil {
			a.slots.Release(w.slot)
		}
	}
	lost, _ := a.giveUp(w.remains())
	if samples, events := w.stats.SampleDisk.Count.Load(), w.stats.EventDisk.Count.Load(); samples+events > 0 {
		w.log.Warn("the output was removed; what it could not write is kept on disk: configure it again to write it, or delete its folder",
			keySamples, samples, "events", events, "folder", a.disk.Path)
	}
	a.self.RemoveOutput(w.stats)
	return errors.Join(append(lost, err)...)
}

// switchInputs replaces the inputs.
func (a *Agent) switchInputs(c Config, built map[string]plugins.Input) (errs []error) {
	var inputs []*input
	for _, spec := range c.Inputs {
		old := a.input(spec.ID)
		live, isNew := built[spec.ID]
		if !isNew {
			inputs = append(inputs, old)
			continue
		}
		var stats *selfstat.Input
		if old != nil {
			stats = old.stats
		} else {
			stats = a.self.NewInput(spec.ID)
		}
		inputs = append(inputs, newInput(spec, live, stats, a))
	}
	leaving := slices.DeleteFunc(slices.Clone(a.allInputs()), func(old *input) bool { return slices.Contains(inputs, old) })
	if a.running != nil {
		errs = a.stopInputs(leaving)
	}
	for _, old := range leaving {
		if !slices.ContainsFunc(c.Inputs, func(spec Input) bool { return spec.ID == old.spec.ID }) {
			a.self.RemoveInput(old.stats)
		}
	}
	a.inputs.Store(&inputs)
	start := time.Now()
	for _, in := range inputs {
		if a.running != nil && in.ctx == nil {
			a.startInput(in, start)
		}
	}
	return errs
}

// stopInputs ends inputs. Gathers that are running have a quarter of the grace to complete.
func (a *Agent) stopInputs(inputs []*input) (errs []error) {
	for _, in := range inputs {
		in.cancel()
	}
	defer time.AfterFunc(a.grace/4, func() {
		for _, in := range inputs {
			in.cancelGathers()
		}
	}).Stop()
	deadline := time.Now().Add(a.grace)
	for _, in := range inputs {
		err := a.waitStopped(in.done, deadline, "input", in.spec.ID)
		if err == nil {
			in.cancelGathers() // frees the context, which would stay with its parent
		}
		errs = append(errs, err)
	}
	return errs
}

// waitStopped waits until done is closed, or until the deadline. When the agent is told to stop it does not wait, because Run then
// has the grace for everything that still runs.
func (a *Agent) waitStopped(done <-chan struct{}, deadline time.Time, kind, id string) error {
	if isDone(done) { // also if the deadline has passed
		return nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-a.running.stop.Done():
	case <-timer.C:
	}
	return &StuckError{kind, id}
}
