//go:build !core

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/bench"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

func (a *App) benchCommand() *cobra.Command {
	var url string
	var cluster []string
	var asJSON bool
	o := bench.Options{Redis: redisconn.Defaults()}
	fleet := bench.FleetOptions{Series: sampleSeries}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this agent writes to your Redis, compared with the limit of the same server",
		Args:  rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(cluster) > 0 {
				o.Redis.Cluster = cluster
			} else {
				o.Redis.URL = secret.Literal(url)
			}
			if cmd.Flags().Changed("agents") {
				fleet.Redis = o.Redis
				if cmd.Flags().Changed("series") {
					fleet.Series = o.Series
				}
				return a.runFleetBench(cmd.Context(), fleet, asJSON)
			}
			return a.runBench(cmd.Context(), o, asJSON)
		},
	}
	cmd.Flags().StringVar(&url, "redis", "redis://127.0.0.1:6379", "`URL` of the server; the benchmark writes below a key prefix of its own and deletes everything afterwards")
	cmd.Flags().IntVar(&o.Series, "series", 10_000, "series to write")
	cmd.Flags().IntVar(&o.Samples, "samples", 2_000_000, "samples to write, and again as many to measure the limit of the server")
	cmd.Flags().StringSliceVar(&cluster, "cluster", nil, "nodes of a Redis Cluster, as `host:port,…`, instead of --redis")
	cmd.Flags().IntVar(&fleet.Agents, "agents", 0, "simulate this many agents, each with connections of its own; --series is then per agent, and 126 if it is not given")
	cmd.Flags().DurationVar(&fleet.Interval, "interval", 10*time.Second, "with --agents: time between two writes of an agent")
	cmd.Flags().IntVar(&fleet.Rounds, "rounds", 3, "with --agents: writes of each agent, for each way of spreading them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// sampleSeries is how many series the sample configuration makes on a small virtual machine; see docs/performance.md.
const sampleSeries = 126

func (a *App) runBench(ctx context.Context, o bench.Options, asJSON bool) error {
	progress, endProgress := a.benchProgress()
	r, err := bench.Run(ctx, o, progress)
	endProgress()
	if err != nil {
		return runtimeFailure(err)
	}
	if asJSON {
		return a.printBenchJSON(r)
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

// benchProgress returns a function that shows how far a stage is, on a terminal, and one that removes it.
func (a *App) benchProgress() (show func(stage string, done, total int), end func()) {
	if !isTerminal(a.Stderr) {
		return func(string, int, int) {}, func() {}
	}
	return func(stage string, done, total int) {
		fmt.Fprintf(a.rawErr, "\r%-40s %3d%%\x1b[K", stage, 100*done/max(1, total))
	}, func() { fmt.Fprint(a.rawErr, "\r\x1b[K") }
}

func (a *App) printBenchJSON(result any) error {
	enc := json.NewEncoder(terminal.NewWriter(a.rawOut, terminal.JSON))
	enc.SetIndent("", "  ")
	return runtimeFailure(enc.Encode(result))
}

func (a *App) runFleetBench(ctx context.Context, o bench.FleetOptions, asJSON bool) error {
	progress, endProgress := a.benchProgress()
	r, err := bench.RunFleet(ctx, o, progress)
	endProgress()
	if err != nil {
		return runtimeFailure(err)
	}
	if asJSON {
		return a.printBenchJSON(r)
	}
	fmt.Fprintf(a.Stdout, `machine                %s
agents                 %d with %d series, every %s
connections            %.1f per agent, %.0f bytes each on the server
created                %.0f series/s, %.0f bytes per series
server                 %.2f µs of CPU per sample, %.2f bytes per sample
samples per shard      %v in a round
`, describeMachine(), o.Agents, o.Series, o.Interval, r.ConnectionsPerAgent, r.ConnectionBytes, r.SeriesPerSecond, r.SeriesBytes,
		r.ServerMicros, r.SampleBytes, r.ShardSamples)
	for _, s := range r.Spreads {
		fmt.Fprintf(a.Stdout, "spread over %-10s p50 %s, p99 %s, longest %s, %d longer than the interval\n", s.Over,
			s.Median.Round(100*time.Microsecond), s.P99.Round(100*time.Microsecond), s.Max.Round(100*time.Microsecond), s.Late)
	}
	return nil
}
