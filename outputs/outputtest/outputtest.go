// Package outputtest is what every output must pass, whatever it writes to. For those that write to Redis it has the server,
// and the states in which that refuses them.
package outputtest

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Case is an output and a configuration with which it can really be opened here.
type Case struct {
	Definition outputs.Definition
	Config     string // YAML of its keys; "" are the defaults
}

// Run checks the output: its documentation covers its configuration, its sample decodes, what it does not know it
// refuses, and alive it keeps to the contract.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("config", func(t *testing.T) { catalogtest.CheckConfig(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { catalogtest.CheckSample(t, c.Definition) })
	if !c.Definition.Runs(runtime.GOOS) {
		return
	}
	t.Run("life", func(t *testing.T) { life(t, c) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, c) })
}

// build makes the live output. Its log and what it prints are thrown away.
func build(t *testing.T, c Case) outputs.Output {
	t.Helper()
	return catalogtest.Build(t, c.Definition, c.Config, outputs.Env{
		ID: c.Definition.Name(), Host: "conformance", Instance: "conform0", Log: slog.New(slog.DiscardHandler),
		Secrets: secret.Env{}, Stdout: &bytes.Buffer{},
	})
}

func batches() []*telemetry.Batch {
	f := telemetry.NewFactory("conformance", "outputtest", map[string]string{"tag": "a,(b)"}, 1)
	at := time.UnixMilli(1_700_000_000_000)
	b := telemetry.NewBatch(at, at, 3)
	b.Add(f.Gauge("outputtest_gauge", telemetry.Percent, telemetry.Label{Key: "mount", Value: "/a b"}), 1.5)
	b.AddAt(f.Gauge("outputtest_other", telemetry.None), 2, at.UnixMilli()-1)
	return []*telemetry.Batch{b, telemetry.NewBatch(at.Add(time.Second), at, 0)}
}

// write writes to an output whatever it takes, twice: a write may be repeated.
func write(ctx context.Context, out outputs.Output) error {
	for range 2 {
		if w, ok := out.(outputs.MetricWriter); ok {
			if err := w.WriteMetrics(ctx, batches()); err != nil {
				return err
			}
		}
		if w, ok := out.(outputs.EventWriter); ok {
			event := telemetry.Event{Time: time.UnixMilli(1_700_000_000_000), Host: "conformance", Message: "outputtest"}
			if err := w.WriteEvents(ctx, []telemetry.Event{event}); err != nil {
				return err
			}
		}
	}
	return nil
}

// life: an output opens, writes and closes, leaves no goroutine, and closes also when it was never opened.
func life(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	if err := build(t, c).Close(); err != nil {
		t.Errorf("close what was never opened: %v", err)
	}
	out := build(t, c)
	_, metrics := out.(outputs.MetricWriter)
	_, events := out.(outputs.EventWriter)
	if !metrics && !events {
		t.Error("takes neither samples nor events")
	}
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), out); err != nil {
		t.Errorf("write: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	goleak.VerifyNone(t, ignore)
}

// cancelled: a write under a context that has ended returns, with an error, and the next one works.
func cancelled(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	out := build(t, c)
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := write(ctx, out); err == nil {
		t.Error("a write under a context that has ended reports success")
	}
	if err := write(t.Context(), out); err != nil {
		t.Errorf("the write after it: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	goleak.VerifyNone(t, ignore)
}
