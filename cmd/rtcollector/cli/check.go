package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// connectTimeout is the time limit for checking one output.
const connectTimeout = 15 * time.Second

func (a *App) checkCommand(c *commonFlags) *cobra.Command {
	var connect, privileges bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and the files and secrets that it refers to; with --connect also try every input and output once",
		Args:  rejectArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.runCheck(cmd.Context(), *c, connect, privileges) },
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "try every input and output once")
	cmd.Flags().BoolVar(&privileges, "privileges", false, "list the capabilities that the inputs need, and which of them this process lacks")
	return cmd
}

func (a *App) runCheck(ctx context.Context, c commonFlags, connect, privileges bool) error {
	env := a.configEnv()
	env.CheckSecrets = true // secrets of stores on the network are only resolved with --connect
	cfg, path, err := a.loadWith(ctx, c.config, env)
	if err != nil {
		return err
	}
	hasIdle := cfg.IncludeIdleCounters()
	ag, _, err := a.newAgent(cfg, newLog(a.rawErr, cfg, c.debug))
	if err != nil {
		return err
	}
	if err := a.checkWeb(cfg); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s: ok: %s every %s, %s, host %s\n",
		path, pluralize(len(cfg.Inputs), "input"), cfg.Interval, pluralize(len(cfg.Outputs), "output"), terminal.Line(hostname(cfg)))
	if privileges {
		return a.printPrivileges(cfg)
	}
	for _, id := range ag.Unclaimed() {
		fmt.Fprintf(a.Stdout, "warning: %s: no output accepts its events, so they would be dropped; add redissearch, redis_streams or sqlite to outputs\n", terminal.Line(id))
	}
	a.checkDisk(cfg)
	a.printAccumulation(cfg)
	if !connect {
		a.printMemoryEstimate(ag, exampleSeries(cfg), "a series")
		fmt.Fprintln(a.Stdout, "--connect gathers once, and adds up the series, the samples a day and the memory of the whole configuration")
		return nil
	}
	gathered := ag.Once(ctx, gatherPause)
	errs := []error{printReport(a.Stdout, gathered)}
	series := distinctSeries(gatheredBatches(gathered))
	a.printMemoryEstimate(ag, series, fmt.Sprintf("these %s, with %s samples a day,", pluralize(len(series), "series"), formatCount(samplesPerDay(series))))
	if hasIdle {
		fmt.Fprintln(a.Stdout, "with \"counters: moving\" it will be less, because counters that never change have no series")
	}
	for id, out := range ag.Outputs() {
		if err := a.checkOutput(ctx, id, out, series); err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", id, err))
		}
	}
	return runtimeFailure(errors.Join(errs...))
}

// printAccumulation prints what adds up over time at the destinations of inputs whose series or events do.
func (a *App) printAccumulation(cfg *config.Config) {
	for _, in := range cfg.Inputs {
		if one, ok := in.Built.Config.(plugins.Accumulator); ok {
			interval := cmp.Or(in.Built.Options.Interval, cfg.Interval).D()
			fmt.Fprintf(a.Stdout, "%s: %s\n", terminal.Line(in.ID), terminal.Line(one.Accumulates(interval)))
		}
	}
}

// exampleSeries returns one series that is typical of most inputs.
func exampleSeries(cfg *config.Config) []*telemetry.Series {
	f := telemetry.NewFactory("host", "input", cfg.Tags).Every(cfg.Interval.D())
	return []*telemetry.Series{f.Gauge("metric", telemetry.Bytes, telemetry.Label{Key: "device", Value: "sda"})}
}

// distinctSeries returns each series of the batches once.
func distinctSeries(batches []*telemetry.Batch) []*telemetry.Series {
	seen := map[*telemetry.Series]bool{}
	var all []*telemetry.Series
	for _, b := range batches {
		for i := range b.Len() {
			if s, _, _ := b.Sample(i); !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// printMemoryEstimate prints how much memory series will take at each output that can estimate it. Subject names the series.
func (a *App) printMemoryEstimate(ag *agent.Agent, series []*telemetry.Series, subject string) {
	for id, out := range ag.Outputs() {
		e, ok := out.(outputs.Estimator)
		if !ok || len(series) == 0 {
			continue
		}
		size := e.Estimate(series)
		text := fmt.Sprintf("%s: %s will take about %s once the retention has passed", id, subject, formatSize(size.Full))
		if size.PerDay > 0 {
			text = fmt.Sprintf("%s: %s will take about %s at first and %s more every day, because there is no retention", id, subject, formatSize(size.Full), formatSize(size.PerDay))
		}
		fmt.Fprintln(a.Stdout, terminal.Line(text))
	}
}

// samplesPerDay returns how many samples series have in a day.
func samplesPerDay(series []*telemetry.Series) float64 {
	samples := 0.0
	for _, s := range series {
		if s.Interval() > 0 {
			samples += (24 * time.Hour).Seconds() / s.Interval().Seconds()
		}
	}
	return samples
}

// formatCount formats a number that may be large: "8640", "2.2 million".
func formatCount(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", n/1e6)
	}
	return fmt.Sprintf("%.0f", n)
}

// formatSize formats a number of bytes with a decimal unit.
func formatSize(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	}
	return fmt.Sprintf("%.1f kB", n/1e3)
}

// checkOutput opens an output, writes a batch without samples, and lets the output inspect its destination. The empty batch shows
// whether the output has permission to write: for Redis, it writes the liveness of the host.
func (a *App) checkOutput(ctx context.Context, id string, out outputs.Output, series []*telemetry.Series) error {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	openErr := out.Open(limited)
	err := openErr
	if w, ok := out.(outputs.MetricWriter); ok && err == nil {
		err = w.WriteMetrics(limited, []*telemetry.Batch{telemetry.NewBatch(time.Now(), time.Now(), 0)})
	}
	var found outputs.Report
	if i, ok := out.(outputs.Inspector); ok && openErr == nil {
		found = i.Inspect(limited, series)
	}
	for _, text := range found.Faults {
		err = errors.Join(err, errors.New(text))
	}
	if err = errors.Join(err, out.Close()); err != nil {
		fmt.Fprintf(a.Stdout, "%s  FAILED\n", terminal.Line(id))
	} else {
		fmt.Fprintf(a.Stdout, "%s  ok\n", terminal.Line(id))
	}
	for _, text := range found.Notes {
		fmt.Fprintf(a.Stdout, "  %s\n", terminal.Line(text))
	}
	for _, text := range found.Warnings {
		fmt.Fprintf(a.Stdout, "  warning: %s\n", terminal.Line(text))
	}
	return err
}

// pluralize returns a number and a noun: "1 input", "2 inputs".
func pluralize(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun == "series" {
		return fmt.Sprintf("%d series", n)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
