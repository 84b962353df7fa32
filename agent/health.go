package agent

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxReasons is how many reasons of one failure are logged. Error texts can contain something that differs every time.
const maxReasons = 20

// health turns a stream of results into one log line per change: something fails, fails for another reason, or works
// again.
type health struct {
	log         *slog.Logger
	losesData   bool          // a failure loses data: it is logged as an error
	quietPeriod time.Duration // how long a failure must not recur before it counts as over
	emitStatus  func(telemetry.Severity, string)

	condition *selfstat.Condition // what is told about failures and successes at once; nil: nothing
	part      string              // of the condition

	since  time.Time // first failure in a row; zero while all is well
	last   time.Time // last failure
	logged []string  // the reasons that were logged since then
}

// reportFailure reports a failure, unless it was logged already.
func (h *health) reportFailure(message string, err error, attrs ...any) {
	h.last = time.Now()
	h.condition.Fail(h.part, message+": "+err.Error())
	if h.since.IsZero() {
		h.since = h.last
	}
	reason := message + withoutDigits(err.Error())
	if len(h.logged) == maxReasons || slices.Contains(h.logged, reason) {
		return
	}
	h.logged = append(h.logged, reason)
	level := slog.LevelWarn
	if h.losesData {
		level = slog.LevelError
	}
	h.log.Log(context.Background(), level, message, append([]any{keyError, err}, attrs...)...)
	if h.emitStatus != nil {
		h.emitStatus(telemetry.Error, message+": "+err.Error())
	}
}

// reportSuccess reports the end of a failure and returns whether there was one.
func (h *health) reportSuccess(message string, attrs ...any) bool {
	h.condition.Succeed(h.part)
	if h.since.IsZero() || time.Since(h.last) < h.quietPeriod {
		return false
	}
	h.log.Info(message, append([]any{keyFor, time.Since(h.since).Round(time.Millisecond)}, attrs...)...)
	if h.emitStatus != nil {
		h.emitStatus(telemetry.Informational, message)
	}
	h.since, h.logged = time.Time{}, h.logged[:0]
	return true
}

// withoutDigits removes digits, so that error texts that differ only in a port or a count compare equal.
func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}
