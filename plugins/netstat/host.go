package netstat

import (
	"context"
	"strings"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	readSockets func(context.Context) ([]sysinfo.Sockets, error)
	states      stateSeries
}

// Gather implements plugins.Gatherer. Counting is the expensive part: it is left out if no state is wanted.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	if in.states == (stateSeries{}) {
		return nil
	}
	all, err := in.readSockets(ctx)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, s := range all {
		if s.Protocol == "tcp" {
			counts[strings.ToLower(s.State)] += s.Count
		}
	}
	for state, name := range stateNames() {
		if name != "" {
			out.Add(in.states[state], float64(counts[name]))
		}
	}
	return nil
}
