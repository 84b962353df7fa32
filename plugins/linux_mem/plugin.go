// Package linuxmem reports the memory of a host. plugin.go has the series, and the input on Linux; host.go is the input on other systems;
// parse.go parses the well-known lines of /proc/meminfo; full.go reports all other lines.
package linuxmem

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_mem", "memory: used, available, cached, free", defaultConfig, build).
	On("linux").As("mem").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config selects how much is reported.
type Config struct {
	Full bool `yaml:"full"` // every line of the file, not only the well-known ones; more than the usual on other systems
}

func defaultConfig() Config { return Config{} }

type input struct {
	meminfo    *hostfs.File
	series     memorySeries
	otherLines *otherLines // nil: not reported
}

// memorySeries are the metrics that exist on every system.
type memorySeries struct {
	total, free, available, buffers, cached, used *telemetry.Series
	usedPercent, availablePercent                 *telemetry.Series
	swapTotal, swapUsed, swapFree, swapPercent    *telemetry.Series
}

func build(env plugins.Env, c Config) (plugins.Gatherer, error) {
	if env.Host != nil {
		return newHostInput(env, c), nil
	}
	in := &input{meminfo: env.FS.ProcFile("meminfo"), series: newMemorySeries(env.Factory)}
	if c.Full {
		in.otherLines = newOtherLines(env.Factory)
	}
	return in, nil
}

func newMemorySeries(f *telemetry.Factory) memorySeries {
	bytes := func(name string) *telemetry.Series { return f.Gauge(name, telemetry.Bytes) }
	percent := func(name string) *telemetry.Series { return f.Gauge(name, telemetry.Percent) }
	return memorySeries{
		total:            bytes("mem_total"),
		free:             bytes("mem_free"),
		available:        bytes("mem_available"),
		buffers:          bytes("mem_buffers"),
		cached:           bytes("mem_cached"),
		used:             bytes("mem_used"),
		usedPercent:      percent("mem_used_percent"),
		availablePercent: percent("mem_available_percent"),
		swapTotal:        bytes("mem_swap_total"),
		swapUsed:         bytes("mem_swap_used"),
		swapFree:         bytes("mem_swap_free"),
		swapPercent:      percent("mem_swap_percent"),
	}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.meminfo.Read()
	if err != nil {
		return err
	}
	m, err := parseMeminfo(data)
	if err != nil {
		return fmt.Errorf("parse %s: %w", in.meminfo.Path(), err)
	}
	in.series.addMemory(out, m.amounts())
	in.series.addSwap(out, m.swapTotal, m.swapFree)
	if in.otherLines != nil {
		in.otherLines.addSamples(out, data)
	}
	return nil
}

// amounts are the amounts of memory, in bytes. A system may not count buffers or caches.
type amounts struct {
	total, free, available, used, buffers, cached float64
	hasBuffers, hasCached                         bool
}

func (s *memorySeries) addMemory(out *telemetry.Batch, m amounts) {
	out.Add(s.total, m.total)
	if !isPossibleSize(m.total) || m.total == 0 {
		return
	}
	out.AddUpTo(s.free, m.free, m.total)
	out.AddUpTo(s.available, m.available, m.total)
	if m.hasBuffers {
		out.AddUpTo(s.buffers, m.buffers, m.total)
	}
	if m.hasCached {
		out.AddUpTo(s.cached, m.cached, m.total)
	}
	out.AddUpTo(s.used, m.used, m.total)
	out.Add(s.usedPercent, 100*m.used/m.total)
	out.Add(s.availablePercent, 100*m.available/m.total)
}

// isPossibleSize reports whether a number is a possible amount of memory. Values derived from an impossible total would
// look plausible.
func isPossibleSize(v float64) bool { return telemetry.Bytes.Bounds(telemetry.Gauge).Contains(v) }

// addSwap adds the swap space of a host that has some.
func (s *memorySeries) addSwap(out *telemetry.Batch, total, free float64) {
	if total <= 0 {
		return
	}
	out.Add(s.swapTotal, total)
	if isPossibleSize(total) {
		used := max(0, total-free)
		out.AddUpTo(s.swapFree, free, total) // lxcfs prints negative numbers as unsigned ones
		out.Add(s.swapUsed, used)
		out.Add(s.swapPercent, 100*used/total)
	}
}
