package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/stdout"
)

// gatherPause is the time between the two readings that rates and percentages need.
const gatherPause = time.Second

type onceFlags struct {
	format       stdout.Format
	writeOutputs bool
	quiet        bool // print no samples
}

func (a *App) onceCommand(c *commonFlags) *cobra.Command {
	var f onceFlags
	var format string
	cmd := &cobra.Command{
		Use:   "once",
		Short: "Gather from every input once and print the samples; fails if an input failed",
		Args:  rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.format.UnmarshalScalar(format); err != nil {
				return fmt.Errorf("--format %w, not %q", err, format)
			}
			return a.runOnce(cmd.Context(), *c, f)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "how to print: table, json or ts.add")
	cmd.Flags().BoolVar(&f.writeOutputs, "write", false, "also write to the configured outputs")
	return cmd
}

// runOnce gathers from every input twice, a second apart, and prints or writes the samples. It fails if an input failed.
func (a *App) runOnce(ctx context.Context, c commonFlags, f onceFlags) error {
	cfg, _, err := a.load(ctx, c.config)
	if err != nil {
		return err
	}
	cfg.IncludeIdleCounters()
	ag, _, err := a.newAgent(cfg, newLog(a.rawErr, cfg, c.debug))
	if err != nil {
		return err
	}
	gathered := ag.Once(ctx, gatherPause)
	batches := gatheredBatches(gathered)
	if !f.quiet {
		if err := a.printBatches(ctx, f.format, batches); err != nil {
			return runtimeFailure(err)
		}
	}
	errs := []error{printReport(a.Stderr, gathered)}
	if f.writeOutputs {
		errs = append(errs, ag.Write(ctx, batches))
		if errors.Join(errs...) == nil {
			fmt.Fprintf(a.Stderr, "%s written to %s\n", describeContents(batches...), outputIDs(cfg))
		}
	}
	return runtimeFailure(errors.Join(errs...))
}

func gatheredBatches(gathered []agent.Gathered) []*telemetry.Batch {
	var batches []*telemetry.Batch
	for _, g := range gathered {
		if g.Batch != nil {
			batches = append(batches, g.Batch)
		}
	}
	return batches
}

// describeContents returns the number of samples and events in batches: "12 samples", "12 samples and 3 events".
func describeContents(batches ...*telemetry.Batch) string {
	samples, events := 0, 0
	for _, b := range batches {
		if b != nil {
			samples, events = samples+b.Len(), events+len(b.Events)
		}
	}
	text := fmt.Sprintf("%d samples", samples)
	if events > 0 {
		text += " and " + pluralize(events, "event")
	}
	return text
}

func outputIDs(cfg *config.Config) string {
	var ids []string
	for _, o := range cfg.Outputs {
		ids = append(ids, o.ID)
	}
	return strings.Join(ids, ", ")
}

// printReport prints a line per input and returns the errors.
func printReport(w io.Writer, gathered []agent.Gathered) error {
	var errs []error
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, g := range gathered {
		state := "ok"
		if g.Err != nil {
			state = "FAILED"
			errs = append(errs, fmt.Errorf("input %s: %w", g.ID, g.Err))
		}
		result := "can start" // an input that data is pushed to
		if g.Batch != nil || g.Err != nil {
			result = describeContents(g.Batch)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", terminal.Line(g.ID), result, g.Took.Round(time.Microsecond), state)
	}
	_ = tw.Flush()
	return errors.Join(errs...)
}

// printBatches prints samples and events as the output stdout does.
func (a *App) printBatches(ctx context.Context, format stdout.Format, batches []*telemetry.Batch) error {
	p, err := stdout.New(outputs.Env{Stdout: a.rawOut}, stdout.Config{Format: format})
	if err != nil {
		return err
	}
	var events []telemetry.Event
	for _, b := range batches {
		events = append(events, b.Events...)
	}
	return errors.Join(p.WriteMetrics(ctx, batches), p.WriteEvents(ctx, events))
}
