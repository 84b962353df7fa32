package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
)

func (a *App) runCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is told to stop",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), *c) },
	}
}

// run is the agent: it works until ctx is done, then writes out what it holds.
func (a *App) run(ctx context.Context, c common) error {
	cfg, path, err := a.load(c.config)
	if err != nil {
		return err
	}
	if cfg.Once {
		return a.once(ctx, c, onceFlags{write: true, quiet: true})
	}
	log := newLog(a.Stderr, cfg, c.debug)
	ac, err := a.assemble(cfg, log, a.Stdout)
	if err != nil {
		return &failure{exitUsage, err}
	}
	log.Info("rtcollector started", "version", a.Version, "config", path, "host", hostname(cfg),
		"inputs", len(ac.Inputs), "outputs", len(ac.Outputs), "interval", cfg.Interval)
	stopping := context.AfterFunc(ctx, func() {
		log.Info("stopping: writing out what is buffered; a second signal ends at once", "grace", grace)
	})
	defer stopping()
	began := time.Now()
	if err := agent.New(ac).Run(ctx); err != nil {
		return fail(err)
	}
	log.Info("rtcollector stopped, nothing lost", "ran", time.Since(began).Round(time.Second))
	return nil
}
