package logquery

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// ParseSeverities parses a range of severities and returns the most and the least severe one. "warn" is a range of one;
// "warn.." is warnings and everything worse.
func ParseSeverities(text string) (from, to telemetry.Severity, err error) {
	if text == "" {
		return telemetry.Emergency, telemetry.Debug, nil
	}
	least, most, isRange := strings.Cut(text, "..")
	from, to = telemetry.Emergency, telemetry.Debug
	if least != "" {
		if to, err = parseSeverity(least); err != nil {
			return from, to, err
		}
	}
	switch {
	case !isRange:
		from = to
	case most != "":
		if from, err = parseSeverity(most); err != nil {
			return from, to, err
		}
	}
	return min(from, to), max(from, to), nil
}

func parseSeverity(text string) (telemetry.Severity, error) {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n <= uint64(telemetry.Debug) {
		return telemetry.Severity(n), nil
	}
	if len(text) >= 3 || text == "err" {
		for s := telemetry.Emergency; s <= telemetry.Debug; s++ {
			if strings.HasPrefix(s.String(), strings.ToLower(text)) {
				return s, nil
			}
		}
	}
	switch strings.ToLower(text) {
	case "panic":
		return telemetry.Emergency, nil
	case "informational":
		return telemetry.Informational, nil
	}
	return 0, fmt.Errorf("%q must be emerg, alert, crit, err, warn, notice, info, debug or 0 to 7, or a range such as info..err or warn.. (warnings and worse)", text)
}
