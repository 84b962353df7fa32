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
// Apply returns when the removed and replaced inputs and outputs have stopped, and waits for none of them longer than
// Config.Grace. The error names those that did not stop, and states what a removed output could not write, which is also
// counted as dropped, unless it is kept on disk. Disk, Run, Host, Grace, Self and Log of c are ignored: those of [New] stay. Apply may be called from any
// goroutine, also while Run is running; calls are serialized.
func (a *Agent) Apply(c Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return errors.New("the agent is stopping")
	}
	if c.Disk != a.disk {
		a.log.Warn("a changed buffer on disk takes effect at the next start", "path", c.Disk.Path)
	}
	newOutputs, err := a.buildOutputs(c)
	if err != nil {
		return err
	}
	newInputs, err := a.buildInputs(c)
	if err != nil {
		a.releaseSlots(newOutputs)
		return err
	}
	return errors.Join(append(a.switchOutputs(c, newOutputs), a.switchInputs(c, newInputs)...)...)
}

// builtOutput is a new output that is not part of the agent yet.
type builtOutput struct {
	out  outputs.Output
	slot telemetry.Slot
}

// buildOutputs builds the outputs of c that are new or changed, by ID.
func (a *Agent) buildOutputs(c Config) (map[string]builtOutput, error) {
	all := map[string]builtOutput{}
	for _, spec := range c.Outputs {
		if old := a.writer(spec.ID); old != nil && old.settings == spec.Settings && old.limits == c.Limits {
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

// equals reports whether two descriptions are of the same input with the same settings.
func (i Input) equals(other Input) bool {
	return i.ID == other.ID && i.Settings == other.Settings && i.Interval == other.Interval && i.Timeout == other.Timeout &&
		i.WhenFull == other.WhenFull
}

func (a *Agent) writer(id string) *writer {
	writers := a.router.set().writers
	if i := slices.IndexFunc(writers, func(w *writer) bool { return w.id == id }); i >= 0 {
		return writers[i]
	}
	return nil
}

func (a *Agent) input(id string) *input {
	if i := slices.IndexFunc(a.inputs, func(in *input) bool { return in.spec.ID == id }); i >= 0 {
		return a.inputs[i]
	}
	return nil
}

// switchOutputs replaces the set of outputs and stops those that are no longer in it.
func (a *Agent) switchOutputs(c Config, built map[string]builtOutput) (errs []error) {
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
	for _, old := range olds {
		if successor := replaced[old]; successor != nil {
			errs = append(errs, a.handOver(old, successor))
			a.startWriter(successor, time.Now())
		} else if !slices.Contains(writers, old) {
			errs = append(errs, a.removeWriter(old)...)
		}
	}
	return errs
}

// handOver ends an output whose queues its successor has.
func (a *Agent) handOver(old, successor *writer) error {
	var err error
	if a.running != nil {
		old.cancel()
		if err = a.waitStopped(old.done, a.grace, "output", old.id); err == nil {
			a.slots.Release(old.slot)
		}
	}
	successor.resizeQueues()
	return errors.Join(append(successor.dropOrphans(old), err)...)
}

// removeWriter lets an output write out its queues, closes it and forgets it.
func (a *Agent) removeWriter(w *writer) (errs []error) {
	if a.running != nil {
		close(w.drain)
		err := a.waitStopped(w.done, a.grace/2, "output", w.id)
		if err != nil {
			w.cancel()
			err = a.waitStopped(w.done, a.grace/2, "output", w.id)
		}
		if err == nil {
			a.slots.Release(w.slot)
		}
		errs = append(errs, err)
	}
	errs = append(errs, w.giveUp()...)
	if samples, events := w.stats.SampleDisk.Count.Load(), w.stats.EventDisk.Count.Load(); samples+events > 0 {
		w.log.Warn("the output was removed; what it could not write is kept on disk: configure it again to write it, or delete its folder",
			keySamples, samples, "events", events, "folder", a.disk.Path)
	}
	a.self.RemoveOutput(w.stats)
	return errs
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
	for _, old := range a.inputs {
		if slices.Contains(inputs, old) {
			continue
		}
		if a.running != nil {
			errs = append(errs, a.stopInput(old))
		}
		if !slices.ContainsFunc(c.Inputs, func(spec Input) bool { return spec.ID == old.spec.ID }) {
			a.self.RemoveInput(old.stats)
		}
	}
	a.inputs = inputs
	start := time.Now()
	for _, in := range inputs {
		if a.running != nil && in.ctx == nil {
			a.startInput(in, start)
		}
	}
	return errs
}

// stopInput ends an input. A gather that is running has a quarter of the grace to complete.
func (a *Agent) stopInput(in *input) error {
	in.cancel()
	defer time.AfterFunc(a.grace/4, in.cancelGathers).Stop()
	return a.waitStopped(in.done, a.grace, "input", in.spec.ID)
}

// waitStopped waits until done is closed, for at most d. When the agent is told to stop it does not wait, because Run then has
// the grace for everything that still runs.
func (a *Agent) waitStopped(done <-chan struct{}, d time.Duration, kind, id string) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-a.running.stop.Done():
	case <-timer.C:
	}
	return fmt.Errorf("%s %s did not stop", kind, id)
}
