package logquery

import (
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// TimeFormats describes what [ParseTime] accepts, for the help of a flag.
const TimeFormats = "15m, 2h or 7d (ago), today, yesterday, 2026-11-25, \"2026-11-25 19:00\", 19:00 or RFC 3339"

// ParseTime parses a time, or a duration before now. A day without a time is its beginning. It returns the zero time for "".
func ParseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch text {
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	var ago conf.Duration
	if err := ago.UnmarshalScalar(text); err == nil {
		return now.Add(-ago.D()), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write %s", text, TimeFormats)
}
