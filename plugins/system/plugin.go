// Package system reports load, users, CPUs and uptime of a host, and the versions of its kernel and system.
//
//   - plugin.go: the series, and the input on Linux: load, CPUs and uptime. parse.go: parses their files.
//   - host.go: the input on other systems.
//   - users.go: sessions of users, from utmp or systemd.
//   - release.go: the labels of kernel and distribution. osrelease.go: parses os-release.
package system

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("system", "load, users, CPUs, uptime, and the versions of kernel and system", func() Config { return Config{} }, build).
	On("linux").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	loadavg, uptime, onlineCPUs *hostfs.File
	users                       *userCounter
	release                     *releaseInfo
	series                      systemSeries
}

// systemSeries are the metrics that exist on every system.
type systemSeries struct {
	load                          [3]*telemetry.Series
	sessions, users, cpus, uptime *telemetry.Series
}

func newSystemSeries(f *telemetry.Factory) systemSeries {
	return systemSeries{
		load: [3]*telemetry.Series{
			f.Gauge("system_load1", telemetry.None),
			f.Gauge("system_load5", telemetry.None),
			f.Gauge("system_load15", telemetry.None),
		},
		sessions: f.Gauge("system_n_users", telemetry.None),
		users:    f.Gauge("system_n_unique_users", telemetry.None),
		cpus:     f.Gauge("system_n_cpus", telemetry.None),
		uptime:   f.Gauge("system_uptime", telemetry.Seconds),
	}
}

func build(env plugins.Env, _ Config) (plugins.Gatherer, error) {
	f := env.Factory
	if env.Host != nil {
		return newHostInput(env), nil
	}
	return &input{
		loadavg:    env.FS.ProcFile("loadavg"),
		uptime:     env.FS.ProcFile("uptime"),
		onlineCPUs: env.FS.SysValue("devices", "system", "cpu", "online"),
		users:      newUserCounter(env.FS),
		release:    &releaseInfo{factory: f, root: env.FS, machine: machineName, os: metric.NewInfo(f, "system_os")},
		series:     newSystemSeries(f),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addLoad(out), in.addUsers(out), in.addCPUs(out), in.addUptime(out), in.release.addSamples(out))
}

func (in *input) addLoad(out *telemetry.Batch) error {
	data, err := in.loadavg.Read()
	if err != nil {
		return hostfs.IgnoreMissing(err)
	}
	loads, ok := parseLoadavg(data)
	if !ok {
		return fmt.Errorf("parse %s: not three numbers", in.loadavg.Path())
	}
	for i, s := range in.series.load {
		out.Add(s, loads[i])
	}
	return nil
}

func (in *input) addUsers(out *telemetry.Batch) error {
	sessions, unique, err := in.users.countUsers()
	if err != nil {
		return err
	}
	out.Add(in.series.sessions, float64(sessions))
	out.Add(in.series.users, float64(unique))
	return nil
}

// addCPUs adds the number of the host's CPUs. If the kernel's list is hidden, it uses the number of CPUs that this
// process may use.
func (in *input) addCPUs(out *telemetry.Batch) error {
	data, err := in.onlineCPUs.Read()
	n, ok := parseCPUList(data)
	if err != nil || !ok {
		n = runtime.NumCPU()
	}
	out.Add(in.series.cpus, float64(n))
	return hostfs.IgnoreMissing(err)
}

func (in *input) addUptime(out *telemetry.Batch) error {
	data, err := in.uptime.Read()
	if err != nil {
		return hostfs.IgnoreMissing(err)
	}
	seconds, ok := parseUptime(data)
	if !ok {
		return fmt.Errorf("parse %s: not a number", in.uptime.Path())
	}
	out.Add(in.series.uptime, math.Floor(seconds))
	return nil
}
