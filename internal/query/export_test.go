package query

import "time"

// SetClock makes the label index take the time from a function.
func (e *Engine) SetClock(now func() time.Time) { e.index.now = now }

// The limits of the label index.
const (
	IndexRefresh = indexRefresh
	IndexRecheck = indexRecheck
)
