package chaos

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/shared"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/plugins"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

const host = "chaos"

var (
	campaign = flag.Duration("chaos.for", 0, "how long the campaign takes; 0: a quick one")
	seed     = flag.Uint64("chaos.seed", 0, "repeats a campaign; 0: another one each time")
)

// roundTime is how long faults happen before the ledger is compared.
const roundTime = 15 * time.Second

// TestChaos runs every local input against a server behind a bad network. After each round it waits until nothing is left to write, and
// compares: every sample that was gathered is on the server, or was when the server was emptied, or was counted as lost.
//
// The server is the embedded one, because Debian has no Redis with TimeSeries. Its kill is that of its network: it keeps its memory, as a
// Redis with appendfsync=always would, or loses it.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	for name, c := range map[string]struct {
		buffer  string
		mayLose bool
	}{
		"memory":          {"max_buffer_size: 1000000\n", false},
		"little memory":   {"max_buffer_size: 3000\nwarn_on_buffer: false\n", true},
		"memory and disk": {"buffer: {memory: 4000, disk: {path: " + filepath.Join(t.TempDir(), "buffer") + "}}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := 1 + int(*campaign/roundTime/3)
			t.Logf("to repeat this: go test ./cmd/rtcollector/chaos -run 'TestChaos/%s' -chaos.seed %d -chaos.for %v", strings.ReplaceAll(name, " ", "_"), *seed, *campaign)
			a := start(t, c.buffer, agentOptions{interval: 250 * time.Millisecond})
			for range rounds {
				a.suffer(t, roundTime)
				if lost := a.settle(t); lost > 0 && !c.mayLose {
					t.Errorf("%d samples are lost", lost)
				}
			}
		})
	}
}

// actor is an agent and what happens to it.
type actor struct {
	stage
	self *selfstat.Registry
	log  *servicetest.Log
	lost int64 // samples that were counted as lost when the ledger was compared
}

// agentOptions are what differs between the tests.
type agentOptions struct {
	interval  time.Duration
	retention time.Duration // 0: for ever
	inputs    []string      // in addition to the local ones, as YAML
}

// start starts an agent with every local input. The settings are YAML at the top level.
func start(t *testing.T, settings string, o agentOptions) *actor {
	t.Helper()
	server, _ := embeddedtest.Start(t, embedded.Config{})
	a := &actor{self: &selfstat.Registry{}, log: &servicetest.Log{}}
	a.stage = stage{
		server: server, ledger: newLedger(), network: redistest.NewNetwork(t, server.Addr()), random: rand.New(rand.NewPCG(*seed, uint64(len(settings)))),
		client: redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true, ReadTimeout: time.Minute}),
	}
	t.Cleanup(func() { _ = a.client.Close() })
	ag, err := agent.New(a.describe(t, settings, o))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ag.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(a.log)
		}
	})
	return a
}

// describe returns the description of the agent.
func (a *actor) describe(t *testing.T, settings string, o agentOptions) agent.Config {
	t.Helper()
	address, port, _ := strings.Cut(a.network.Listen, ":")
	yaml := fmt.Sprintf("interval: %v\nhostname: %s\n%sinputs: [%s]\noutputs: [{redistimeseries: {host: %s, port: %s, retention: %v}}]\n",
		o.interval, host, settings, strings.Join(append(localInputs(), o.inputs...), ", "), address, port, o.retention)
	cfg, err := config.Parse(t.Context(), "chaos.yaml", []byte(yaml), config.Env{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: runtime.GOOS, Getenv: os.LookupEnv,
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(a.log, nil))
	ac := agent.Config{
		Limits: agent.Limits{Flush: cfg.FlushEvery(), Buffer: cfg.MaxBufferSize, EventBuffer: int(cfg.MaxEventBuffer), QuietDrops: !cfg.WarnOnBuffer},
		Host:   host, Grace: 8 * time.Second, Self: a.self, Log: log, Run: "run1",
	}
	if cfg.Disk != nil {
		ac.Disk = agent.Disk{Path: cfg.Disk.Path, MaxSize: int64(cfg.Disk.MaxSize)}
	}
	for _, o := range cfg.Outputs {
		ac.Outputs = append(ac.Outputs, agent.Output{ID: o.ID, Settings: o.Settings, Build: func(slot telemetry.Slot) (outputs.Output, error) {
			return o.Built.New(outputs.Env{Host: host, Instance: ac.Run, ID: o.ID, Slot: slot, Log: log})
		}})
	}
	pool := &shared.Pool{}
	for _, in := range cfg.Inputs {
		ac.Inputs = append(ac.Inputs, agent.Input{ID: in.ID, Settings: in.Settings, Interval: cfg.Interval.D(), Build: func() (plugins.Input, error) {
			live, err := in.Built.New(plugins.Env{
				ID: in.ID, Factory: telemetry.NewFactory(host, in.Built.Definition.Name(), nil).Every(cfg.Interval.D()), Log: log,
				FS: hostfs.FromEnv(func(string) string { return "" }), Host: sysinfo.New(), Shared: pool, Self: a.self, Interval: cfg.Interval.D(),
			})
			if live.Gatherer != nil {
				live.Gatherer = &recorder{live.Gatherer, a.ledger}
			}
			return live, err
		}})
	}
	return ac
}

// localInputs are the names of the inputs that need no configuration.
func localInputs() (names []string) {
	for _, d := range pluginsall.Catalog().For(runtime.GOOS) {
		if d.Starts(runtime.GOOS) {
			names = append(names, d.Name())
		}
	}
	return names
}

// suffer lets faults happen for a while.
func (a *actor) suffer(t *testing.T, d time.Duration) {
	t.Helper()
	all := faults()
	for end := time.Now().Add(d); time.Now().Before(end); {
		f, lasts := a.pick(all)
		t.Logf("%s for %v", f.name, lasts)
		stop := f.begin(t, &a.stage)
		a.pass(t, lasts)
		stop()
		a.pass(t, time.Duration(a.random.IntN(1500))*time.Millisecond)
	}
}

// pass lets time pass: what the campaign is made of.
func (a *actor) pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// settle waits until the agent has nothing left to write, and compares the ledger. It returns how many samples were counted as lost.
func (a *actor) settle(t *testing.T) (lost int64) {
	t.Helper()
	a.ledger.isClosed.Store(true)
	gathers := func() (n []int64) {
		for _, in := range a.self.Inputs() {
			n = append(n, in.Gathers.Load())
		}
		return n
	}
	before := gathers()
	servicetest.Until(t, "everything is written", func(context.Context) error {
		for i, n := range gathers() {
			if n < before[i]+2 { // the batch of the gather that was running is in the queue after one more
				return fmt.Errorf("%s still gathers", a.self.Inputs()[i].ID)
			}
		}
		for _, o := range a.self.Outputs() {
			if waiting, onDisk := o.Samples.Count.Load(), o.SampleDisk.Count.Load(); waiting+onDisk > 0 {
				return fmt.Errorf("%d samples wait, %d are on the disk", waiting, onDisk)
			}
		}
		return nil
	})
	written, err := readAll(t.Context(), a.client)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range a.self.Outputs() {
		lost += o.Dropped.Load() + o.Rejected.Load()
	}
	lost, a.lost = lost-a.lost, lost
	a.ledger.settle(t, written, lost)
	a.server.FlushAll()
	a.ledger.isClosed.Store(false)
	return lost
}
