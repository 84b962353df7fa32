package linuxswap

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readSwap func(context.Context) (sysinfo.Swap, error)
	series   swapSeries
}

// Gather implements plugins.Gatherer. The space may have been read although the traffic was not.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	s, err := in.readSwap(ctx)
	if err == nil || s != (sysinfo.Swap{}) {
		in.series.addSpace(out, s.Total, s.Free)
	}
	if s.HasTraffic {
		in.series.in.Add(out, s.In)
		in.series.out.Add(out, s.Out)
	}
	return err
}
