package apache

import (
	"bytes"
	"strconv"
)

// forEachField calls f for every "Name: value" of the page (modules/generators/mod_status.c).
func forEachField(page []byte, f func(name, value []byte)) {
	for len(page) > 0 {
		var line []byte
		line, page, _ = bytes.Cut(page, []byte("\n"))
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			f(bytes.TrimSpace(name), bytes.TrimSpace(value))
		}
	}
}

// parseNumber parses ".5", "12" and "0%".
func parseNumber(value []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(bytes.TrimSuffix(value, []byte("%"))), 64)
	return v, err == nil && v >= 0 && v <= 1<<63 // false for NaN
}

// workerStates returns the letters of the scoreboard and their meaning (include/scoreboard.h, mod_status.c).
func workerStates() []struct {
	letter byte
	name   string
} {
	return []struct {
		letter byte
		name   string
	}{
		{'_', "waiting"}, {'S', "starting"}, {'R', "reading"}, {'W', "sending"}, {'K', "keepalive"}, {'D', "dnslookup"},
		{'C', "closing"}, {'L', "logging"}, {'G', "finishing"}, {'I', "idle_cleanup"}, {'.', "open"},
	}
}
