package linuxnet

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readInterfaces func(context.Context) ([]sysinfo.Interface, error)
	interfaces     *telemetry.Vec[string, interfaceSeries]
}

// Gather implements plugins.Gatherer.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	all, err := in.readInterfaces(ctx)
	for _, r := range all {
		if i := in.interfaces.Get(r.Name); i.wanted {
			_ = i.addSamples(out, counterValues{
				rxBytes: uint64(r.RxBytes), rxPackets: uint64(r.RxPackets), rxErrs: uint64(r.RxErrors), rxDrop: uint64(r.RxDropped),
				txBytes: uint64(r.TxBytes), txPackets: uint64(r.TxPackets), txErrs: uint64(r.TxErrors), txDrop: uint64(r.TxDropped),
			}) // only the state of a link can be unreadable
		}
	}
	if err == nil {
		in.interfaces.Sweep(out)
	}
	return err
}
