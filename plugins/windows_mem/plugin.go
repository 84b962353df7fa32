// Package windowsmem reports the memory of a Windows host, under the names of the Python rtcollector.
package windowsmem

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
var Plugin = plugins.Poll("windows_mem", "memory, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	host                            *sysinfo.Host
	total, available, used, percent *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	if env.Host == nil || env.Host.Memory == nil {
		return nil, errors.ErrUnsupported
	}
	f := env.Factory
	return &input{
		host:      env.Host,
		total:     f.Gauge("windows_mem_total", telemetry.Bytes),
		available: f.Gauge("windows_mem_available", telemetry.Bytes),
		used:      f.Gauge("windows_mem_used", telemetry.Bytes),
		percent:   f.Gauge("windows_mem_percent", telemetry.Percent),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	m, err := in.host.Memory(ctx)
	if err != nil {
		return err
	}
	out.Add(in.total, m.Total)
	out.AddUpTo(in.available, m.Available, m.Total)
	if m.Total > 0 && m.Available <= m.Total {
		out.Add(in.used, m.Total-m.Available)
		out.Add(in.percent, 100*(m.Total-m.Available)/m.Total)
	}
	return nil
}
