package linuxcpu

import (
	"context"
	"math"
	"slices"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readCPUs func(context.Context) ([]sysinfo.CPU, error)
	cores    *telemetry.Vec[string, coreSeries]
	perCore  bool
}

// Gather implements plugins.Gatherer. The first reading of a core is a baseline and yields no samples.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	cpus, err := in.readCPUs(ctx)
	for _, c := range cpus {
		now, counted := convertTimes(c.States)
		in.cores.Get(c.Core).addShares(out, now, counted)
		if !in.perCore { // the first one is the total
			break
		}
	}
	if err == nil {
		in.cores.Sweep(out)
	}
	return err
}

// convertTimes returns times in microseconds. Guests exist on Linux only.
func convertTimes(seconds map[string]float64) (t cpuTicks, counted stateSet) {
	names := stateNames()
	for state, v := range seconds {
		i := slices.Index(names[:guest], state)
		if i < 0 || !(v >= 0 && v < math.MaxInt64/1e6) {
			continue
		}
		t[i] = uint64(v * 1e6)
		counted |= 1 << i
	}
	return t, counted
}
