package agent

import (
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// reportRejections counts the samples that a batch left out, and logs those that it describes: the first of each series.
func reportRejections(b *telemetry.Batch, stats *selfstat.Input, log *slog.Logger) {
	stats.Implausible.Add(int64(b.Rejected()))
	for _, r := range b.Rejections() {
		log.Warn("sample left out, further ones of this series are only counted",
			"series", r.Series.String(), "value", r.Value, "reason", r.Reason,
			"least", r.Series.Bounds().Least, "most", r.Series.Bounds().Most)
	}
}
