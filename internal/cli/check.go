package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// connectTimeout bounds the trial of one output.
const connectTimeout = 15 * time.Second

func (a *App) checkCommand(c *common) *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration; with --connect also try every input and output once",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context(), *c, connect) },
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "try every input and output once")
	return cmd
}

func (a *App) check(ctx context.Context, c common, connect bool) error {
	cfg, path, err := a.load(ctx, c.config)
	if err != nil {
		return err
	}
	ac, err := a.assemble(cfg, newLog(a.Stderr, cfg, c.debug), a.Stdout)
	if err != nil {
		return &failure{exitUsage, err}
	}
	fmt.Fprintf(a.Stdout, "%s: ok: %s every %s, %s, host %s\n",
		path, plural(len(cfg.Inputs), "input"), cfg.Interval, plural(len(cfg.Outputs), "output"), hostname(cfg))
	if !connect {
		return nil
	}
	errs := []error{report(a.Stdout, agent.New(ac).Once(ctx, oncePause))}
	for _, o := range ac.Outputs {
		err := tryOutput(ctx, o)
		state := "ok"
		if err != nil {
			state = "FAILED"
			errs = append(errs, fmt.Errorf("output %s: %w", o.ID, err))
		}
		fmt.Fprintf(a.Stdout, "%s  %s\n", o.ID, state)
	}
	return fail(errors.Join(errs...))
}

// tryOutput opens an output and writes a batch without samples: what an output writes beside them (Redis gets the
// host's sign of life) shows whether it may write.
func tryOutput(ctx context.Context, o agent.Output) error {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := o.Output.Open(limited)
	if w, ok := o.Output.(outputs.MetricWriter); ok && err == nil {
		err = w.WriteMetrics(limited, []*telemetry.Batch{telemetry.NewBatch(time.Now(), time.Now(), 0)})
	}
	return errors.Join(err, o.Output.Close())
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
