package linuxio

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readDisks func(context.Context) ([]sysinfo.Disk, error)
	devices   *telemetry.Vec[string, deviceSeries]
}

// Gather implements plugins.Gatherer.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	disks, err := in.readDisks(ctx)
	for _, r := range disks {
		if d := in.devices.Get(r.Name); d.wanted {
			d.addSamples(out, deviceStats{
				counters: [numCounters]float64{
					reads: r.Reads, writes: r.Writes, readBytes: r.ReadBytes, writeBytes: r.WriteBytes, readTime: r.ReadTime, writeTime: r.WriteTime,
				},
				busy: r.BusyTime, hasBusy: r.HasBusyTime,
			})
		}
	}
	if err == nil {
		in.devices.Sweep(out)
	}
	return err
}
