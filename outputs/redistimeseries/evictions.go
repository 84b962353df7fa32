package redistimeseries

import (
	"context"
	"time"
)

const (
	keyError = "error"

	// askEvictions is the shortest time between two questions about evictions.
	askEvictions = time.Minute
)

// evictions holds what is known about keys that the server evicts to free memory.
type evictions struct {
	asked  time.Time
	keys   int64 // total when the server was last asked
	warned bool
}

// SeriesGone implements [outputs.SeriesKeeper].
func (w *Writer) SeriesGone() int64 { return w.seriesGone.Load() }

// reportGone counts series that were gone from Redis and logs the reason. It logs once that the server evicts keys, because a
// setting must be corrected. It logs each time that the server was emptied or failed over to one without the series.
func (w *Writer) reportGone(ctx context.Context, series int) {
	w.seriesGone.Add(int64(series))
	switch {
	case w.warnEvictions(ctx, series):
	case !w.vanished && !w.evictions.warned:
		w.log.Warn("series are gone from redis, creating them again", "series", series)
	}
	w.vanished = true
}

// warnEvictions logs that the server evicts keys if it has done so since it was last asked. It reports whether it logged.
func (w *Writer) warnEvictions(ctx context.Context, series int) bool {
	now := time.Now()
	if now.Sub(w.evictions.asked) < askEvictions {
		return false
	}
	w.evictions.asked = now
	keys, policy, err := w.client.Evictions(ctx)
	if err != nil {
		w.log.Debug("cannot ask redis for evicted keys; that needs the right +info", keyError, err)
		return false
	}
	more := keys > w.evictions.keys
	w.evictions.keys = keys
	if !more || w.evictions.warned {
		return false
	}
	w.evictions.warned = true
	w.log.Warn("redis evicts series to free memory, and their samples are lost: "+
		"CONFIG SET maxmemory-policy noeviction, and raise maxmemory or shorten the retention",
		"series", series, "evicted_keys", keys, "maxmemory_policy", policy)
	return true
}
