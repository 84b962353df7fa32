package query

import (
	"runtime"
	"time"

	"github.com/prometheus/prometheus/storage"
)

// SetClock makes the label index take the time from a function.
func (e *Engine) SetClock(now func() time.Time) { e.index.now = now }

// The limits of the label index.
const (
	IndexRefresh = indexRefresh
	IndexRecheck = indexRecheck
)

// DisablePushDown makes Redis return all samples.
func (e *Engine) DisablePushDown() { e.noPushDown = true }

// PushDown returns what Redis would aggregate for a selector.
func PushDown(hints *storage.SelectHints, lookback int64, nested bool) (string, int64) {
	a, ok := pushDown(hints, lookback, nested)
	if !ok {
		return "", 0
	}
	return a.function, a.bucket
}

// Started returns a channel that is closed when a query has got a place.
func (e *Engine) Started() <-chan struct{} {
	started := make(chan struct{})
	go func() {
		for len(e.places) == 0 {
			runtime.Gosched()
		}
		close(started)
	}()
	return started
}

// Break makes every read panic.
func (e *Engine) Break() { e.reader = nil }
