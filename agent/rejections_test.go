package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// impossibleInput is an input with two series: one always has an impossible value, the other has two samples in every gather.
type impossibleInput struct{ hot, twice *telemetry.Series }

func (o *impossibleInput) Gather(_ context.Context, out *telemetry.Batch) error {
	out.Add(o.hot, 3892313.987)
	out.Add(o.twice, 1)
	out.Add(o.twice, 2)
	return nil
}

func newImpossibleInput() *impossibleInput {
	f := telemetry.NewFactory("h", "odd", nil)
	return &impossibleInput{f.Gauge("hot", telemetry.Celsius), f.Gauge("twice", telemetry.None)}
}

// Impossible samples are counted in each gather. The log has one line for each series, with its name and value.
func TestImpossibleSamplesAreCountedAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSetup(), &fakeServer{}
		w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "odd", Interval: time.Second, Build: buildInput(plugins.Input{Gatherer: newImpossibleInput()})})
		w.addOutput("redis", s)
		if err := w.runFor(9500 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if got, gathers := w.inputStats(0).Implausible.Load(), w.inputStats(0).Gathers.Load(); gathers == 0 || got != 2*gathers {
			t.Errorf("%d samples rejected in %d gathers", got, gathers)
		}
		w.checkLogged(t, "sample left out", 2)
		w.checkLogged(t, `hot{host=\"h\",source=\"odd\",unit=\"celsius\"}" value=3.892313987e+06 reason="the value is impossible"`, 1)
		w.checkLogged(t, `reason="the series already has a sample in this gather"`, 1)
		for key := range s.writeCounts {
			if key[0] == 'h' {
				t.Errorf("written: %s", key)
			}
		}
	})
}

// Once logs impossible samples, so that the user knows why a series is missing.
func TestOnceReportsImpossibleSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSetup()
		w.cfg.Inputs = append(w.cfg.Inputs, Input{ID: "odd", Interval: time.Second, Build: buildInput(plugins.Input{Gatherer: newImpossibleInput()})})
		if got := newAgent(w.cfg).Once(t.Context(), time.Second); len(got) != 1 || got[0].Batch.Len() != 1 {
			t.Errorf("%v", got)
		}
		w.checkLogged(t, "sample left out", 2)
	})
}
