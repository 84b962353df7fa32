package agent

import (
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// reportRejections counts and logs what a batch left out: samples that cannot be right, the first of each series with its
// reason, and things beyond the limit of a [telemetry.Vec].
func reportRejections(b *telemetry.Batch, stats *selfstat.Input, log *slog.Logger) {
	stats.Implausible.Add(int64(b.Rejected()))
	for _, r := range b.Rejections() {
		log.Warn("sample left out, further ones of this series are only counted",
			"series", r.Series.String(), "value", r.Value, "reason", r.Reason,
			"least", r.Series.Bounds().Least, "most", r.Series.Bounds().Most)
	}
	if things, limit := b.RefusedThings(); things > 0 {
		if stats.Refused.Add(int64(things)) == int64(things) {
			log.Warn("too many things to keep series for, those beyond the limit have none; choose fewer in the input's settings",
				"limit", limit, "beyond", things)
		}
	}
}
