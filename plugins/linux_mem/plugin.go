// Package linuxmem reports the memory of a Linux host. plugin.go is the input; parse.go parses the well-known lines of
// /proc/meminfo; full.go reports all other lines.
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
var Plugin = plugins.Poll("linux_mem", "memory: used, available, cached, free (Linux)", defaultConfig, build).
	On("linux").As("mem").Doc(readme)

// Config selects how much is reported.
type Config struct {
	Full bool `yaml:"full"` // every line of the file, not only the well-known ones
}

func defaultConfig() Config { return Config{} }

type input struct {
	meminfo *hostfs.File

	total, free, available, buffers, cached, used *telemetry.Series
	usedPercent, availablePercent                 *telemetry.Series
	swapTotal, swapUsed, swapFree, swapPercent    *telemetry.Series
	otherLines                                    *otherLines // nil: not reported
}

func build(env plugins.Env, c Config) (*input, error) {
	bytes := func(name string) *telemetry.Series { return env.Factory.Gauge(name, telemetry.Bytes) }
	percent := func(name string) *telemetry.Series { return env.Factory.Gauge(name, telemetry.Percent) }
	in := &input{
		meminfo:          env.FS.ProcFile("meminfo"),
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
	if c.Full {
		in.otherLines = newOtherLines(env.Factory)
	}
	return in, nil
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
	in.addSamples(out, m)
	if in.otherLines != nil {
		in.otherLines.addSamples(out, data)
	}
	return nil
}

func (in *input) addSamples(out *telemetry.Batch, m meminfo) {
	used, available := m.usedBytes(), m.availableBytes()
	out.Add(in.total, m.total)
	if isPossibleSize(m.total) {
		out.AddUpTo(in.free, m.free, m.total)
		out.AddUpTo(in.available, available, m.total)
		out.AddUpTo(in.buffers, m.buffers, m.total)
		out.AddUpTo(in.cached, m.cached, m.total)
		out.Add(in.used, used)
		out.Add(in.usedPercent, 100*used/m.total)
		out.Add(in.availablePercent, 100*available/m.total)
	}
	if m.swapTotal > 0 {
		in.addSwap(out, m)
	}
}

// isPossibleSize reports whether a number is a possible amount of memory. Values derived from an impossible total would
// look plausible.
func isPossibleSize(v float64) bool { return telemetry.Bytes.Bounds(telemetry.Gauge).Contains(v) }

func (in *input) addSwap(out *telemetry.Batch, m meminfo) {
	out.Add(in.swapTotal, m.swapTotal)
	if isPossibleSize(m.swapTotal) {
		swapUsed := max(0, m.swapTotal-m.swapFree)
		out.AddUpTo(in.swapFree, m.swapFree, m.swapTotal) // lxcfs prints negative numbers as unsigned ones
		out.Add(in.swapUsed, swapUsed)
		out.Add(in.swapPercent, 100*swapUsed/m.swapTotal)
	}
}
