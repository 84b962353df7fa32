package agent

import (
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// reportRejections counts and logs what a batch left out: samples that cannot be right, the first of each series with its
// reason, and entities beyond the limit of a [telemetry.Vec].
func reportRejections(b *telemetry.Batch, stats *selfstat.Input, log *slog.Logger) {
	stats.Implausible.Add(int64(b.Rejected()))
	for _, r := range b.Rejections() {
		log.Warn("sample left out, further ones of this series are only counted",
			"series", r.Series.String(), "value", r.Value, "reason", r.Reason,
			"least", r.Series.Bounds().Least, "most", r.Series.Bounds().Most)
	}
	if entities, limit := b.RefusedEntities(); entities > 0 {
		if stats.Refused.Add(int64(entities)) == int64(entities) {
			log.Warn("input has more entities than its limit, those beyond it have no series; select fewer in its settings",
				"limit", limit, "beyond", entities)
		}
	}
}
