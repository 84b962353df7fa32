package redistimeseries

import "time"

// Age lets the time pass after which refused series are tried again.
func (w *Writer) Age() { w.renewed = w.renewed.Add(-2 * refusedAgain) }

// ForgetEvictions makes the next write that finds series gone ask about evictions again.
func (w *Writer) ForgetEvictions() { w.evicted.asked = time.Time{} }
