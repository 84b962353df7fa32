// Package plugintest has the conformance test that every input must pass, and helpers for tests of inputs, which gather from
// trees of recorded files.
//
// plugintest.go has the conformance test. config.go and metrics.go compare the input with its README, possible.go checks values, and
// impossible.go and mangle.go damage what the input reads. probe.go, runner.go and trees.go are for tests of single inputs, compare.go
// for comparisons with other programs, and http.go for inputs that read over HTTP.
package plugintest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/sysinfo/sysinfotest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Case is a situation that the input must handle.
type Case struct {
	Name       string
	Root       string                             // a tree of files, see hostfs.At; "": this machine
	Host       string                             // the name of a recording of a host without such files, see sysinfotest; in place of Root
	Then       string                             // a tree that is copied over Root, or replaces Host, before every second gather: what changes with time
	Config     string                             // YAML of the input's keys; "": the defaults
	Setup      func(t *testing.T, e *plugins.Env) // changes the environment before the input is built
	Error      string                             // a part of the error of every gather; "": no error
	SharedKeys bool                               // two series may share one bare key
	Feed       func(t *testing.T, out *Emitted)   // for a Runner: sends data to it and waits until it has emitted the events
	Allocs     float64                            // allowed allocations per gather, in addition to 0.1 per sample; 0 means 2
}

// Run checks an input: its configuration, its README and, on systems that it runs on, the gathers of each case. Cases with a Host run on
// every system. Every series must be documented as it is, and every documented metric must be gathered in one of the cases. A Runner runs
// meanwhile.
func Run(t *testing.T, def plugins.Definition, cases ...Case) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Run("config", func(t *testing.T) { checkConfig(t, def) })
	all := map[string]*telemetry.Series{}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { checkCase(t, def, c, all) })
		t.Run(c.Name+" mangled", func(t *testing.T) { checkMangled(t, def, c) })
		t.Run(c.Name+" impossible", func(t *testing.T) { checkImpossible(t, def, c) })
		t.Run(c.Name+" failing", func(t *testing.T) { checkFailing(t, def, c) })
	}
	if len(all) > 0 && !def.IsElsewhere(goos) { // elsewhere, the cases with files are skipped
		checkMetrics(t, def.Readme(), slices.Collect(maps.Values(all)))
	}
	goleak.VerifyNone(t, before)
}

// canReadFiles reports whether the input runs on this system and reads its files.
func canReadFiles(def plugins.Definition) bool { return def.Runs(goos) && !def.IsElsewhere(goos) }

// rounds is the number of gathers of a case: the first has no rates, and the last two see nothing new.
const rounds = 4

func checkCase(t *testing.T, def plugins.Definition, c Case, all map[string]*telemetry.Series) {
	p, dir := c.startProbe(t, def)
	if p.Input.Runner != nil {
		checkStops(t, p.Input.Runner)
		out := startRunner(t, p.Input.Runner)
		if c.Feed != nil {
			c.Feed(t, out)
			out.checkBatches(t, c)
		}
		if p.Input.Gatherer == nil {
			return
		}
	}
	seen := map[string]*telemetry.Series{}
	for round := range rounds {
		if round > 0 {
			c.advance(t, p, dir, round)
		}
		b, err := p.Batch(float64(10 * round))
		c.checkGatherError(t, err)
		c.checkBatch(t, b)
		checkReused(t, b, seen)
	}
	maps.Copy(all, seen)
	if len(seen) == 0 && c.Error == "" {
		t.Error("no samples")
	}
	c.checkAllocs(t, p, dir)
	checkCancelled(t, p)
}

// startProbe builds the input with a copy of the tree.
func (c Case) startProbe(t *testing.T, def plugins.Definition) (p *Probe, dir string) {
	if c.Root != "" {
		dir = t.TempDir()
		Lay(t, dir, c.Root)
	}
	env := Env(def.Name(), dir)
	var player *sysinfotest.Player
	if c.Host != "" {
		player = playHost(t, c.Host)
		env.Host = player.Host
	}
	if c.Setup != nil {
		c.Setup(t, &env)
	}
	if env.Host == nil && !canReadFiles(def) {
		t.Skipf("%s does not run on %s", def.Name(), goos)
	}
	p = Start(t, def, c.Config, env)
	p.player = player
	return p, dir
}

