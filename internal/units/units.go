// Package units formats values for people: bytes with binary prefixes, rates with decimal ones, percentages without false precision.
package units

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Missing represents a value that does not exist. It is formatted as a dash.
var Missing = math.NaN()

const dash = "–"

// Format formats a value in a unit as in the label unit of a series, such as "bytes" or "bytes_per_second". Unknown units follow the
// number.
func Format(v float64, unit string) string {
	if special, ok := formatSpecial(v); ok {
		return special
	}
	of, isRate := strings.CutSuffix(unit, "per_second")
	if of = strings.TrimSuffix(of, "_"); isRate {
		switch of {
		case "bytes":
			return Rate(v) + "B/s"
		case "bits":
			return Rate(v) + "bit/s"
		case "seconds":
			return Percent(v * 100) // the share of the time
		case "milliseconds", "microseconds", "nanoseconds":
			return Number(v) + " " + of + "/s"
		}
		return Rate(v) + "/s"
	}
	switch of {
	case "":
		return Number(v)
	case "percent":
		return Percent(v)
	case "bytes":
		return Bytes(v)
	case "bits":
		return Rate(v) + "bit"
	case "seconds":
		return Duration(v)
	case "milliseconds":
		return Duration(v / 1e3)
	case "microseconds":
		return Duration(v / 1e6)
	case "nanoseconds":
		return Duration(v / 1e9)
	case "celsius":
		return Number(v) + " °C"
	case "hertz":
		return Rate(v) + "Hz"
	}
	return Number(v) + " " + of
}

// formatSpecial formats values that are no finite numbers.
func formatSpecial(v float64) (text string, ok bool) {
	switch {
	case math.IsNaN(v):
		return dash, true
	case math.IsInf(v, 1):
		return "∞", true
	case math.IsInf(v, -1):
		return "-∞", true
	}
	return "", false
}

// Bytes formats a number of bytes with three digits and a binary prefix.
func Bytes(v float64) string {
	if special, ok := formatSpecial(v); ok {
		return special
	}
	return scale(v, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"})
}

// Rate formats a number with three digits and a decimal prefix: "12.5 M". The caller appends the unit.
func Rate(v float64) string {
	if special, ok := formatSpecial(v); ok {
		return special + " "
	}
	return scale(v, 1000, []string{"", "k", "M", "G", "T", "P", "E"})
}

// scale divides v by base until it has at most three digits before the point. The result has the prefix for the number of divisions.
func scale(v, base float64, prefixes []string) string {
	i := 0
	for ; math.Abs(v) >= 999.5 && i < len(prefixes)-1; i++ { // larger values would be rounded to 1000
		v /= base
	}
	return digits(v) + " " + prefixes[i]
}

// digits formats a number with three significant digits, without an exponent for ordinary sizes.
func digits(v float64) string {
	abs := math.Abs(v)
	switch {
	case abs >= 1e15 || abs > 0 && abs < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case abs >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	decimals := 2
	if abs >= 10 {
		decimals = 1
	} else if abs < 0.1 {
		decimals = 4
	}
	return trimZeros(strconv.FormatFloat(v, 'f', decimals, 64))
}

func trimZeros(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// Number formats a number without a unit: whole numbers up to a million in full, others with three digits.
func Number(v float64) string {
	if special, ok := formatSpecial(v); ok {
		return special
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strings.TrimSpace(scale(v, 1000, []string{"", "k", "M", "G", "T", "P", "E"}))
}

// Percent formats a percentage: one decimal below 10, none above.
func Percent(v float64) string {
	if special, ok := formatSpecial(v); ok {
		return special
	}
	if math.Abs(v) < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " %"
}

// Duration formats a time in seconds with one unit, or with two where one alone is coarse: "350 µs", "2 s", "1 h 5 min", "41 d".
func Duration(seconds float64) string {
	if special, ok := formatSpecial(seconds); ok {
		return special
	}
	abs := math.Abs(seconds)
	switch {
	case abs == 0:
		return "0 s"
	case abs < 0.9995e-3:
		return digits(seconds*1e6) + " µs"
	case abs < 0.9995:
		return digits(seconds*1e3) + " ms"
	case abs < 59.95:
		return digits(seconds) + " s"
	case abs < 3600:
		return twoUnits(seconds, 60, "min", "s", abs < 600)
	case abs < 86400:
		return twoUnits(seconds/60, 60, "h", "min", true)
	}
	return twoUnits(seconds/3600, 24, "d", "h", abs < 10*86400)
}

// twoUnits formats a number of small units, of which base are a large one.
func twoUnits(small, base float64, largeName, smallName string, both bool) string {
	sign := ""
	if small < 0 {
		small, sign = -small, "-"
	}
	small = math.Floor(small + 0.05) // what the ranges of Duration round up
	large := math.Floor(small / base)
	rest := small - large*base
	text := sign + strconv.FormatFloat(large, 'f', 0, 64) + " " + largeName
	if both && rest > 0 {
		text += " " + strconv.FormatFloat(rest, 'f', 0, 64) + " " + smallName
	}
	return text
}

// Coarse formats a time in seconds like [Duration], with one unit only: "14 min".
func Coarse(seconds float64) string {
	text := Duration(seconds)
	if first, rest, ok := strings.Cut(text, " "); ok {
		unit, _, _ := strings.Cut(rest, " ")
		return first + " " + unit
	}
	return text
}

// Age formats how long ago something was: "2 s ago", "in 5 s" for the future.
func Age(d time.Duration) string {
	seconds := d.Round(time.Second).Seconds()
	if seconds < 0 {
		return "in " + Coarse(-seconds)
	}
	return Coarse(seconds) + " ago"
}
