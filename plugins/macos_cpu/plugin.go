// Package macoscpu reports the CPUs of a Mac with the names of the Python rtcollector.
package macoscpu

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
var Plugin = plugins.Poll("macos_cpu", "CPU time and load of a Mac, with the names of the Python rtcollector", func() Config { return Config{} }, build).
	On("darwin").InsteadOf("linux_cpu").OnRequest().Doc(readme)

// Config holds the input's settings.
type Config struct {
	PerCore bool `yaml:"per_core" conf:"ignored"` // of linux_cpu
}

type input struct {
	host  *sysinfo.Host
	cores *telemetry.Vec[string, coreSeries]
	load  [3]*telemetry.Series
}

// coreSeries holds the series of a core, and its idle time and total time at the last gather.
type coreSeries struct {
	percent                  *telemetry.Series
	user, nice, system, idle *telemetry.Total
	idleTime, allTime        telemetry.Growth
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	return &input{
		host: env.Host,
		cores: telemetry.NewVec(f, func(f *telemetry.Factory, name string) coreSeries {
			core := telemetry.Label{Key: "core", Value: name}
			return coreSeries{
				percent: f.Gauge("cpu_percent", telemetry.Percent, core),
				user:    f.Counter("cpu_user", telemetry.Seconds, core),
				nice:    f.Counter("cpu_nice", telemetry.Seconds, core),
				system:  f.Counter("cpu_system", telemetry.Seconds, core),
				idle:    f.Counter("cpu_idle", telemetry.Seconds, core),
			}
		}),
		load: [3]*telemetry.Series{f.Gauge("cpu_load1", telemetry.None), f.Gauge("cpu_load5", telemetry.None), f.Gauge("cpu_load15", telemetry.None)},
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	cpus, errCPUs := in.host.CPUs(ctx)
	for _, c := range cpus {
		name := c.Core
		if name == "cpu-total" {
			name = "total"
		}
		in.cores.Get(name).addTimes(out, c.States)
	}
	if errCPUs == nil {
		in.cores.Sweep(out)
	}
	l, errLoad := in.host.Load(ctx)
	if errLoad == nil {
		for i, v := range []float64{l.One, l.Five, l.Fifteen} {
			out.Add(in.load[i], v)
		}
	}
	return errors.Join(errCPUs, errLoad)
}

func (c *coreSeries) addTimes(out *telemetry.Batch, seconds map[string]float64) {
	c.user.Add(out, seconds["user"])
	c.nice.Add(out, seconds["nice"])
	c.system.Add(out, seconds["system"])
	c.idle.Add(out, seconds["idle"])
	all := 0.0
	for _, v := range seconds {
		all += v
	}
	idle, okIdle := c.idleTime.Step(seconds["idle"])
	spent, okAll := c.allTime.Step(all)
	if okIdle && okAll && spent > 0 {
		out.Add(c.percent, max(0, 100-100*idle/spent))
	}
}
