// Package linuxswap reports the swap space and the swap traffic of a Linux host. plugin.go is the input; parse.go parses
// /proc/meminfo and /proc/vmstat.
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
var Plugin = plugins.Poll("linux_swap", "swap space and swap traffic (Linux)", func() Config { return Config{} }, build).
	On("linux").As("swap").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	meminfo, vmstat *hostfs.File
	pageSize        float64

	total, free, used, usedPercent *telemetry.Series
	in, out                        *telemetry.Total
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	return &input{
		meminfo:     env.FS.ProcFile("meminfo"),
		vmstat:      env.FS.ProcFile("vmstat"),
		pageSize:    float64(os.Getpagesize()),
		total:       f.Gauge("swap_total", telemetry.Bytes),
		free:        f.Gauge("swap_free", telemetry.Bytes),
		used:        f.Gauge("swap_used", telemetry.Bytes),
		usedPercent: f.Gauge("swap_used_percent", telemetry.Percent),
		in:          f.Counter("swap_in", telemetry.Bytes),
		out:         f.Counter("swap_out", telemetry.Bytes),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.meminfo.Read()
	if err != nil {
		return err
	}
	in.addSpace(out, data)
	data, err = in.vmstat.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without VM_EVENT_COUNTERS, or a container that hides it
	}
	if err != nil {
		return err
	}
	if pagesIn, pagesOut, ok := parseVmstat(data); ok {
		in.in.Add(out, pagesIn*in.pageSize)
		in.out.Add(out, pagesOut*in.pageSize)
	}
	return nil
}

func (in *input) addSpace(out *telemetry.Batch, meminfo []byte) {
	total, free := parseMeminfo(meminfo)
	used, percent := max(0, total-free), 0.0
	if total > 0 {
		percent = 100 * used / total
	}
	out.Add(in.total, total)
	if !telemetry.Bytes.Bounds(telemetry.Gauge).Contains(total) {
		return
	}
	out.AddUpTo(in.free, free, total) // lxcfs prints negative numbers as unsigned ones
	out.Add(in.used, used)
	out.Add(in.usedPercent, percent)
}
