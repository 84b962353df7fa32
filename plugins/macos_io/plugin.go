// Package macosio reports the traffic of a Mac's disks with the names of the Python rtcollector.
package macosio

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("macos_io", "reads and writes per disk of a Mac, with the names of the Python rtcollector", func() Config { return Config{} }, build).
	On("darwin").InsteadOf("linux_io").OnRequest().Doc(readme)

// Config selects the disks that are reported. The keys are those of linux_io.
type Config struct {
	ExcludeDevices match.List `yaml:"exclude_devices"`
	IncludeDevices match.List `yaml:"include_devices"` // if not empty, only these
}

func (c Config) includesDevice(name string) bool {
	return !c.ExcludeDevices.Match(name) && (len(c.IncludeDevices) == 0 || c.IncludeDevices.Match(name))
}

type input struct {
	readDisks func(context.Context) ([]sysinfo.Disk, error)
	disks     *telemetry.Vec[string, diskSeries]
}

// diskSeries holds the series of a disk. They are nil if the disk is filtered out.
type diskSeries struct {
	wanted                                                      bool
	reads, writes, readBytes, writtenBytes, readTime, writeTime *telemetry.Total
}

func build(env plugins.Env, c Config) (*input, error) {
	return &input{env.Host.Disks, telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) diskSeries {
		if !c.includesDevice(name) {
			return diskSeries{}
		}
		device := telemetry.Label{Key: "device", Value: name}
		return diskSeries{
			wanted:       true,
			reads:        f.Counter("io_read_count", telemetry.Operations, device),
			writes:       f.Counter("io_write_count", telemetry.Operations, device),
			readBytes:    f.Counter("io_read_bytes", telemetry.Bytes, device),
			writtenBytes: f.Counter("io_write_bytes", telemetry.Bytes, device),
			readTime:     f.Counter("io_read_time", telemetry.Milliseconds, device),
			writeTime:    f.Counter("io_write_time", telemetry.Milliseconds, device),
		}
	})}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	disks, err := in.readDisks(ctx)
	for _, r := range disks {
		d := in.disks.Get(r.Name)
		if !d.wanted {
			continue
		}
		d.reads.Add(out, r.Reads)
		d.writes.Add(out, r.Writes)
		d.readBytes.Add(out, r.ReadBytes)
		d.writtenBytes.Add(out, r.WriteBytes)
		d.readTime.Add(out, r.ReadTime)
		d.writeTime.Add(out, r.WriteTime)
	}
	if err == nil {
		in.disks.Sweep(out)
	}
	return err
}
