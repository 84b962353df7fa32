package sqlite

import "time"

// SetPatience sets how long a write waits for other processes.
func (w *Writer) SetPatience(d time.Duration) { w.patience = d }
