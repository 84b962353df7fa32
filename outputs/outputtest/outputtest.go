// Package outputtest holds what every output must pass, whatever it writes to. For outputs that write to Redis it also has the
// server, and states in which the server refuses writes.
package outputtest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Case is an output and a configuration with which it can be opened here.
type Case struct {
	Definition outputs.Definition
	Config     string                    // YAML of its keys; "" for the defaults
	Stored     func(*testing.T) []string // what its destination holds because of samples, sorted; nil if that cannot be asked
}

// Run checks an output: its documentation covers its configuration, its sample configuration decodes, it refuses unknown keys,
// and the running output keeps to the contract.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("config", func(t *testing.T) { catalogtest.CheckConfig(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { catalogtest.CheckSample(t, c.Definition) })
	if !c.Definition.Runs(runtime.GOOS) {
		return
	}
	t.Run("life", func(t *testing.T) { life(t, c) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, c) })
	t.Run("ended series", func(t *testing.T) { ended(t, c) })
}

// build makes the live output. Its log and what it prints are dropped.
func build(t *testing.T, c Case) outputs.Output {
	t.Helper()
	return buildPrinting(t, c, io.Discard)
}

func buildPrinting(t *testing.T, c Case, stdout io.Writer) outputs.Output {
	t.Helper()
	return catalogtest.Build(t, c.Definition, c.Config, outputs.Env{
		ID: c.Definition.Name(), Host: "conformance", Instance: "conform0", Log: slog.New(slog.DiscardHandler),
		Secrets: secret.Env{}, Stdout: stdout,
	})
}

func batches() []*telemetry.Batch {
	f := telemetry.NewFactory("conformance", "outputtest", map[string]string{"tag": "a,(b)"})
	at := time.UnixMilli(1_700_000_000_000)
	b := telemetry.NewBatch(at, at, 3)
	b.Add(f.Gauge("outputtest_gauge", telemetry.Percent, telemetry.Label{Key: "mount", Value: "/a b"}), 1.5)
	b.AddAt(f.Gauge("outputtest_other", telemetry.None), 2, at.UnixMilli()-1)
	return []*telemetry.Batch{b, telemetry.NewBatch(at.Add(time.Second), at, 0)}
}

// write writes what the output accepts. It writes everything twice, because a write may be repeated.
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

// life checks that an output opens, writes and closes, leaves no goroutine, and also closes if it was never opened.
func life(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	if err := build(t, c).Close(); err != nil {
		t.Errorf("close an output that was never opened: %v", err)
	}
	out := build(t, c)
	_, metrics := out.(outputs.MetricWriter)
	_, events := out.(outputs.EventWriter)
	if !metrics && !events {
		t.Error("accepts neither samples nor events")
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

// cancelled checks that a write whose context has ended returns an error, and that the next one works.
func cancelled(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	out := build(t, c)
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := write(ctx, out); err == nil {
		t.Error("a write whose context has ended reports success")
	}
	if err := write(t.Context(), out); err != nil {
		t.Errorf("the write after it: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	goleak.VerifyNone(t, ignore)
}

// ended checks that series which ended cause no error, and that nothing is printed or stored for them: neither in a batch with
// their last samples nor in a batch without samples.
func ended(t *testing.T, c Case) {
	var printed bytes.Buffer
	out := buildPrinting(t, c, &printed)
	w, ok := out.(outputs.MetricWriter)
	if !ok {
		return
	}
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write := func(b *telemetry.Batch) (text string, stored []string) {
		if err := w.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
			t.Errorf("write: %v", err)
		}
		defer printed.Reset()
		if c.Stored != nil {
			stored = c.Stored(t)
		}
		return printed.String(), stored
	}
	f := telemetry.NewFactory("conformance", "outputtest", nil)
	g, h := f.Gauge("outputtest_gauge", telemetry.Percent), f.Ephemeral(time.Hour).Gauge("outputtest_ephemeral", telemetry.Percent)
	at := time.UnixMilli(1_700_000_000_000)
	batch := func(end bool, values ...float64) *telemetry.Batch {
		b := telemetry.NewBatch(at, at, 2)
		for _, v := range values {
			b.Add(g, v)
			b.Add(h, v)
		}
		if end {
			b.End(g)
			b.End(h)
		}
		return b
	}
	before, stored := write(batch(false, 1))
	if after, same := write(batch(true, 1)); after != before || !slices.Equal(same, stored) {
		t.Errorf("a batch whose series end prints %q and leaves %q, want %q and %q", after, same, before, stored)
	}
	write(batch(false, 1))
	last := batch(true)
	empty, same := write(last)
	if nothing, _ := write(batch(false)); empty != nothing || !slices.Equal(same, stored) {
		t.Errorf("a batch of ended series prints %q and leaves %q, want %q and %q", empty, same, nothing, stored)
	}
	if len(last.Ended()) != 2 {
		t.Errorf("the output changed the batch")
	}
	write(batch(false, 2)) // the series begin again
	if err := out.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