// playHost returns a host with recorded values.
func playHost(tb testing.TB, name string) *sysinfotest.Player {
	tb.Helper()
	p, err := sysinfotest.NewPlayer(readHost(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func readHost(tb testing.TB, name string) []byte {
	tb.Helper()
	recording, err := sysinfotest.Read(name)
	if err != nil {
		tb.Fatal(err)
	}
	return recording
}

// advance changes what the input reads.
func (c Case) advance(t *testing.T, p *Probe, dir string, round int) {
	if c.Then == "" {
		return
	}
	source := c.Then
	if round%2 == 0 {
		source = c.Root + c.Host
	}
	if p.player != nil {
		p.player.Play(readHost(t, source))
		return
	}
	Lay(t, dir, source)
}

// checkFailing checks that no series of a recorded host ends because nothing can be read for longer than a telemetry.Vec waits for an
// entity that is missing.
func checkFailing(t *testing.T, def plugins.Definition, c Case) {
	if c.Host == "" {
		return
	}
	p, _ := c.startProbe(t, def)
	_, _ = p.Batch(0)
	c.advance(t, p, "", 1)
	_, _ = p.Batch(10)
	p.player.Play([]byte("unreadable"))
	for i := range 6 {
		b, _ := p.Batch(float64(10 * (2 + i)))
		for _, s := range b.Ended() {
			t.Errorf("%s ended because the host could not be read", s)
		}
	}
}

func (c Case) checkGatherError(t reporter, err error) {
	switch {
	case err != nil && c.Error == "":
		t.Errorf("gather: %v", err)
	case c.Error != "" && (err == nil || !strings.Contains(err.Error(), c.Error)):
		t.Errorf("gather: %v, want an error about %q", err, c.Error)
	}
}

// checkBatch checks each sample, and that series have different keys.
func (c Case) checkBatch(t reporter, b *telemetry.Batch) {
	checkPossible(t, b)
	keys := map[string]string{}
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		id, key := s.String(), s.BareKey()
		if slices.ContainsFunc(s.Labels(), func(l telemetry.Label) bool { return l.Value == "" || l.Key == "" }) {
			t.Errorf("%s has an empty label", id)
		}
		if other, taken := keys[key]; taken && other != id && !c.SharedKeys {
			t.Errorf("%s and %s share the key %s", other, id, key)
		}
		keys[key] = id
	}
}

// checkReused checks that known series have the same handle as before.
func checkReused(t reporter, b *telemetry.Batch, seen map[string]*telemetry.Series) {
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		if known := seen[s.String()]; known != nil && known != s {
			t.Errorf("%s has a new handle", s)
		}
		seen[s.String()] = s
	}
}

// perFixture is the number of allocations for opening a file. Kernel files stay open (see hostfs.File), recorded files do not.
const perFixture = 4

// checkAllocs checks the allocations of a gather in steady state, without those of the batch.
func (c Case) checkAllocs(t *testing.T, p *Probe, dir string) {
	if underRace || c.Error != "" {
		return
	}
	const runs = 20
	batches := make([]*telemetry.Batch, 0, runs+1)
	for i := range runs + 1 {
		batches = append(batches, newBatch(float64(100+10*i)))
	}
	i := 0
	got := testing.AllocsPerRun(runs, func() {
		_ = p.Input.Gatherer.Gather(t.Context(), batches[i])
		i++
	})
	budget := c.Allocs
	if budget == 0 {
		budget = 2
	}
	budget += 0.1*float64(batches[runs].Len()) + perFixture*float64(countFiles(t, dir))
	if got > budget {
		t.Errorf("a gather of %d samples makes %v allocations, more than %v", batches[runs].Len(), got, budget)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	if dir == "" {
		return 0
	}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkCancelled checks that a gather returns when its context is done. If it does not, the test hangs.
func checkCancelled(t *testing.T, p *Probe) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b, err := p.gatherBatch(ctx, 1000); err != nil && b.Len() == 0 && !errors.Is(err, context.Canceled) {
		t.Logf("gather after cancel: %v", err)
	}
}
