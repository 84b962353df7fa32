package redistimeseries

// Age lets the time pass after which refused series are tried again.
func (w *Writer) Age() { w.renewed = w.renewed.Add(-2 * refusedAgain) }
