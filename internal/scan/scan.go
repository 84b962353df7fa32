// Package scan parses text such as the kernel's files: lines, fields and numbers. The functions on bytes do not allocate, and
// the slices that they return share the memory of their argument. They accept any input without panicking.
//
//   - scan.go: lines, fields and numbers. pair.go: header lines with a line of values.
//   - snake.go: converts the kernel's names to snake case.
package scan

import (
	"bytes"
	"math"
)

// CutLine splits off the first line, without its newline. An empty line and the end of the data look the same, so callers loop
// while the rest is not empty.
func CutLine(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i], data[i+1:]
	}
	return data, nil
}

// CutField skips white space, newlines included, and splits off the field that follows. The field is empty if none is left.
func CutField(line []byte) (field, rest []byte) {
	start := 0
	for start < len(line) && isBlank(line[start]) {
		start++
	}
	end := start
	for end < len(line) && !isBlank(line[end]) {
		end++
	}
	return line[start:end], line[end:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// ParseUint parses a field of decimal digits. ok is false for anything else and for numbers above 64 bits.
func ParseUint(field []byte) (v uint64, ok bool) {
	for _, c := range field {
		d := uint64(c - '0') // wraps around for a smaller byte
		if d > 9 || v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, len(field) > 0
}

// ParseInt parses a field of decimal digits with an optional minus sign. ok is false for anything else and for numbers that
// do not fit in 64 bits.
func ParseInt(field []byte) (v int64, ok bool) {
	digits, negative := bytes.CutPrefix(field, []byte{'-'})
	u, ok := ParseUint(digits)
	switch {
	case !ok || u > math.MaxInt64+1 || u > math.MaxInt64 && !negative:
		return 0, false
	case negative:
		return -int64(u), true // also right for 1<<63, which int64 wraps to the smallest number
	}
	return int64(u), true
}

// ParseHex parses a field of hexadecimal digits, in either case and without "0x". ok is false for anything else and for
// numbers above 64 bits.
func ParseHex(field []byte) (v uint64, ok bool) {
	for _, c := range field {
		var d byte
		switch {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return 0, false
		}
		if v > math.MaxUint64>>4 {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, len(field) > 0
}

// ParseUints stores the numbers at the start of a line until the slice is full or a field is not a number, and returns how many
// it stored. A negative number becomes 0, because old kernels let the "requests in flight" of /proc/diskstats drop below 0.
func ParseUints(line []byte, into []uint64) int {
	for n := range into {
		var field []byte
		field, line = CutField(line)
		negative := len(field) > 1 && field[0] == '-'
		if negative {
			field = field[1:]
		}
		v, ok := ParseUint(field)
		if !ok {
			return n
		}
		if negative {
			v = 0
		}
		into[n] = v
	}
	return len(into)
}

// maxFraction is the maximum number of digits after the point: as many as fit in 64 bits. The kernel writes two.
const maxFraction = 18

// ParseDecimal parses a field such as "12" or "0.08". ok is false for anything else.
func ParseDecimal(field []byte) (v float64, ok bool) {
	whole, fraction, dotted := bytes.Cut(field, []byte{'.'})
	w, ok := ParseUint(whole)
	if !ok || !dotted {
		return float64(w), ok
	}
	f, ok := ParseUint(fraction)
	if !ok || len(fraction) > maxFraction {
		return 0, false
	}
	// While all digits together are below 2⁵³, only the division rounds: 5.69 becomes 5.69, as with strconv, and not
	// 5.6899999999999995.
	scale := math.Pow10(len(fraction))
	return (float64(w)*scale + float64(f)) / scale, true
}

// FindValue finds the line that starts with key and returns the number after it. The key includes its terminator:
// "MemTotal:" in /proc/meminfo, "pswpin " in /proc/vmstat.
func FindValue(data []byte, key string) (v uint64, ok bool) {
	for at := 0; at < len(data); {
		i := bytes.Index(data[at:], []byte(key))
		if i < 0 {
			return 0, false
		}
		start := at + i
		at = start + len(key)
		if start > 0 && data[start-1] != '\n' {
			continue
		}
		line, _ := CutLine(data[at:])
		field, _ := CutField(line)
		return ParseUint(field)
	}
	return 0, false
}
