package cli

import (
	"cmp"
	"crypto/rand"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/shared"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// grace is the time in which a stopping agent writes out its queues. "docker stop" kills the process after ten seconds.
const grace = 8 * time.Second

// hostname returns the configured name, or the name of the system.
func hostname(cfg *config.Config) string {
	if cfg.Hostname != "" {
		return cfg.Hostname
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "unknown"
	}
	return name
}

// newInstanceID returns 40 random bits as eight letters and digits. They distinguish this process from every other agent.
func newInstanceID() string { return strings.ToLower(rand.Text()[:8]) }

// identity is what an agent keeps when its configuration changes.
type identity struct {
	instance string
	pool     *shared.Pool // for all inputs
	self     *selfstat.Registry
}

func newIdentity() identity { return identity{newInstanceID(), &shared.Pool{}, &selfstat.Registry{}} }

// describeAgent returns the description of a new agent of a configuration. Nothing is built yet.
func (a *App) describeAgent(cfg *config.Config, log *slog.Logger, stdout io.Writer) agent.Config {
	return a.describeAgentAs(newIdentity(), cfg, log, stdout)
}

// describeAgentAs is describeAgent for an agent that may exist already.
func (a *App) describeAgentAs(id identity, cfg *config.Config, log *slog.Logger, stdout io.Writer) agent.Config {
	host := hostname(cfg)
	ac := agent.Config{
		Limits: agent.Limits{
			Flush: cfg.FlushEvery(), Buffer: cfg.MaxBufferSize, EventBuffer: int(cfg.MaxEventBuffer), QuietDrops: !cfg.WarnOnBuffer,
		},
		Host: host, Grace: grace, Self: id.self, Log: log,
	}
	ac.Disk = diskOf(cfg)
	ac.Run = id.instance
	env := outputs.Env{Host: host, Instance: id.instance, Secrets: cfg.Secrets, Stdout: stdout, Describe: a.metricFinder()}
	for _, o := range cfg.Outputs {
		ac.Outputs = append(ac.Outputs, agent.Output{ID: o.ID, Settings: o.Settings + host, Build: func(slot telemetry.Slot) (outputs.Output, error) {
			env := env
			env.ID, env.Slot, env.Log = o.ID, slot, log.With("output", o.ID)
			return o.Built.New(env)
		}})
	}
	for _, in := range cfg.Inputs {
		ac.Inputs = append(ac.Inputs, a.describeInput(in, cfg, ac, id.pool))
	}
	return ac
}

// diskOf describes the buffer on disk.
func diskOf(cfg *config.Config) agent.Disk {
	if cfg.Disk == nil {
		return agent.Disk{}
	}
	return agent.Disk{Path: cfg.Disk.Path, MaxSize: int64(cfg.Disk.MaxSize)}
}

// metricFinder returns a function that finds the documentation of a metric in the READMEs of all inputs. It reads them at the first call.
func (a *App) metricFinder() func(name string) (metricdoc.Metric, bool) {
	tables := sync.OnceValue(func() (all []metricdoc.Metric) {
		for _, definition := range a.Inputs {
			all = append(all, metricdoc.Parse(definition.Readme())...)
		}
		isAny := func(m metricdoc.Metric) bool { return slices.Equal(m.Names, []string{"*"}) } // what a command of exec prints
		return slices.DeleteFunc(all, isAny)
	})
	return func(name string) (metricdoc.Metric, bool) { return metricdoc.Find(tables(), name) }
}

// describeInput describes one input of the agent ac. The pool is for all inputs of the agent.
func (a *App) describeInput(in config.Input, cfg *config.Config, ac agent.Config, pool *shared.Pool) agent.Input {
	options := in.Built.Options
	tags := map[string]string{}
	maps.Copy(tags, cfg.Tags)
	maps.Copy(tags, options.Tags)
	every := cmp.Or(options.Interval, cfg.Interval).D()
	build := func() (plugins.Input, error) {
		return in.Built.New(plugins.Env{
			ID:       in.ID,
			Factory:  telemetry.NewFactory(ac.Host, in.Built.Definition.Name(), tags).Every(every).Choose(options.Choice(cfg.Counters)),
			Log:      ac.Log.With("input", in.ID),
			FS:       hostfs.FromEnv(func(name string) string { v, _ := a.Getenv(name); return v }),
			Host:     sysinfo.New(),
			Shared:   pool,
			Self:     ac.Self,
			Secrets:  cfg.Secrets,
			Interval: every,
		})
	}
	return agent.Input{
		ID: in.ID, Settings: in.Settings + ac.Host, Build: build, Interval: every, Timeout: options.Timeout.D(),
		WhenFull: cmp.Or(options.WhenFull, cfg.WhenFull),
	}
}

// newAgent builds the agent of a configuration. An error is a mistake in the configuration.
func (a *App) newAgent(cfg *config.Config, log *slog.Logger) (*agent.Agent, agent.Config, error) {
	return a.newAgentAs(newIdentity(), cfg, log)
}

func (a *App) newAgentAs(id identity, cfg *config.Config, log *slog.Logger) (*agent.Agent, agent.Config, error) {
	ac := a.describeAgentAs(id, cfg, log, a.rawOut)
	ag, err := agent.New(ac)
	if err != nil {
		return nil, ac, &failure{exitUsage, err}
	}
	return ag, ac, nil
}
