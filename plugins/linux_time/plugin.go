// Package linuxtime reports how well a Linux host keeps time.
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
var Plugin = plugins.Poll("linux_time", "synchronisation and errors of the system's clock (Linux)", func() Config { return Config{} }, build).
	On("linux").As("time").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	readClock   func() (clock, error)
	clocksource *hostfs.File

	gauges, pps []shown
	counters    []counted

	source     string // the clocksource
	sourceInfo *metric.Info
}

type shown struct {
	gauge
	series *telemetry.Series
}

type counted struct {
	gauge
	total *telemetry.Total
}

func build(env plugins.Env, _ Config) (*input, error) { return newInput(env, readClock), nil }

func newInput(env plugins.Env, read func() (clock, error)) *input {
	in := &input{
		readClock:   read,
		sourceInfo:  metric.NewInfo(env.Factory, "time_clocksource"),
		clocksource: env.FS.SysFile("devices", "system", "clocksource", "clocksource0", "current_clocksource"),
	}
	for _, g := range gauges() {
		in.gauges = append(in.gauges, shown{g, env.Factory.Gauge(g.name, g.unit)})
	}
	for _, g := range ppsGauges() {
		in.pps = append(in.pps, shown{g, env.Factory.Gauge(g.name, g.unit)})
	}
	for _, g := range ppsCounters() {
		in.counters = append(in.counters, counted{g, env.Factory.Counter(g.name, g.unit)})
	}
	return in
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addClock(out), in.addSource(out))
}

func (in *input) addClock(out *telemetry.Batch) error {
	c, err := in.readClock()
	if err != nil {
		return explain(err)
	}
	for i := range in.gauges {
		out.Add(in.gauges[i].series, in.gauges[i].of(&c))
	}
	if c.status&staPPS == 0 {
		return nil
	}
	for i := range in.pps {
		out.Add(in.pps[i].series, in.pps[i].of(&c))
	}
	for i := range in.counters {
		in.counters[i].total.Add(out, in.counters[i].of(&c))
	}
	return nil
}

// explain says what to do about a call that only a sandbox forbids: reading the clock needs no privilege.
func explain(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS) {
		return fmt.Errorf("call adjtimex: %w; a seccomp profile forbids it: allow adjtimex there (Docker's own profile does), or leave linux_time out", err)
	}
	return fmt.Errorf("call adjtimex: %w", err)
}

// addSource tells what the clock counts by. The kernel changes it when it finds it unreliable.
func (in *input) addSource(out *telemetry.Batch) error {
	data, err := in.clocksource.ReadOptional()
	name := bytes.TrimSpace(data)
	if err != nil || len(name) == 0 {
		return err
	}
	if !plausible(name) {
		return fmt.Errorf("parse %s: no name", in.clocksource.Path())
	}
	if string(name) != in.source {
		in.source = string(name)
	}
	in.sourceInfo.Add(out, telemetry.Label{Key: "clocksource", Value: in.source})
	return nil
}

// plausible says whether a text is the name of a clocksource: CS_NAME_LEN, include/linux/clocksource.h, and printable.
func plausible(name []byte) bool {
	const longest = 32
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= longest
}
