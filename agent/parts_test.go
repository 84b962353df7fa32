package agent

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// TestParts follows an input and an output through failures and recoveries.
func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		var inputFails, outputFails atomic.Bool
		outputFails.Store(true)
		w.addInput("in", time.Second, func(context.Context) error {
			if inputFails.Load() {
				return errors.New("refused")
			}
			return nil
		})
		w.addOutput("out", &fakeServer{open: func() error {
			if outputFails.Load() {
				return errors.New("is away")
			}
			return nil
		}})
		a := newAgent(w.cfg)
		expect := func(step, input, output, lastError string) {
			t.Helper()
			p := a.Parts()
			if len(p.Inputs) != 1 || len(p.Outputs) != 1 || p.Inputs[0].State != input || p.Outputs[0].State != output ||
				!strings.Contains(p.Inputs[0].LastError+p.Outputs[0].LastError, lastError) {
				t.Errorf("%s: %+v", step, p)
			}
		}
		expect("before the start", selfstat.Starting, selfstat.Starting, "")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		time.Sleep(5 * time.Second)
		expect("the output is away", selfstat.Works, selfstat.Failing, "is away")
		outputFails.Store(false)
		inputFails.Store(true)
		time.Sleep(time.Minute)
		expect("the input fails", selfstat.Failing, selfstat.Works, "input failed: refused")
		inputFails.Store(false)
		time.Sleep(2 * time.Second)
		expect("all work", selfstat.Works, selfstat.Works, "")
		if at := a.Parts().Inputs[0]; time.Since(at.Since) > 2*time.Second || time.Since(at.LastSuccess) > time.Second || at.LastErrorAt.After(at.Since) {
			t.Errorf("%+v", at)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestShrunkQueues: shorter queues drop their oldest, which is counted, until they are restored.
func TestShrunkQueues(t *testing.T) {
	w := newSetup()
	w.addOutput("out", &fakeServer{})
	a := newAgent(w.cfg)
	fill := func(n int) {
		for range n {
			b := telemetry.NewBatch(time.Now(), time.Now(), 0)
			b.Add(w.f.Gauge("x", telemetry.None), 1)
			a.router.emit(t.Context(), b, plugins.DropOldest)
		}
	}
	expect := func(step string, size, limit, dropped int64) {
		t.Helper()
		s := w.outputStats(0)
		if s.Samples.Size.Load() != size || s.Samples.Limit.Load() != limit || s.Dropped.Load() != dropped {
			t.Errorf("%s: %d of %d, %d dropped", step, s.Samples.Size.Load(), s.Samples.Limit.Load(), s.Dropped.Load())
		}
	}
	fill(4000)
	a.ShrinkQueues()
	expect("shrunk", 3000, 3000, 1000)
	fill(10)
	expect("full", 3000, 3000, 1010)
	for range 20 {
		a.ShrinkQueues()
	}
	expect("as short as possible", leastSamples, leastSamples, 3010)
	a.RestoreQueues()
	fill(10)
	expect("restored", leastSamples+10, 1_000_000, 3010)
	w.cfg.Buffer = 10
	if err := a.Apply(w.cfg); err != nil {
		t.Fatal(err)
	}
	a.ShrinkQueues()
	expect("a limit below the least", 10, 10, 4010)
}

// TestRefusedApply: an error that changed nothing can be told from one about what was left behind.
func TestRefusedApply(t *testing.T) {
	w := newSetup()
	a := newAgent(w.cfg)
	w.cfg.Inputs = []Input{{ID: "bad", Build: func() (plugins.Input, error) { return plugins.Input{}, errors.New("no") }}}
	var refused *RefusedError
	if err := a.Apply(w.cfg); !errors.As(err, &refused) || err.Error() != "input bad: no" {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	before := Config{Inputs: []Input{{ID: "a"}, {ID: "b"}, {ID: "c"}}, Outputs: []Output{{ID: "x"}}}
	now := Config{Inputs: []Input{{ID: "d"}, {ID: "c", Settings: "other"}, {ID: "a"}}, Outputs: []Output{{ID: "x"}}}
	got := Compare(before, now)
	if strings.Join(got.Inputs.Added, "") != "d" || strings.Join(got.Inputs.Changed, "") != "c" || strings.Join(got.Inputs.Removed, "") != "b" ||
		strings.Join(got.Inputs.Kept, "") != "a" || strings.Join(got.Outputs.Kept, "") != "x" || got.IsEmpty() || !Compare(now, now).IsEmpty() {
		t.Errorf("%+v", got)
	}
	now.Buffer = 1
	if got := Compare(before, now); strings.Join(got.Outputs.Changed, "") != "x" {
		t.Errorf("with other limits: %+v", got)
	}
}
