package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/bench"
)

func (a *App) benchCommand() *cobra.Command {
	var o bench.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what your Redis takes through this agent, against the same server's raw ceiling",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), o, asJSON) },
	}
	cmd.Flags().StringVar(&o.URL, "redis", "redis://127.0.0.1:6379", "`URL` of the server; it gets series under a prefix of their own, which are deleted afterwards")
	cmd.Flags().IntVar(&o.Series, "series", 10_000, "series to write")
	cmd.Flags().IntVar(&o.Samples, "samples", 2_000_000, "samples to write, and as many for the ceiling")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *App) bench(ctx context.Context, o bench.Options, asJSON bool) error {
	progress := func(string, int, int) {}
	if isTerminal(a.Stderr) {
		progress = func(stage string, done, total int) {
			fmt.Fprintf(a.Stderr, "\r%-40s %3d%%\x1b[K", stage, 100*done/max(1, total))
		}
	}
	r, err := bench.Run(ctx, o, progress)
	if isTerminal(a.Stderr) {
		fmt.Fprint(a.Stderr, "\r\x1b[K")
	}
	if err != nil {
		return fail(err)
	}
	if asJSON {
		enc := json.NewEncoder(a.Stdout)
		enc.SetIndent("", "  ")
		return fail(enc.Encode(r))
	}
	fmt.Fprintf(a.Stdout, `machine                %s
series                 %d
created                %.0f series/s
written                %.0f samples/s
raw TS.MADD ceiling    %.0f samples/s (same server, same run)
ratio                  %.2f
agent CPU              %.3f µs per sample
agent allocations      %.3f per sample
`, machine(), o.Series, r.CreateSeriesPerS, r.SamplesPerS, r.CeilingSamplesPerS, r.Ratio, r.CPUUsPerSample, r.AllocsPerSample)
	return nil
}
