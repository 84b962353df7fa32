package plugintest

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/sysinfo/sysinfotest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// testTag is a tag of the user, which all series have.
const testTag = "environment"

// Env returns an environment for the input called name, whose files are in the tree dir (see [hostfs.At]), or those of this machine
// if dir is "". The functions change it.
func Env(name, dir string, change ...func(*plugins.Env)) plugins.Env {
	root := hostfs.FromEnv(func(string) string { return "" })
	if dir != "" {
		root = hostfs.At(dir)
	}
	env := plugins.Env{
		ID:       name,
		Factory:  telemetry.NewFactory("testhost", name, map[string]string{testTag: "test"}),
		Log:      slog.New(slog.DiscardHandler),
		FS:       root,
		Self:     &selfstat.Registry{},
		Interval: 10 * time.Second,
	}
	for _, c := range change {
		c(&env)
	}
	return env
}

// Files writes files below dir and returns dir. If dir is "", it makes a directory that is removed with the test.
func Files(tb testing.TB, dir string, files map[string]string) string {
	tb.Helper()
	if dir == "" {
		dir = tb.TempDir()
	}
	for name, content := range files {
		writeFile(tb, filepath.Join(dir, name), []byte(content))
	}
	return dir
}

// Lay copies the files of a tree to dir and overwrites existing files.
func Lay(tb testing.TB, dir, tree string) {
	tb.Helper()
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(tree, path)
		writeFile(tb, filepath.Join(dir, name), content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func writeFile(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Decode decodes a YAML configuration of the input's own keys. Config may be empty.
func Decode(tb testing.TB, def plugins.Definition, config string) (plugins.Built, conf.Problems) {
	tb.Helper()
	return catalogtest.Decode(tb, def, config)
}

// Probe is a live input that the test gathers from at chosen instants.
type Probe struct {
	Input plugins.Input

	tb     testing.TB
	player *sysinfotest.Player // of a recorded host; nil: the input reads files
}

// OfHost starts an input with a recorded host (see sysinfotest).
func OfHost(tb testing.TB, def plugins.Definition, config, recording string) *Probe {
	tb.Helper()
	player := playHost(tb, recording)
	p := Start(tb, def, config, Env(def.Name(), "", func(e *plugins.Env) { e.Host = player.Host }))
	p.player = player
	return p
}

// Play replaces the recorded host.
func (p *Probe) Play(recording string) {
	p.tb.Helper()
	p.player.Play(readHost(p.tb, recording))
}

// Start builds an input from YAML and opens it if it is an Opener. It is closed with the test.
func Start(tb testing.TB, def plugins.Definition, config string, env plugins.Env) *Probe {
	tb.Helper()
	in := catalogtest.Build(tb, def, config, env)
	live := any(in.Gatherer)
	if in.Runner != nil {
		live = in.Runner
	}
	if o, ok := live.(plugins.Opener); ok {
		if err := o.Open(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	if c, ok := live.(io.Closer); ok {
		tb.Cleanup(func() { _ = c.Close() })
	}
	return &Probe{Input: in, tb: tb}
}

// Batch gathers. Second is the time after a fixed instant, in seconds.
func (p *Probe) Batch(second float64) (*telemetry.Batch, error) {
	return p.gatherBatch(p.tb.Context(), second)
}

// Batches gathers several times without an error. Seconds are as for [Probe.Batch].
func (p *Probe) Batches(seconds ...float64) (batches []*telemetry.Batch) {
	p.tb.Helper()
	for _, second := range seconds {
		b, err := p.Batch(second)
		if err != nil {
			p.tb.Fatal(err)
		}
		batches = append(batches, b)
	}
	return batches
}

func (p *Probe) gatherBatch(ctx context.Context, second float64) (*telemetry.Batch, error) {
	b := newBatch(second)
	return b, p.Input.Gatherer.Gather(ctx, b)
}

// Rotated checks that the next connection uses a rotated password. The configuration must refer to a secret, whose value is wrong
// at first.
func Rotated(tb testing.TB, def plugins.Definition, config, right string) {
	tb.Helper()
	store := &servicetest.Secret{Value: "wrong"}
	p := Start(tb, def, config, Env(def.Name(), "", func(e *plugins.Env) { e.Secrets = store }))
	if _, err := p.Batch(0); err == nil {
		tb.Error("a wrong password was accepted")
	}
	store.Value = right
	if _, err := p.Batch(10); err != nil {
		tb.Error(err)
	}
}

// Within is Batch with a timeout.
func (p *Probe) Within(patience time.Duration, second float64) (*telemetry.Batch, error) {
	ctx, cancel := context.WithTimeout(p.tb.Context(), patience)
	defer cancel()
	return p.gatherBatch(ctx, second)
}

func newBatch(second float64) *telemetry.Batch {
	at := time.Unix(1_700_000_000, 0).Add(time.Duration(second * float64(time.Second)))
	return telemetry.NewBatch(at, at, 1024)
}

// Gather is Batch, but returns the values by bare key ("net_rx_bytes_eth0"). An error fails the test.
func (p *Probe) Gather(second float64) map[string]float64 {
	p.tb.Helper()
	b, err := p.Batch(second)
	if err != nil {
		p.tb.Errorf("gather: %v", err)
	}
	return ByKey(b)
}

// Cost benchmarks gathers. It reports the CPU time of this process, without that of services, and the number of samples.
func Cost(b *testing.B, p *Probe) {
	samples := 0
	gather := func() {
		now := time.Now()
		out := telemetry.NewBatch(now, now, 1024)
		if err := p.Input.Gatherer.Gather(b.Context(), out); err != nil {
			b.Fatal(err)
		}
		samples = out.Len()
	}
	gather()
	b.ReportAllocs()
	servicetest.LoopWithCPU(b, gather)
	b.ReportMetric(float64(samples), "samples")
}

// ByKey returns a batch's values by [telemetry.Series.BareKey].
func ByKey(b *telemetry.Batch) map[string]float64 {
	return valuesBy(b, (*telemetry.Series).BareKey)
}

// BySeries returns a batch's values by [telemetry.Series.String].
func BySeries(b *telemetry.Batch) map[string]float64 {
	return valuesBy(b, (*telemetry.Series).String)
}

// Without returns the values with a part removed from their keys.
func Without(values map[string]float64, part string) map[string]float64 {
	m := make(map[string]float64, len(values))
	for key, v := range values {
		m[strings.Replace(key, part, "", 1)] = v
	}
	return m
}

// ByName returns a batch's values by [telemetry.Series.Name]. Of series with the same name the last one counts.
func ByName(b *telemetry.Batch) map[string]float64 {
	return valuesBy(b, (*telemetry.Series).Name)
}

func valuesBy(b *telemetry.Batch, key func(*telemetry.Series) string) map[string]float64 {
	m := make(map[string]float64, b.Len())
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		m[key(s)] = v
	}
	return m
}
