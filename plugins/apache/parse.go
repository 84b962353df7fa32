package apache

import (
	"bytes"
	"strconv"
)

// eachField calls f for every "Name: value" of the page (modules/generators/mod_status.c).
func eachField(page []byte, f func(name, value []byte)) {
	for len(page) > 0 {
		var line []byte
		line, page, _ = bytes.Cut(page, []byte("\n"))
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			f(bytes.TrimSpace(name), bytes.TrimSpace(value))
		}
	}
}

// number reads ".5", "12" and "0%".
func number(value []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(bytes.TrimSuffix(value, []byte("%"))), 64)
	return v, err == nil && v >= 0 && v <= 1<<63 // false of NaN
}

// states are the scoreboard's letters and what they stand for (include/scoreboard.h, mod_status.c).
func states() []struct {
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
