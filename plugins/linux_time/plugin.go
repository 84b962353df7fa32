// Package linuxtime reports how well a host keeps time. plugin.go is the input; clock.go computes the values; sys_linux.go calls
// adjtimex(2); host.go takes the state of the clock from other systems.
package linuxtime

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_time", "synchronisation and errors of the system's clock", func() Config { return Config{} }, build).
	On("linux").As("time").Elsewhere("darwin", "freebsd").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	readClock   func() (clockState, error)
	clocksource *hostfs.File

	gauges, ppsGauges []gaugeSeries
	counters          []counterSeries

	sourceName string // the clocksource
	sourceInfo *metric.Info
}

type gaugeSeries struct {
	clockMetric
	series *telemetry.Series
}

type counterSeries struct {
	clockMetric
	total *telemetry.Total
}

func build(env plugins.Env, _ Config) (plugins.Gatherer, error) {
	if env.Host != nil {
		return newHostInput(env), nil
	}
	return newInput(env, readClock), nil
}

func newInput(env plugins.Env, read func() (clockState, error)) *input {
	in := &input{
		readClock:   read,
		sourceInfo:  metric.NewInfo(env.Factory, "time_clocksource"),
		clocksource: env.FS.SysValue("devices", "system", "clocksource", "clocksource0", "current_clocksource"),
	}
	in.gauges = append(newGauges(env.Factory, clockGauges()), newGauges(env.Factory, linuxGauges())...)
	in.ppsGauges = newGauges(env.Factory, ppsGauges())
	for _, g := range ppsCounters() {
		in.counters = append(in.counters, counterSeries{g, env.Factory.Counter(g.name, g.unit)})
	}
	return in
}

func newGauges(f *telemetry.Factory, metrics []clockMetric) (all []gaugeSeries) {
	for _, m := range metrics {
		all = append(all, gaugeSeries{m, f.Gauge(m.name, m.unit)})
	}
	return all
}

func addGauges(out *telemetry.Batch, gauges []gaugeSeries, c *clockState) {
	for i := range gauges {
		out.Add(gauges[i].series, gauges[i].value(c))
	}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addClock(out), in.addSource(out))
}

func (in *input) addClock(out *telemetry.Batch) error {
	c, err := in.readClock()
	if err != nil {
		return adjtimexError(err)
	}
	addGauges(out, in.gauges, &c)
	if c.status&staPPS == 0 {
		return nil
	}
	addGauges(out, in.ppsGauges, &c)
	for i := range in.counters {
		in.counters[i].total.Add(out, in.counters[i].value(&c))
	}
	return nil
}

// adjtimexError adds advice to an error of the call. Reading the clock needs no privilege, so only a sandbox forbids it.
func adjtimexError(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS) {
		return fmt.Errorf("call adjtimex: %w; a seccomp profile forbids the call: allow adjtimex in it (Docker's default profile does), or remove linux_time", err)
	}
	return fmt.Errorf("call adjtimex: %w", err)
}

// addSource adds the name of the clock source. The kernel changes the source when it finds it unreliable.
func (in *input) addSource(out *telemetry.Batch) error {
	data, err := in.clocksource.ReadOptional()
	name := bytes.TrimSpace(data)
	if err != nil || len(name) == 0 {
		return err
	}
	if !isClocksourceName(name) {
		return fmt.Errorf("parse %s: not a name", in.clocksource.Path())
	}
	if string(name) != in.sourceName {
		in.sourceName = string(name)
	}
	in.sourceInfo.Add(out, telemetry.Label{Key: "clocksource", Value: in.sourceName})
	return nil
}

// isClocksourceName reports whether a text can be the name of a clock source: printable, at most CS_NAME_LEN bytes
// (include/linux/clocksource.h).
func isClocksourceName(name []byte) bool {
	const maxLength = 32
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxLength
}
