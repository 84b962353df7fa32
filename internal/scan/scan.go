// Package scan reads the text files of the kernel as bytes, without allocating: lines, blank-separated fields, numbers.
//
// What it returns are pieces of the file that was passed in. No function panics, whatever the file contains.
package scan

import (
	"bytes"
	"math"
)

// Line splits off the first line, without its newline. Both are nil at the end of the data.
func Line(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i], data[i+1:]
	}
	return data, nil
}

// Field splits off the first field, which ends at a blank or a tab. It is empty at the end of the line.
func Field(line []byte) (field, rest []byte) {
	start := 0
	for start < len(line) && blank(line[start]) {
		start++
	}
	end := start
	for end < len(line) && !blank(line[end]) {
		end++
	}
	return line[start:end], line[end:]
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// Uint reads a field of decimal digits; ok is false for anything else and for what does not fit in 64 bits.
func Uint(field []byte) (v uint64, ok bool) {
	for _, c := range field {
		d := uint64(c - '0')
		if c < '0' || d > 9 || v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, len(field) > 0
}

// Int reads a field of decimal digits with or without a minus sign; ok is false for anything else and for what does not
// fit in 64 bits.
func Int(field []byte) (v int64, ok bool) {
	digits, negative := bytes.CutPrefix(field, []byte{'-'})
	u, ok := Uint(digits)
	switch {
	case !ok || u > math.MaxInt64+1 || u > math.MaxInt64 && !negative:
		return 0, false
	case negative:
		return -int64(u), true
	}
	return int64(u), true
}

// Hex reads a field of hexadecimal digits, in either case and without "0x"; ok is false for anything else and for what
// does not fit in 64 bits.
func Hex(field []byte) (v uint64, ok bool) {
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

// Uints reads the numbers that the line begins with and returns how many there were; what does not fit into the
// target is not read. A negative number counts as 0: old kernels let "requests in flight" slip below it.
func Uints(line []byte, into []uint64) int {
	for n := range into {
		var field []byte
		field, line = Field(line)
		negative := len(field) > 1 && field[0] == '-'
		if negative {
			field = field[1:]
		}
		v, ok := Uint(field)
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

// maxFraction is how many digits behind the point are believed; the kernel writes two.
const maxFraction = 18

// Decimal reads a field such as "12" or "0.08"; ok is false for anything else.
func Decimal(field []byte) (v float64, ok bool) {
	whole, fraction, dotted := bytes.Cut(field, []byte{'.'})
	w, ok := Uint(whole)
	if !ok || !dotted {
		return float64(w), ok
	}
	f, ok := Uint(fraction)
	if !ok || len(fraction) > maxFraction {
		return 0, false
	}
	// One division of two whole numbers rounds once: 5.69 is 5.69, as strconv would have it, not 5.6899999999999995.
	scale := math.Pow10(len(fraction))
	return (float64(w)*scale + float64(f)) / scale, true
}

// Value finds the line that starts with key and returns the number behind it. The key includes what ends it:
// "MemTotal:" in /proc/meminfo, "pswpin " in /proc/vmstat.
func Value(data []byte, key string) (v uint64, ok bool) {
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
		line, _ := Line(data[at:])
		field, _ := Field(line)
		return Uint(field)
	}
	return 0, false
}
