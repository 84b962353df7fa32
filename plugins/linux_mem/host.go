package linuxmem

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	host   *sysinfo.Host
	series memorySeries

	active, inactive, wired *telemetry.Series // nil: not reported
}

func newHostInput(env plugins.Env, c Config) *hostInput {
	in := &hostInput{host: env.Host, series: newMemorySeries(env.Factory)}
	if c.Full {
		in.active = env.Factory.Gauge("mem_active", telemetry.Bytes)
		in.inactive = env.Factory.Gauge("mem_inactive", telemetry.Bytes)
		in.wired = env.Factory.Gauge("mem_wired", telemetry.Bytes)
	}
	return in
}

// Gather implements plugins.Gatherer. Amounts that a system does not count are 0, and left out.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	m, errMemory := in.host.Memory(ctx)
	if errMemory == nil {
		in.series.addMemory(out, amounts{
			total: m.Total, free: m.Free, available: m.Available, used: m.Used, buffers: m.Buffers, cached: m.Cached,
			hasBuffers: m.Buffers > 0, hasCached: m.Cached > 0,
		})
		for _, a := range []struct {
			series *telemetry.Series
			bytes  float64
		}{{in.active, m.Active}, {in.inactive, m.Inactive}, {in.wired, m.Wired}} {
			if a.bytes > 0 {
				out.AddUpTo(a.series, a.bytes, m.Total)
			}
		}
	}
	s, errSwap := in.host.Swap(ctx)
	if errSwap == nil {
		in.series.addSwap(out, s.Total, s.Free)
	}
	return errors.Join(errMemory, errSwap)
}
