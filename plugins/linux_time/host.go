package linuxtime

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readClock func(context.Context) (sysinfo.Clock, error)
	gauges    []gaugeSeries
}

func newHostInput(env plugins.Env) *hostInput {
	return &hostInput{env.Host.Clock, newGauges(env.Factory, clockGauges())}
}

// Gather implements plugins.Gatherer.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	c, err := in.readClock(ctx)
	if err != nil {
		return err
	}
	addGauges(out, in.gauges, &clockState{
		state: c.State, status: c.Status, offset: c.Offset, frequency: c.Frequency, maxError: c.MaxError, estimatedError: c.EstimatedError,
		constant: c.Constant,
	})
	return nil
}
