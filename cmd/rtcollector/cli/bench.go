//go:build !core

package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/bench"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

func (a *App) benchCommand() *cobra.Command {
	var url string
	var asJSON bool
	o := bench.Options{Redis: redisconn.Defaults()}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this agent writes to your Redis, compared with the limit of the same server",
		Args:  rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Redis.URL = secret.Literal(url)
			return a.runBench(cmd.Context(), o, asJSON)
		},
	}
	cmd.Flags().StringVar(&url, "redis", "redis://127.0.0.1:6379", "`URL` of the server; the benchmark writes below a key prefix of its own and deletes everything afterwards")
	cmd.Flags().IntVar(&o.Series, "series", 10_000, "series to write")
	cmd.Flags().IntVar(&o.Samples, "samples", 2_000_000, "samples to write, and again as many to measure the limit of the server")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *App) runBench(ctx context.Context, o bench.Options, asJSON bool) error {
	progress := func(string, int, int) {}
	if isTerminal(a.Stderr) {
		progress = func(stage string, done, total int) {
			fmt.Fprintf(a.rawErr, "\r%-40s %3d%%\x1b[K", stage, 100*done/max(1, total))
		}
	}
	r, err := bench.Run(ctx, o, progress)
	if isTerminal(a.Stderr) {
		fmt.Fprint(a.rawErr, "\r\x1b[K")
	}
	if err != nil {
		return runtimeFailure(err)
	}
	if asJSON {
		enc := json.NewEncoder(terminal.NewWriter(a.rawOut, terminal.JSON))
		enc.SetIndent("", "  ")
		return runtimeFailure(enc.Encode(r))
	}
	fmt.Fprintf(a.Stdout, `machine                %s
series                 %d
created                %.0f series/s, %.2f of the ceiling of %.0f
written                %.0f samples/s, %.2f of the ceiling of %.0f
                       (the ceiling is the rate for the same commands, encoded beforehand, in the same run)
agent CPU              %.3f µs per sample
agent allocations      %.3f per sample
`, describeMachine(), o.Series,
		r.CreateSeriesPerSecond, r.CreateSeriesPerSecond/r.CreateCeilingPerSecond, r.CreateCeilingPerSecond,
		r.SamplesPerSecond, r.Ratio, r.CeilingSamplesPerSecond,
		r.CPUMicrosPerSample, r.AllocsPerSample)
	return nil
}
