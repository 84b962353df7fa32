// Package linuxcpu reports how the CPUs of a host spend their time. plugin.go has the series, and the input on Linux; host.go is the input on
// other systems; parse.go has pure functions that parse /proc/stat and compute shares.
package linuxcpu

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_cpu", "CPU time by state, per core and in total", func() Config { return Config{PerCore: true} }, build).
	On("linux").As("cpu").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config holds the input's settings.
type Config struct {
	PerCore bool `yaml:"per_core"` // false: only cpu-total
}

type input struct {
	stat    *hostfs.File
	cores   *telemetry.Vec[string, coreSeries] // by the name of a cpu line
	perCore bool
}

// coreSeries holds the series and the last reading of one cpu line.
type coreSeries struct {
	states    [numStates]*telemetry.Series
	active    *telemetry.Series
	lastTicks cpuTicks
	allTicks  telemetry.Growth // of the ticks in all states
}

func build(env plugins.Env, c Config) (plugins.Gatherer, error) {
	cores := telemetry.NewVec(env.Factory, newCoreSeries)
	if env.Host != nil {
		return &hostInput{readCPUs: env.Host.CPUs, cores: cores, perCore: c.PerCore}, nil
	}
	return &input{stat: env.FS.ProcFile("stat"), cores: cores, perCore: c.PerCore}, nil
}

func newCoreSeries(f *telemetry.Factory, name string) coreSeries {
	if name == "cpu" {
		name = "cpu-total"
	}
	label := telemetry.Label{Key: "core", Value: name}
	c := coreSeries{active: f.Gauge("cpu_usage_active", telemetry.Percent, label)}
	for i, state := range stateNames() {
		c.states[i] = f.Gauge("cpu_usage_"+state, telemetry.Percent, label)
	}
	return c
}

// Gather implements plugins.Gatherer. The first reading of a core is a baseline and yields no samples.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.stat.Read()
	if err != nil {
		return err
	}
	found := false
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		name, now, columns := parseCPU(line)
		if columns == 0 {
			continue
		}
		found = true
		telemetry.GetBytes(in.cores, name).addShares(out, now, firstStates(columns))
		if !in.perCore { // the first line is the total
			break
		}
	}
	if !found {
		return fmt.Errorf("parse %s: no cpu lines", in.stat.Path())
	}
	in.cores.Sweep(out)
	return nil
}

// addShares appends the shares of the time since the last reading. It omits states that this kernel does not count.
func (c *coreSeries) addShares(out *telemetry.Batch, now cpuTicks, counted stateSet) {
	last := c.lastTicks
	c.lastTicks = now
	if _, known := c.allTicks.Step(now.sumTicks()); !known {
		return
	}
	shares, ok := computeShares(last, now)
	if !ok {
		return
	}
	for i, share := range shares {
		if counted.contains(i) {
			out.Add(c.states[i], share)
		}
	}
	out.Add(c.active, max(0, 100-shares[idle]-shares[iowait]))
}
