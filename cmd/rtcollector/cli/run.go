package cli

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/secrets"
)

func (a *App) runCommand(c *commonFlags) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is stopped",
		Long: `Runs the agent until SIGINT or SIGTERM, or until its terminal goes away. Then it writes out its buffers and exits.
SIGHUP makes it read its configuration again: what did not change continues without missing a tick, and after a mistake the old configuration
continues. See first what would change with "rtcollector config diff".
Changed passwords, certificates and secrets need no reload: they are looked up for every connection.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd.Context(), *c, watch) },
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "also read the configuration again when its file changes")
	return cmd
}

// runAgent runs the agent until ctx is done and its queues are written out.
func (a *App) runAgent(ctx context.Context, c commonFlags, watch bool) error {
	manager, stopWatching := watchAgent(ctx)
	defer stopWatching()
	requests := a.Reloads.accept() // one that comes while the agent starts is not lost
	cfg, path, err := a.loadPatiently(ctx, c.config)
	if err != nil || cfg == nil {
		return err
	}
	if cfg.Once {
		a.Reloads.decline()
		return a.runOnce(ctx, c, onceFlags{writeOutputs: true, quiet: true})
	}
	l, err := a.newLiveAgent(ctx, c, cfg, path)
	if err != nil {
		return err
	}
	coarsenTimers()
	l.dropped = dropRights(cfg, l.log)
	l.log.Info("rtcollector started", "version", a.Version, "config", path, "host", hostname(cfg),
		"inputs", len(l.described.Inputs), "outputs", len(l.described.Outputs), "interval", cfg.Interval)
	manager.started(l.agent, l.described)
	stopped := announceStop(ctx, l.log)
	a.limitHeapGrowth()
	l.memory.limit(cfg, a.Getenv)
	defer a.limitProcessors(ctx)()
	began := time.Now()
	reloaded := l.follow(requests, watch)
	err = l.agent.Run(ctx)
	<-reloaded
	l.end()
	stopped()
	logTotals(l.log, l.id.self, time.Since(began), err)
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

// logTotals logs how many samples and events each output wrote, dropped and rejected. Err is the error of the agent: what an input or output
// held that did not stop was never counted.
func logTotals(log *slog.Logger, self *selfstat.Registry, ran time.Duration, err error) {
	for _, in := range self.Inputs() {
		if n := in.Unclaimed.Load(); n > 0 {
			log.Info("events were dropped because no output accepts them", "input", in.ID, "events", n)
		}
	}
	stuckInputs, stuckOutputs := findStuck(err)
	for _, o := range self.Outputs() {
		dropped, rejected, left := o.Dropped.Load(), o.Rejected.Load(), o.Samples.Count.Load()+o.Events.Count.Load()
		level, message := slog.LevelWarn, "rtcollector stopped, not everything was written"
		switch {
		case dropped+rejected > 0:
		case slices.Contains(stuckOutputs, o.ID):
			message = "rtcollector stopped, but this output did not stop in time"
		case left > 0: // its buffer on disk did not answer
			message = "rtcollector stopped, but what was in memory is lost"
		case len(stuckInputs) > 0:
			message = "rtcollector stopped, but not in time: " + strings.Join(stuckInputs, ", ")
		default:
			level, message = slog.LevelInfo, "rtcollector stopped, nothing lost"
		}
		attrs := []any{"output", o.ID, "written", o.Written.Load(), "dropped", dropped, "rejected", rejected, "ran", ran.Round(time.Second)}
		if left > 0 {
			attrs = append(attrs, "in_memory", left)
		}
		if o.DiskLimit.Load() > 0 {
			attrs = append(attrs, "on_disk", o.SampleDisk.Count.Load()+o.EventDisk.Count.Load())
		}
		log.Log(context.Background(), level, message, attrs...)
	}
}

// findStuck returns the IDs of the inputs and outputs that an error of the agent names.
func findStuck(err error) (inputs, outputs []string) {
	if stuck, ok := err.(*agent.StuckError); ok { //nolint:errorlint // the tree is walked below
		if stuck.Kind == "input" {
			return []string{stuck.ID}, nil
		}
		return nil, []string{stuck.ID}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // as above
		for _, one := range many.Unwrap() {
			in, out := findStuck(one)
			inputs, outputs = append(inputs, in...), append(outputs, out...)
		}
	}
	return inputs, outputs
}
