package cli

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// grace is how long a stopping agent may take to write out what it holds: "docker stop" kills after ten seconds.
const grace = 8 * time.Second

// hostname is the configured name, or the system's.
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

// instance returns what tells this process from every other agent: 40 random bits as eight letters and digits.
func instance() string { return strings.ToLower(rand.Text()[:8]) }

// assemble turns a configuration into what an agent is made of: every input and output is built, none is started.
func (a *App) assemble(cfg *config.Config, log *slog.Logger, stdout io.Writer) (agent.Config, error) {
	ac := agent.Config{
		Flush: cfg.Flush(), Buffer: cfg.MaxBufferSize, QuietDrops: !cfg.WarnOnBuffer,
		EventBuffer: int(cfg.MaxEvents), Block: cfg.WhenFull == config.Block,
		Grace: grace, Self: &selfstat.Registry{}, Log: log,
	}
	host, instance := hostname(cfg), instance()
	ac.Host = host
	for slot, o := range cfg.Outputs {
		live, err := o.Built.New(outputs.Env{
			ID: o.ID, Slot: slot, Host: host, Instance: instance, Log: log.With("output", o.ID), Secrets: cfg.Secrets, Stdout: stdout,
		})
		if err != nil {
			return ac, fmt.Errorf("output %s: %w", o.ID, err)
		}
		ac.Outputs = append(ac.Outputs, agent.Output{ID: o.ID, Output: live})
	}
	for _, in := range cfg.Inputs {
		live, err := a.input(in, cfg, host, log, ac.Self)
		if err != nil {
			return ac, fmt.Errorf("input %s: %w", in.ID, err)
		}
		ac.Inputs = append(ac.Inputs, live)
	}
	return ac, nil
}

func (a *App) input(in config.Input, cfg *config.Config, host string, log *slog.Logger, self *selfstat.Registry) (agent.Input, error) {
	tags := maps.Clone(cfg.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, in.Built.Options.Tags)
	every := in.Built.Options.Interval.D()
	if every == 0 {
		every = cfg.Interval.D()
	}
	live, err := in.Built.New(plugins.Env{
		ID:       in.ID,
		Factory:  telemetry.NewFactory(host, in.Built.Definition.Name(), tags, len(cfg.Outputs)).Every(every).Choose(in.Built.Options.Choice(cfg.Counters)),
		Log:      log.With("input", in.ID),
		FS:       hostfs.FromEnv(func(name string) string { v, _ := a.Getenv(name); return v }),
		Self:     self,
		Secrets:  cfg.Secrets,
		Interval: every,
	})
	return agent.Input{ID: in.ID, Live: live, Interval: every, Timeout: in.Built.Options.Timeout.D()}, err
}
