// Package macosmem reports the memory of a Mac with the names of the Python rtcollector.
package macosmem

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("macos_mem", "memory of a Mac, with the names of the Python rtcollector", func() Config { return Config{} }, build).
	On("darwin").InsteadOf("linux_mem").OnRequest().Doc(readme)

// Config holds the input's settings.
type Config struct {
	Full bool `yaml:"full" conf:"ignored"` // of linux_mem
}

type input struct {
	readMemory func(context.Context) (sysinfo.Memory, error)

	total, used, free, available, active, inactive, wired *telemetry.Series
	percent, usedPercent                                  *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	return &input{
		readMemory:  env.Host.Memory,
		total:       f.Gauge("mem_total", telemetry.Bytes),
		used:        f.Gauge("mem_used", telemetry.Bytes),
		free:        f.Gauge("mem_free", telemetry.Bytes),
		available:   f.Gauge("mem_available", telemetry.Bytes),
		active:      f.Gauge("mem_active", telemetry.Bytes),
		inactive:    f.Gauge("mem_inactive", telemetry.Bytes),
		wired:       f.Gauge("mem_wired", telemetry.Bytes),
		percent:     f.Gauge("mem_percent", telemetry.Percent),
		usedPercent: f.Gauge("mem_used_percent", telemetry.Percent),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	m, err := in.readMemory(ctx)
	if err != nil {
		return err
	}
	out.Add(in.total, m.Total)
	if m.Total <= 0 || !telemetry.Bytes.Bounds(telemetry.Gauge).Contains(m.Total) {
		return nil
	}
	out.AddUpTo(in.used, m.Used, m.Total)
	out.AddUpTo(in.free, m.Free, m.Total)
	out.AddUpTo(in.available, m.Available, m.Total)
	out.AddUpTo(in.active, m.Active, m.Total)
	out.AddUpTo(in.inactive, m.Inactive, m.Total)
	out.AddUpTo(in.wired, m.Wired, m.Total)
	out.Add(in.percent, 100*m.Used/m.Total)
	out.Add(in.usedPercent, 100*m.Used/m.Total)
	return nil
}
