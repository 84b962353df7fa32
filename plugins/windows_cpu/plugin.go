// Package windowscpu reports how the processors of a Windows host spend their time, under the names of the Python rtcollector.
package windowscpu

import (
	"context"
	_ "embed"
	"errors"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("windows_cpu", "CPU time by state and per core, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config has no settings of its own.
type Config struct{}

// total is the core that is the sum of all.
const total = "cpu-total"

const numStates = 4

// states are the names in sysinfo.CPU, and the metrics of the total.
func states() [numStates][2]string {
	return [...][2]string{{"user", "windows_cpu_user"}, {"system", "windows_cpu_system"}, {"idle", "windows_cpu_idle"}, {"irq", "windows_cpu_interrupt"}}
}

const idle = 2 // index in states

type input struct {
	cores *telemetry.Vec[string, coreSeries]
	host  *sysinfo.Host
}

// coreSeries has the series and the last reading of a core.
type coreSeries struct {
	busy    *telemetry.Series
	shares  [numStates]*telemetry.Series // nil but for the total
	last    [numStates]float64           // seconds
	elapsed telemetry.Growth             // of the sum of all states
}

func build(env plugins.Env, _ Config) (*input, error) {
	if env.Host == nil || env.Host.CPUs == nil {
		return nil, errors.ErrUnsupported
	}
	return &input{host: env.Host, cores: telemetry.NewVec(env.Factory, newCoreSeries)}, nil
}

func newCoreSeries(f *telemetry.Factory, core string) coreSeries {
	c := coreSeries{busy: f.Gauge("windows_cpu_percent", telemetry.Percent, telemetry.Label{Key: "core", Value: core})}
	if core == total {
		for i, state := range states() {
			c.shares[i] = f.Gauge(state[1], telemetry.Percent)
		}
	}
	return c
}

// Gather implements plugins.Gatherer. The first reading of a core is a baseline and yields no samples.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	cores, err := in.host.CPUs(ctx)
	for _, c := range cores {
		in.cores.Get(c.Core).addShares(out, c)
	}
	if err == nil {
		in.cores.Sweep(out)
	}
	return err
}

// addShares appends the shares of the time since the last reading.
func (c *coreSeries) addShares(out *telemetry.Batch, now sysinfo.CPU) {
	last, sum := c.last, 0.0
	for i, state := range states() {
		c.last[i] = now.States[state[0]]
		sum += c.last[i]
	}
	elapsed, ok := c.elapsed.Step(sum)
	if !ok || elapsed <= 0 {
		return
	}
	var shares [numStates]float64
	for i := range shares {
		shares[i] = 100 * max(0, c.last[i]-last[i]) / elapsed
		out.AddUpTo(c.shares[i], shares[i], 100)
	}
	out.Add(c.busy, max(0, 100-shares[idle]))
}
