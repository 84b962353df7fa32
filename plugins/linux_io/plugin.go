// Package linuxio reports the traffic of a host's block devices. plugin.go has the series, and the input on Linux; host.go is the input on
// other systems; parse.go parses /proc/diskstats.
package linuxio

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_io", "reads, writes and utilisation per block device", func() Config { return Config{} }, build).
	On("linux").As("io").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config selects the devices that are reported.
type Config struct {
	ExcludeDevices match.List `yaml:"exclude_devices"`
	IncludeDevices match.List `yaml:"include_devices"` // if not empty, only these
}

// includesDevice reports whether the device is reported. Loop devices and RAM disks must be included explicitly: a
// system has dozens that nobody uses.
func (c *Config) includesDevice(name string) bool {
	switch {
	case c.ExcludeDevices.Match(name):
		return false
	case len(c.IncludeDevices) > 0:
		return c.IncludeDevices.Match(name)
	default:
		return !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "ram")
	}
}

type input struct {
	diskstats *hostfs.File
	devices   *telemetry.Vec[string, deviceSeries]
}

// deviceSeries holds the series of one device. They are nil if the device is filtered out.
type deviceSeries struct {
	wanted       bool
	presence     *telemetry.Series
	totals       [numCounters]*telemetry.Series
	rates        [numCounters]*telemetry.Rate
	busyTime     telemetry.Rate // of deviceStats.busy
	weightedTime telemetry.Rate // of deviceStats.weighted
	utilization  *telemetry.Series

	inFlight, queueLength           *telemetry.Series
	readWait, writeWait             operationTime
	discards, discardBytes, flushes *telemetry.Total
}

// operationTime computes how long an operation took on average between two gathers.
type operationTime struct {
	series      *telemetry.Series
	time, count telemetry.Growth
}

func (o *operationTime) addSample(out *telemetry.Batch, time, count float64) {
	took, okTime := o.time.Step(time)
	operations, okCount := o.count.Step(count)
	if okTime && okCount && operations > 0 {
		out.Add(o.series, took/operations)
	}
}

func build(env plugins.Env, c Config) (plugins.Gatherer, error) {
	devices := telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) deviceSeries {
		if !c.includesDevice(name) {
			return deviceSeries{}
		}
		return newDeviceSeries(f, name)
	})
	if env.Host != nil {
		return &hostInput{env.Host.Disks, devices}, nil
	}
	return &input{env.FS.ProcFile("diskstats"), devices}, nil
}

func newDeviceSeries(f *telemetry.Factory, name string) deviceSeries {
	label := telemetry.Label{Key: "device", Value: name}
	d := deviceSeries{
		wanted:      true,
		presence:    f.Gauge("diskio_device", telemetry.None, label),
		utilization: f.Gauge("diskio_util_percent", telemetry.Percent, label),

		inFlight:     f.Gauge("diskio_in_flight", telemetry.Operations, label),
		queueLength:  f.Gauge("diskio_queue_length", telemetry.Operations, label),
		readWait:     operationTime{series: f.Gauge("diskio_read_await", telemetry.Milliseconds, label)},
		writeWait:    operationTime{series: f.Gauge("diskio_write_await", telemetry.Milliseconds, label)},
		discards:     f.Counter("io_discards", telemetry.Operations, label),
		discardBytes: f.Counter("io_discard_bytes", telemetry.Bytes, label),
		flushes:      f.Counter("io_flushes", telemetry.Operations, label),
	}
	for i, c := range counterMetrics() {
		d.totals[i] = f.New(c.total, telemetry.Counter, c.unit, label)
		d.rates[i] = f.Rate(c.rate, c.unit.PerSecond(), label)
	}
	return d
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.diskstats.Read()
	if err != nil {
		return err
	}
	lines, devices := 0, 0
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		lines++
		name, stats, ok := parseDevice(line)
		if !ok {
			continue
		}
		devices++
		if d := telemetry.GetBytes(in.devices, name); d.wanted {
			d.addSamples(out, stats)
		}
	}
	if lines > 0 && devices == 0 { // an empty file means a machine without disks
		return fmt.Errorf("parse %s: no devices", in.diskstats.Path())
	}
	in.devices.Sweep(out)
	return nil
}

func (d *deviceSeries) addSamples(out *telemetry.Batch, s deviceStats) {
	out.Add(d.presence, 1)
	for i, v := range s.counters {
		out.Add(d.totals[i], v)
		d.rates[i].Add(out, v)
	}
	if s.hasBusy {
		if perSecond, ok := d.busyTime.Step(out.At, s.busy); ok {
			out.Add(d.utilization, min(100, perSecond/10))
		}
	}
	if s.hasQueue {
		out.Add(d.inFlight, s.inFlight)
		if perSecond, ok := d.weightedTime.Step(out.At, s.weighted); ok {
			out.Add(d.queueLength, perSecond/1000)
		}
	}
	d.readWait.addSample(out, s.counters[readTime], s.counters[reads])
	d.writeWait.addSample(out, s.counters[writeTime], s.counters[writes])
	if s.hasDiscards {
		d.discards.Add(out, s.discards)
		d.discardBytes.Add(out, s.discardBytes)
	}
	if s.hasFlushes {
		d.flushes.Add(out, s.flushes)
	}
}
