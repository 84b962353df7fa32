package agent

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// health turns a stream of results into one log line per change: it fails, it fails for another reason, it works.
type health struct {
	log   *slog.Logger
	lost  bool          // a failure means lost data
	calm  time.Duration // for which nothing must have failed until it works again
	tell  tell          // hears the same; may be nil
	since time.Time     // of the first failure in a row; zero while all is well
	last  time.Time     // failure
	said  []string      // the reasons that were logged since then
}

// maxReasons is how many reasons of one failure are logged: they may have something in them that is new every time.
const maxReasons = 20

// tell passes on what is to be known beyond the log.
type tell func(severity telemetry.Severity, message string)

// fail reports a failure unless the same one was reported already.
func (h *health) fail(message string, err error, attrs ...any) {
	h.last = time.Now()
	if h.since.IsZero() {
		h.since = h.last
	}
	reason := message + withoutDigits(err.Error())
	if len(h.said) == maxReasons || slices.Contains(h.said, reason) {
		return
	}
	h.said = append(h.said, reason)
	level := slog.LevelWarn
	if h.lost {
		level = slog.LevelError
	}
	h.log.Log(context.Background(), level, message, append([]any{keyError, err}, attrs...)...)
	if h.tell != nil {
		h.tell(telemetry.Error, message+": "+err.Error())
	}
}

// ok reports the end of a failure, and returns whether there was one.
func (h *health) ok(message string, attrs ...any) bool {
	if h.since.IsZero() || time.Since(h.last) < h.calm {
		return false
	}
	h.log.Info(message, append([]any{keyFor, time.Since(h.since).Round(time.Millisecond)}, attrs...)...)
	if h.tell != nil {
		h.tell(telemetry.Informational, message)
	}
	h.since, h.said = time.Time{}, h.said[:0]
	return true
}

// withoutDigits makes error texts comparable that differ in a port or a count.
func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}
