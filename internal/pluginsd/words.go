package pluginsd

import (
	"math"
	"strconv"
)

// Limits of a line.
const (
	MaxLine  = 15_360 // bytes; Netdata's buffer of 16 KiB has room for so much
	MaxWords = 20     // the others are dropped
)

// SplitWords splits a line into words at blanks, tabs, line ends and "=". A word that begins with a quote ends at the next one of the same
// kind, or with the line; a backslash protects the byte behind it, and both stay. The words are parts of the line, in words[:0].
func SplitWords(words [][]byte, line []byte) [][]byte {
	words = words[:0]
	for i := 0; len(words) < MaxWords; {
		for i < len(line) && isSeparator(line[i]) {
			i++
		}
		if i == len(line) {
			break
		}
		quote := byte(0)
		if line[i] == '"' || line[i] == '\'' {
			quote = line[i]
			i++
		}
		begin := i
		for i < len(line) && (quote == 0 && !isSeparator(line[i]) || quote != 0 && line[i] != quote) {
			if line[i] == '\\' && i+1 < len(line) {
				i++
			}
			i++
		}
		words = append(words, line[begin:i])
		if quote != 0 && i < len(line) {
			i++
		}
	}
	return words
}

func isSeparator(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '=' }

// ParseInteger parses a number as Netdata does: an optional minus, then decimal, or hexadecimal after "0x", or base64 after "#". It stops at the first
// foreign byte. isExact is false if there was one, if there was no digit, or if the number has more than 64 bits; then the value is what Netdata would
// take, with the largest value in place of a larger one. A leading plus is accepted.
func ParseInteger(word []byte) (value int64, isExact bool) {
	rest, isNegative := word, false
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		isNegative = rest[0] == '-'
		rest = rest[1:]
	}
	base, digits := uint64(10), rest
	switch {
	case len(rest) > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X'):
		base, digits = 16, rest[2:]
	case len(rest) > 1 && rest[0] == '#':
		base, digits = 64, rest[1:]
	}
	magnitude, isExact := parseDigits(digits, base)
	switch {
	case isNegative && magnitude > 1<<63:
		return math.MinInt64, false
	case isNegative:
		return -int64(magnitude), isExact //nolint:gosec // at most 2^63, whose negative is itself
	case magnitude > math.MaxInt64:
		return math.MaxInt64, false
	}
	return int64(magnitude), isExact
}

// parseDigits parses digits until a foreign byte. Values that need more than 64 bits become the largest.
func parseDigits(digits []byte, base uint64) (value uint64, isExact bool) {
	isExact = len(digits) > 0
	for _, c := range digits {
		d := digitOf(c, base)
		if d >= base {
			return value, false
		}
		if value > (math.MaxUint64-d)/base {
			return math.MaxUint64, false
		}
		value = value*base + d
	}
	return value, isExact
}

// digitOf returns the value of a digit, or base.
func digitOf(c byte, base uint64) uint64 {
	switch {
	case base == 64:
		return base64Digit(c)
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case base == 16 && c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case base == 16 && c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return base
}

// base64Digit returns the value of a digit of the usual alphabet of base64, or 64.
func base64Digit(c byte) uint64 {
	switch {
	case c >= 'A' && c <= 'Z':
		return uint64(c - 'A')
	case c >= 'a' && c <= 'z':
		return uint64(c-'a') + 26
	case c >= '0' && c <= '9':
		return uint64(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 64
}

// ParseFloat parses a decimal number, or the bits of one as a number after "@" (base64) or "%" (hexadecimal).
func ParseFloat(word []byte) (value float64, ok bool) {
	if len(word) == 0 {
		return 0, false
	}
	switch word[0] {
	case '@':
		bits, ok := parseDigits(word[1:], 64)
		return math.Float64frombits(bits), ok
	case '%':
		bits, ok := parseDigits(word[1:], 16)
		return math.Float64frombits(bits), ok
	}
	value, err := strconv.ParseFloat(string(word), 64)
	return value, err == nil
}
