package plugintest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Emitted collects what a Runner emits. It is a plugins.Emitter.
type Emitted struct {
	mu      sync.Mutex
	batches []*telemetry.Batch
	events  int
}

// Emit implements plugins.Emitter.
func (e *Emitted) Emit(_ context.Context, b *telemetry.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.batches = append(e.batches, b)
	e.events += len(b.Events)
}

// Events returns how many events were emitted.
func (e *Emitted) Events() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.events
}

// WaitEvents waits until at least n events were emitted.
func (e *Emitted) WaitEvents(t testing.TB, n int) {
	t.Helper()
	servicetest.Until(t, fmt.Sprintf("%d events were emitted", n), func(context.Context) error {
		if got := e.Events(); got < n {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}

// checkBatches checks the emitted batches as if they were gathered.
func (e *Emitted) checkBatches(t reporter, c Case) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.batches {
		c.checkBatch(t, b)
	}
}

// startRunner runs an input until the test ends. It must return without an error then.
func startRunner(t *testing.T, r plugins.Runner) *Emitted {
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := &Emitted{}, make(chan error, 1)
	go func() { ended <- r.Run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return out
}

// checkStops checks that an input returns without an error if its context is done from the beginning.
func checkStops(t *testing.T, r plugins.Runner) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx, &Emitted{}); err != nil {
		t.Errorf("run with a finished context: %v", err)
	}
}
