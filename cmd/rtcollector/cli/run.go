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

func (a *App) runCommand(c *commonFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is stopped",
		Long: `Runs the agent until SIGINT, SIGTERM or SIGHUP. Then it writes out its buffers and exits. Restart it to apply a changed configuration.
Changed passwords, certificates and secrets need no restart: they are looked up for every connection.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd.Context(), *c) },
	}
}

// runAgent runs the agent until ctx is done and its queues are written out.
func (a *App) runAgent(ctx context.Context, c commonFlags) error {
	manager, stopWatching := watchAgent(ctx)
	defer stopWatching()
	cfg, path, err := a.loadPatiently(ctx, c.config)
	if err != nil || cfg == nil {
		return err
	}
	if cfg.Once {
		return a.runOnce(ctx, c, onceFlags{writeOutputs: true, quiet: true})
	}
	log := newLog(a.rawErr, cfg, c.debug)
	ag, ac, err := a.newAgent(cfg, log)
	if err != nil {
		return err
	}
	waitForWeb, err := a.startWeb(ctx, cfg, ag, ac.Self, log)
	if err != nil {
		return err
	}
	log.Info("rtcollector started", "version", a.Version, "config", path, "host", hostname(cfg),
		"inputs", len(ac.Inputs), "outputs", len(ac.Outputs), "interval", cfg.Interval)
	manager.started(ag, ac)
	stopped := announceStop(ctx, log)
	a.limitHeapGrowth()
	defer a.limitProcessors(ctx)()
	coarsenTimers()
	began := time.Now()
	stopKeeping := keepStores(ctx, cfg.Secrets, log)
	defer time.AfterFunc(startupTime, debug.FreeOSMemory).Stop() // returns the memory that starting needed
	err = ag.Run(ctx)
	waitForWeb()
	stopKeeping()
	stopped()
	logTotals(log, ac.Self, time.Since(began), err)
	return runtimeFailure(err)
}

// announceStop logs that the agent stops as soon as ctx ends, and tells the service manager. The returned function waits until that is
// done, because an agent with nothing to write can end earlier.
func announceStop(ctx context.Context, log *slog.Logger) (wait func()) {
	logged := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(logged)
		notifyStopping()
		log.Info("stopping: writing out the buffers; another signal ends at once", "cause", context.Cause(ctx), "grace", grace)
	})
	return func() {
		if !stop() {
			<-logged
		}
	}
}

// keepStores keeps the secret stores usable until stop is called, which includes the time after ctx is done in which the agent
// writes out its queues.
func keepStores(ctx context.Context, stores *secrets.Stores, log *slog.Logger) (stop func()) {
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

// logTotals logs how many samples and events each output wrote, dropped and rejected. Err is the error of the agent: an input
// that did not stop may have held samples that were never counted.
func logTotals(log *slog.Logger, self *selfstat.Registry, ran time.Duration, err error) {
	for _, in := range self.Inputs() {
		if n := in.Unclaimed.Load(); n > 0 {
			log.Info("events were dropped because no output accepts them", "input", in.ID, "events", n)
		}
	}
	for _, o := range self.Outputs() {
		dropped, rejected := o.Dropped.Load(), o.Rejected.Load()
		level, message := slog.LevelInfo, "rtcollector stopped, nothing lost"
		switch {
		case dropped+rejected > 0:
			level, message = slog.LevelWarn, "rtcollector stopped, not everything was written"
		case err != nil:
			level, message = slog.LevelWarn, "rtcollector stopped, but some inputs or outputs did not stop in time"
		}
		log.Log(context.Background(), level, message, "output", o.ID, "written", o.Written.Load(),
			"dropped", dropped, "rejected", rejected, "ran", ran.Round(time.Second))
	}
}
