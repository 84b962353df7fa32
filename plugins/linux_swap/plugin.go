// Package linuxswap reports the swap space and the swap traffic of a host. plugin.go has the series, and the input on Linux; host.go is the
// input on other systems; parse.go parses /proc/meminfo and /proc/vmstat.
package linuxswap

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_swap", "swap space and swap traffic", func() Config { return Config{} }, build).
	On("linux").As("swap").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	meminfo, vmstat *hostfs.File
	pageSize        float64
	series          swapSeries
}

type swapSeries struct {
	total, free, used, usedPercent *telemetry.Series
	in, out                        *telemetry.Total
}

func build(env plugins.Env, _ Config) (plugins.Gatherer, error) {
	series := newSwapSeries(env.Factory)
	if env.Host != nil {
		return &hostInput{env.Host.Swap, series}, nil
	}
	return &input{env.FS.ProcFile("meminfo"), env.FS.ProcFile("vmstat"), float64(os.Getpagesize()), series}, nil
}

func newSwapSeries(f *telemetry.Factory) swapSeries {
	return swapSeries{
		total:       f.Gauge("swap_total", telemetry.Bytes),
		free:        f.Gauge("swap_free", telemetry.Bytes),
		used:        f.Gauge("swap_used", telemetry.Bytes),
		usedPercent: f.Gauge("swap_used_percent", telemetry.Percent),
		in:          f.Counter("swap_in", telemetry.Bytes),
		out:         f.Counter("swap_out", telemetry.Bytes),
	}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.meminfo.Read()
	if err != nil {
		return err
	}
	total, free := parseMeminfo(data)
	in.series.addSpace(out, total, free)
	data, err = in.vmstat.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without VM_EVENT_COUNTERS, or a container that hides it
	}
	if err != nil {
		return err
	}
	if pagesIn, pagesOut, ok := parseVmstat(data); ok {
		in.series.in.Add(out, pagesIn*in.pageSize)
		in.series.out.Add(out, pagesOut*in.pageSize)
	}
	return nil
}

func (s *swapSeries) addSpace(out *telemetry.Batch, total, free float64) {
	used, percent := max(0, total-free), 0.0
	if total > 0 {
		percent = 100 * used / total
	}
	out.Add(s.total, total)
	if !telemetry.Bytes.Bounds(telemetry.Gauge).Contains(total) {
		return
	}
	out.AddUpTo(s.free, free, total) // lxcfs prints negative numbers as unsigned ones
	out.Add(s.used, used)
	out.Add(s.usedPercent, percent)
}
