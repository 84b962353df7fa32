package cli

import (
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
)

// connectTimeout bounds the trial of one output.
const connectTimeout = 15 * time.Second

func (a *App) checkCommand(c *common) *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and what it refers to here; with --connect also try every input and output once",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context(), *c, connect) },
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "try every input and output once")
	return cmd
}

func (a *App) check(ctx context.Context, c common, connect bool) error {
	env := a.configEnv()
	env.CheckSecrets = true // those of stores that need a network are tried with --connect
	cfg, path, err := a.loadWith(ctx, c.config, env)
	if err != nil {
		return err
	}
	hasIdle := cfg.IncludeIdleCounters()
	ag, _, err := a.newAgent(cfg, newLog(a.rawErr, cfg, c.debug))
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s: ok: %s every %s, %s, host %s\n",
		path, plural(len(cfg.Inputs), "input"), cfg.Interval, plural(len(cfg.Outputs), "output"), terminal.Line(hostname(cfg)))
	for _, id := range ag.Unclaimed() {
		fmt.Fprintf(a.Stdout, "warning: %s: no output takes its events, they would be dropped; add redissearch or redis_streams to outputs\n", terminal.Line(id))
	}
	if !connect {
		a.showMemory(ag, oneSeries(cfg), "a series")
		return nil
	}
	gathered := ag.Once(ctx, oncePause)
	errs := []error{report(a.Stdout, gathered)}
	series := seriesIn(batchesOf(gathered))
	a.showMemory(ag, series, "these "+plural(len(series), "series"))
	if hasIdle {
		fmt.Fprintln(a.Stdout, "counters: moving is set: counters that never change have no series, so it will be less")
	}
	for id, out := range ag.Outputs() {
		if err := a.checkOutput(ctx, id, out, series); err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", id, err))
		}
	}
	return fail(errors.Join(errs...))
}

// oneSeries is a gauge as most inputs make them.
func oneSeries(cfg *config.Config) []*telemetry.Series {
	f := telemetry.NewFactory("host", "input", cfg.Tags, 0).Every(cfg.Interval.D())
	return []*telemetry.Series{f.Gauge("metric", telemetry.Bytes, telemetry.Label{Key: "device", Value: "sda"})}
}

func seriesIn(batches []*telemetry.Batch) []*telemetry.Series {
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

// showMemory says what series will take at the outputs that can tell.
func (a *App) showMemory(ag *agent.Agent, series []*telemetry.Series, whose string) {
	for id, out := range ag.Outputs() {
		e, ok := out.(outputs.Estimator)
		if !ok || len(series) == 0 {
			continue
		}
		size := e.Estimate(series)
		text := fmt.Sprintf("%s: %s will take about %s when the retention has passed", id, whose, sizeText(size.Full))
		if size.PerDay > 0 {
			text = fmt.Sprintf("%s: %s will take about %s at first and %s more every day, for there is no retention", id, whose, sizeText(size.Full), sizeText(size.PerDay))
		}
		fmt.Fprintln(a.Stdout, terminal.Line(text))
	}
}

// sizeText writes a size with the unit that suits it.
func sizeText(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	}
	return fmt.Sprintf("%.1f kB", n/1e3)
}

// checkOutput opens an output, writes a batch without samples, and lets it look at its destination. What an output
// writes beside samples (Redis gets the host's sign of life) shows whether it may write.
func (a *App) checkOutput(ctx context.Context, id string, out outputs.Output, series []*telemetry.Series) error {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	opened := out.Open(limited)
	err := opened
	if w, ok := out.(outputs.MetricWriter); ok && err == nil {
		err = w.WriteMetrics(limited, []*telemetry.Batch{telemetry.NewBatch(time.Now(), time.Now(), 0)})
	}
	var found outputs.Report
	if i, ok := out.(outputs.Inspector); ok && opened == nil {
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

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if what == "series" {
		return fmt.Sprintf("%d series", n)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
