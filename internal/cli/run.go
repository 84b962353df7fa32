package cli

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/secrets"
)

func (a *App) runCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is told to stop",
		Long: `Runs the agent until SIGINT, SIGTERM or SIGHUP; then it writes out what it holds and ends. It does not read its configuration
again: restart it for that. Passwords, certificates and secrets are looked up for every connection.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), *c) },
	}
}

// run is the agent: it works until ctx is done, then writes out what it holds.
func (a *App) run(ctx context.Context, c common) error {
	cfg, path, err := a.loadPatiently(ctx, c.config)
	if err != nil || cfg == nil {
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
		log.Info("stopping: writing out what is buffered; another signal ends at once", "cause", context.Cause(ctx), "grace", grace)
	})
	defer stopping()
	a.saveMemory()
	began := time.Now()
	stopKeeping := keep(ctx, cfg.Secrets, log)
	defer time.AfterFunc(startupTime, debug.FreeOSMemory).Stop() // the garbage of starting
	err = agent.New(ac).Run(ctx)
	stopKeeping()
	balance(log, ac.Self, time.Since(began))
	return fail(err)
}

// keep keeps the secret stores usable until stop is called: also while the agent writes out what it holds, after ctx
// is done.
func keep(ctx context.Context, stores *secrets.Stores, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		stores.Keep(ctx, log)
	}()
	return func() {
		cancel()
		<-done
	}
}

// balance says at the end what became of all samples and events.
func balance(log *slog.Logger, self *selfstat.Registry, ran time.Duration) {
	for _, in := range self.Inputs() {
		if n := in.Unclaimed.Load(); n > 0 {
			log.Info("events were dropped, no output takes them", "input", in.ID, "events", n)
		}
	}
	for _, o := range self.Outputs() {
		dropped, rejected := o.Dropped.Load(), o.Rejected.Load()
		level, message := slog.LevelInfo, "rtcollector stopped, nothing lost"
		if dropped+rejected > 0 {
			level, message = slog.LevelWarn, "rtcollector stopped, not everything was written"
		}
		log.Log(context.Background(), level, message, "output", o.ID, "written", o.Written.Load(),
			"dropped", dropped, "rejected", rejected, "ran", ran.Round(time.Second))
	}
}
