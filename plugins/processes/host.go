package processes

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readProcesses func(context.Context) (sysinfo.Processes, error)
	series        processSeries
}

// Gather implements plugins.Gatherer. Windows has no states, and macOS does not count threads.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	p, err := in.readProcesses(ctx)
	if err != nil {
		return err // incomplete counts would look complete
	}
	if len(p.ByState) > 0 {
		for state, name := range map[processState]string{
			running: "running", sleeping: "sleeping", blocked: "blocked", zombie: "zombies", stopped: "stopped", idle: "idle", unknown: "unknown",
		} {
			out.Add(in.series.byState[state], float64(p.ByState[name]))
		}
	}
	out.Add(in.series.total, float64(p.Total))
	if p.Threads > 0 {
		out.Add(in.series.totalThreads, float64(p.Threads))
	}
	return nil
}
