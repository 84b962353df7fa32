package redistimeseries

import "time"

// Age lets the time pass after which refused series are tried again.
func (w *Writer) Age() { w.retryStarted = w.retryStarted.Add(-2 * retryRefusedAfter) }

// ForgetEvictions makes the next write that finds series gone ask about evictions again.
func (w *Writer) ForgetEvictions() { w.evictions.asked = time.Time{} }
