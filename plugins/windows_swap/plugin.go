// Package windowsswap reports the page files of a Windows host, under the names of the Python rtcollector.
package windowsswap

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
var Plugin = plugins.Poll("windows_swap", "page files, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	host                       *sysinfo.Host
	total, used, free, percent *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	if env.Host == nil || env.Host.Swap == nil {
		return nil, errors.ErrUnsupported
	}
	f := env.Factory
	return &input{
		host:    env.Host,
		total:   f.Gauge("windows_swap_total", telemetry.Bytes),
		used:    f.Gauge("windows_swap_used", telemetry.Bytes),
		free:    f.Gauge("windows_swap_free", telemetry.Bytes),
		percent: f.Gauge("windows_swap_percent", telemetry.Percent),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	s, err := in.host.Swap(ctx)
	if err != nil {
		return err
	}
	out.Add(in.total, s.Total)
	out.AddUpTo(in.free, s.Free, s.Total)
	out.AddUpTo(in.used, s.Used, s.Total)
	if percent := 100 * s.Used / max(s.Total, 1); s.Used <= s.Total { // 0 without page files
		out.Add(in.percent, percent)
	}
	return nil
}
