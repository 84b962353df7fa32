package redistimeseries

import (
	"context"
	"time"
)

const (
	keyError = "error"

	// askEvictions is how often the server is asked about evictions, at most.
	askEvictions = time.Minute
)

// evictions is what is known about keys that the server removes to free memory.
type evictions struct {
	asked  time.Time
	keys   int64 // in all, when it was asked last
	warned bool
}

// SeriesGone implements [outputs.SeriesKeeper].
func (w *Writer) SeriesGone() int64 { return w.gone.Load() }

// reportGone counts series that were gone from Redis, and logs why. That the server was emptied, or failed over to one
// without them, is logged each time; that it evicts keys is a setting to be corrected, and logged once.
func (w *Writer) reportGone(ctx context.Context, series int) {
	w.gone.Add(int64(series))
	switch {
	case w.warnEvictions(ctx, series):
	case !w.vanishing && !w.evicted.warned:
		w.log.Warn("series are gone from redis, making them again", "series", series)
	}
	w.vanishing = true
}

// warnEvictions logs that the server evicts keys, if it has done so since it was asked last.
func (w *Writer) warnEvictions(ctx context.Context, series int) bool {
	now := time.Now()
	if now.Sub(w.evicted.asked) < askEvictions {
		return false
	}
	w.evicted.asked = now
	keys, policy, err := w.client.Evictions(ctx)
	if err != nil {
		w.log.Debug("cannot ask redis for evicted keys; that needs the right +info", keyError, err)
		return false
	}
	more := keys > w.evicted.keys
	w.evicted.keys = keys
	if !more || w.evicted.warned {
		return false
	}
	w.evicted.warned = true
	w.log.Warn("redis evicts series to free memory, and what was in them is lost: "+
		"CONFIG SET maxmemory-policy noeviction, and raise maxmemory or shorten the retention",
		"series", series, "evicted_keys", keys, "maxmemory_policy", policy)
	return true
}
