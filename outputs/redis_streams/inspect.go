package redisstreams

import (
	"context"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// Inspect implements [outputs.Inspector]. Its probe has no effect, because no stream accepts an entry with the ID 0-0.
func (w *Writer) Inspect(ctx context.Context, _ []*telemetry.Series) outputs.Report {
	streams := []string{w.config.Stream}
	if w.config.Metrics {
		streams = append(streams, w.config.MetricsStream)
	}
	var needs redisconn.Needs
	for _, s := range streams {
		needs.Probes = append(needs.Probes, []any{"XADD", s, "0-0", "probe", "1"})
	}
	r, _ := w.client.Inspect(ctx, needs)
	for _, s := range streams {
		switch n, err := w.client.XLen(ctx, s).Result(); {
		case err == nil:
			r.Notes = append(r.Notes, fmt.Sprintf("stream %s holds %d entries", s, n))
		case isWrongType(err):
			r.Faults = append(r.Faults, fmt.Sprintf("the key %s is not a stream: rename or delete it, or configure another stream", s))
		default:
			r.Notes = append(r.Notes, fmt.Sprintf("the length of the stream %s is unknown: %v", s, err))
		}
	}
	return r
}
