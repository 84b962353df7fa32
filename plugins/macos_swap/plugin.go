// Package macosswap reports the swap space of a Mac with the names of the Python rtcollector.
package macosswap

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
var Plugin = plugins.Poll("macos_swap", "swap space and swap traffic of a Mac, with the names of the Python rtcollector", func() Config { return Config{} }, build).
	On("darwin").InsteadOf("linux_swap").OnRequest().Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	readSwap func(context.Context) (sysinfo.Swap, error)

	total, used, free, percent *telemetry.Series
	in, out                    *telemetry.Total
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	return &input{
		readSwap: env.Host.Swap,
		total:    f.Gauge("swap_total", telemetry.Bytes),
		used:     f.Gauge("swap_used", telemetry.Bytes),
		free:     f.Gauge("swap_free", telemetry.Bytes),
		percent:  f.Gauge("swap_percent", telemetry.Percent),
		in:       f.Counter("swap_sin", telemetry.Bytes),
		out:      f.Counter("swap_sout", telemetry.Bytes),
	}, nil
}

// Gather implements plugins.Gatherer. The space may have been read although the traffic was not.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	s, err := in.readSwap(ctx)
	if err == nil || s.Total > 0 {
		in.addSpace(out, s)
	}
	if s.HasTraffic {
		in.in.Add(out, s.In)
		in.out.Add(out, s.Out)
	}
	return err
}

func (in *input) addSpace(out *telemetry.Batch, s sysinfo.Swap) {
	out.Add(in.total, s.Total)
	if !telemetry.Bytes.Bounds(telemetry.Gauge).Contains(s.Total) {
		return
	}
	out.AddUpTo(in.used, s.Used, s.Total)
	out.AddUpTo(in.free, s.Free, s.Total)
	percent := 0.0
	if s.Total > 0 {
		percent = 100 * s.Used / s.Total
	}
	out.Add(in.percent, percent)
}
