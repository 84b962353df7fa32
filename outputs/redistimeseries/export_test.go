package redistimeseries

import (
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Age lets the time pass after which refused series are tried again.
func (w *Writer) Age() { w.retryStarted = w.retryStarted.Add(-2 * retryRefusedAfter) }

// MakeRenewalDue lets the time pass after which the expiry of a series is renewed.
func (w *Writer) MakeRenewalDue(s *telemetry.Series) { w.entryOf(s).renewAt = 1 }

// Remembers reports whether the output keeps anything of a series.
func (w *Writer) Remembers(s *telemetry.Series) bool {
	return w.entryOf(s) != nil || len(w.unlabelled) > 0
}

// ForgetEvictions makes the next write that finds series gone ask about evictions again.
func (w *Writer) ForgetEvictions() { w.evictions.asked = time.Time{} }
