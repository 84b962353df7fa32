// Package windowsio reports the reads and writes of a Windows host's disks, under the names of the Python rtcollector.
package windowsio

import (
	"context"
	_ "embed"
	"errors"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("windows_io", "reads and writes per disk, under the names of the Python rtcollector (Windows)", func() Config { return Config{} }, build).
	On("windows").OnRequest().Doc(readme)

// Config selects the disks.
type Config struct {
	IncludeDisks match.List `yaml:"include_disks"` // if not empty, only these
	ExcludeDisks match.List `yaml:"exclude_disks"`
}

func (c *Config) includes(disk string) bool {
	return (len(c.IncludeDisks) == 0 || c.IncludeDisks.Match(disk)) && !c.ExcludeDisks.Match(disk)
}

type input struct {
	host  *sysinfo.Host
	disks *telemetry.Vec[string, diskSeries]
}

// diskSeries has the series of a disk. They are nil if the disk is excluded.
type diskSeries struct {
	wanted                                                            bool
	reads, writes, readBytes, writeBytes, readDuration, writeDuration *telemetry.Total
}

func build(env plugins.Env, c Config) (*input, error) {
	if env.Host == nil || env.Host.Disks == nil {
		return nil, errors.ErrUnsupported
	}
	disks := telemetry.NewVec(env.Factory, func(f *telemetry.Factory, disk string) diskSeries {
		if !c.includes(disk) {
			return diskSeries{}
		}
		return newDiskSeries(f, disk)
	})
	return &input{host: env.Host, disks: disks}, nil
}

func newDiskSeries(f *telemetry.Factory, disk string) diskSeries {
	label := telemetry.Label{Key: "disk", Value: disk}
	return diskSeries{
		wanted:        true,
		reads:         f.Counter("windows_disk_read_count", telemetry.Operations, label),
		writes:        f.Counter("windows_disk_write_count", telemetry.Operations, label),
		readBytes:     f.Counter("windows_disk_read_bytes", telemetry.Bytes, label),
		writeBytes:    f.Counter("windows_disk_write_bytes", telemetry.Bytes, label),
		readDuration:  f.Counter("windows_disk_read_time", telemetry.Milliseconds, label),
		writeDuration: f.Counter("windows_disk_write_time", telemetry.Milliseconds, label),
	}
}

const maxLabel = 200

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	disks, err := in.host.Disks(ctx)
	for _, d := range disks {
		name := metric.LabelValue(strings.ReplaceAll(d.Name, ":", ""), maxLabel)
		if s := in.disks.Get(name); s.wanted {
			s.reads.Add(out, d.Reads)
			s.writes.Add(out, d.Writes)
			s.readBytes.Add(out, d.ReadBytes)
			s.writeBytes.Add(out, d.WriteBytes)
			s.readDuration.Add(out, d.ReadTime)
			s.writeDuration.Add(out, d.WriteTime)
		}
	}
	if err == nil {
		in.disks.Sweep(out)
	}
	return err
}
