// Package outputtest is what every output must pass, whatever it writes to. For those that write to Redis it has the server,
// and the states in which that refuses them.
package outputtest

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/secrets"
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
	t.Run("documented", func(t *testing.T) { documented(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { sampleDecodes(t, c.Definition) })
	t.Run("unknown key", func(t *testing.T) { refusesUnknown(t, c.Definition) })
	if !c.Definition.Runs(runtime.GOOS) {
		return
	}
	t.Run("life", func(t *testing.T) { life(t, c) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, c) })
}

// documented: every key stands in the README as `key`, and there is a summary.
func documented(t *testing.T, d outputs.Definition) {
	if d.Name() == "" || d.Summary() == "" || d.Sample() == "" {
		t.Error("name, summary or the README's yaml block is missing")
	}
	for _, key := range conf.Keys(d.Defaults()) {
		if !strings.Contains(d.Readme(), "`"+key+"`") {
			t.Errorf("the README does not name `%s`", key)
		}
	}
}

// sampleDecodes: the README's first yaml block can be pasted below "outputs:", and is about this output.
func sampleDecodes(t *testing.T, d outputs.Definition) {
	var items []map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(d.Sample()), &items); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, item := range items {
		for name, node := range item {
			if name != d.Name() {
				continue
			}
			found = true
			var ps conf.Problems
			d.Decode(&ps, &node, name)
			if len(ps) > 0 {
				t.Errorf("the sample has problems: %v", ps)
			}
		}
	}
	if !found {
		t.Errorf("the sample configures no %s", d.Name())
	}
}

func decode(t *testing.T, d outputs.Definition, text string) (outputs.Built, conf.Problems) {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var node *yaml.Node
	if len(n.Content) > 0 {
		node = n.Content[0]
	}
	var ps conf.Problems
	return d.Decode(&ps, node, d.Name()), ps
}

func refusesUnknown(t *testing.T, d outputs.Definition) {
	if _, ps := decode(t, d, "no_such_key: 1"); ps.Err() == nil {
		t.Error("accepts a key that does not exist")
	}
	if _, ps := decode(t, d, ""); ps.Err() != nil {
		t.Errorf("defaults are not valid: %v", ps)
	}
}

// build makes the live output. Its log and what it prints are thrown away.
func build(t *testing.T, c Case) outputs.Output {
	t.Helper()
	b, ps := decode(t, c.Definition, c.Config)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	out, err := b.New(outputs.Env{
		ID: c.Definition.Name(), Slot: 0, Host: "conformance", Instance: "conform0", Log: slog.New(slog.DiscardHandler),
		Secrets: secrets.Env{}, Stdout: &bytes.Buffer{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
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
