package redistimeseries

import "context"

const keyError = "error"

// reportGone logs that series were gone from Redis.
func (w *Writer) reportGone(_ context.Context, series int) {
	if !w.vanishing {
		w.log.Warn("series are gone from redis, making them again", "series", series)
	}
	w.vanishing = true
}
