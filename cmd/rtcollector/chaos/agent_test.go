package chaos

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/shared"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/plugins"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// host is the name of the agent's host.
const host = "chaos"

// plan is what an agent is made from. It can be sent to another process.
type plan struct {
	YAML string // its configuration
	Run  string // the instance of this run
	Life int64  // how many agents ran with this configuration before
}

// configuration returns the YAML of an agent with every local input. Settings are YAML at the top level, inputs those in addition.
func configuration(interval time.Duration, settings, outputs string, inputs ...string) string {
	return fmt.Sprintf("interval: %v\nhostname: %s\n%sinputs: [%s]\noutputs: [%s]\n",
		interval, host, settings, strings.Join(append(localInputs(), inputs...), ", "), outputs)
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

// assemble returns the description of an agent. Wrap is called with each input that is polled.
func assemble(p plan, self *selfstat.Registry, logTo io.Writer, wrap func(plugins.Gatherer) plugins.Gatherer) (agent.Config, error) {
	cfg, err := config.Parse(context.Background(), "chaos.yaml", []byte(p.YAML), config.Env{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: runtime.GOOS, Getenv: os.LookupEnv,
	})
	if err != nil {
		return agent.Config{}, err
	}
	log := slog.New(slog.NewTextHandler(logTo, nil))
	ac := agent.Config{
		Limits: agent.Limits{Flush: cfg.FlushEvery(), Buffer: cfg.MaxBufferSize, EventBuffer: int(cfg.MaxEventBuffer), QuietDrops: !cfg.WarnOnBuffer},
		Host:   host, Grace: 8 * time.Second, Self: self, Log: log, Run: p.Run,
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
				FS: hostfs.FromEnv(func(string) string { return "" }), Host: sysinfo.New(), Shared: pool, Self: self, Interval: cfg.Interval.D(),
			})
			if live.Gatherer != nil {
				live.Gatherer = wrap(live.Gatherer)
			}
			return live, err
		}})
	}
	return ac, nil
}

// runHere runs an agent in this process until the end of the test.
func runHere(t *testing.T, yaml string, log io.Writer) {
	t.Helper()
	ac, err := assemble(plan{YAML: yaml, Run: "run1"}, &selfstat.Registry{}, log, func(g plugins.Gatherer) plugins.Gatherer { return g })
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(ac)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
