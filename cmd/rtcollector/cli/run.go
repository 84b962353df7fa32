package cli

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/secrets"
)

func (a *App) runCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is told to stop",
		Long: `Runs the agent until SIGINT, SIGTERM or SIGHUP; then it writes out what it holds and ends. It does not read its configuration
again: restart it for that. Passwords, certificates and secrets are looked up for every connection.`,
		Args: noArguments,
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
	log := newLog(a.rawErr, cfg, c.debug)
	ag, ac, err := a.newAgent(cfg, log)
	if err != nil {
		return err
	}
	log.Info("rtcollector started", "version", a.Version, "config", path, "host", hostname(cfg),
		"inputs", len(ac.Inputs), "outputs", len(ac.Outputs), "interval", cfg.Interval)
	stopped := announceStop(ctx, log)
	a.saveMemory()
	began := time.Now()
	stopKeeping := keep(ctx, cfg.Secrets, log)
	defer time.AfterFunc(startupTime, debug.FreeOSMemory).Stop() // the garbage of starting
	err = ag.Run(ctx)
	stopKeeping()
	stopped()
	balance(log, ac.Self, time.Since(began), err)
	return fail(err)
}

// announceStop logs as soon as ctx ends that the agent stops. The function that it returns waits until that is logged:
// an agent with nothing to write may be at its end earlier.
func announceStop(ctx context.Context, log *slog.Logger) (wait func()) {
	logged := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(logged)
		log.Info("stopping: writing out what is buffered; another signal ends at once", "cause", context.Cause(ctx), "grace", grace)
	})
	return func() {
		if !stop() {
			<-logged
		}
	}
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

// balance logs at the end what became of all samples and events. The error is the agent's: an input that did not stop
// may have held samples that nothing counted.
func balance(log *slog.Logger, self *selfstat.Registry, ran time.Duration, err error) {
	for _, in := range self.Inputs() {
		if n := in.Unclaimed.Load(); n > 0 {
			log.Info("events were dropped, no output takes them", "input", in.ID, "events", n)
		}
	}
	for _, o := range self.Outputs() {
		dropped, rejected := o.Dropped.Load(), o.Rejected.Load()
		level, message := slog.LevelInfo, "rtcollector stopped, nothing lost"
		switch {
		case dropped+rejected > 0:
			level, message = slog.LevelWarn, "rtcollector stopped, not everything was written"
		case err != nil:
			level, message = slog.LevelWarn, "rtcollector stopped, but not everything stopped with it"
		}
		log.Log(context.Background(), level, message, "output", o.ID, "written", o.Written.Load(),
			"dropped", dropped, "rejected", rejected, "ran", ran.Round(time.Second))
	}
}
