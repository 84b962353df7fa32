package resp

import (
	"math"
	"strconv"
	"strings"
)

// ParseInt parses a decimal int64 as Redis does: without a plus sign, blanks and
// leading zeros.
func ParseInt(b []byte) (int64, bool) {
	if len(b) > 1 && b[0] == '0' || len(b) > 1 && b[0] == '-' && b[1] == '0' {
		return 0, false
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return parseLongInt(b, negative)
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// parseLongInt parses numbers of 19 digits, the only ones that can overflow.
func parseLongInt(b []byte, negative bool) (int64, bool) {
	if len(b) != 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	s := string(b)
	if negative {
		s = "-" + s
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// ParseSampleValue parses the value of a sample. RedisTimeSeries accepts finite
// numbers in the grammar of JSON: ".5", "5.", "+5" and "05" are invalid.
func ParseSampleValue(b []byte) (float64, bool) {
	if !isJSONNumber(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// ParseDouble parses a number as Redis does everywhere else, with C's strtod:
// ".5", "+5", "inf" and "0x10" are valid. NaN is not.
func ParseDouble(b []byte) (float64, bool) {
	s := string(b)
	if strings.ContainsAny(s, "xX") && !strings.ContainsAny(s, "pP") {
		s += "p0" // strconv requires an exponent
	}
	v, err := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	tiny := v == 0 && strings.ContainsAny(mantissa, "123456789") // strtod reports it as out of range
	return v, err == nil && !math.IsNaN(v) && !tiny
}

// isJSONNumber reports whether b is a number in the grammar of JSON.
func isJSONNumber(b []byte) bool {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	n := CountDigits(b[i:])
	if n == 0 || n > 1 && b[i] == '0' {
		return false
	}
	i += n
	if i < len(b) && b[i] == '.' {
		n = CountDigits(b[i+1:])
		if n == 0 {
			return false
		}
		i += 1 + n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n = CountDigits(b[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return i == len(b)
}

// CountDigits returns how many decimal digits b starts with.
func CountDigits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// splitDecimal splits |v| into its shortest digits and the exponent of the first
// one: 0.25 becomes "25" and -1.
func splitDecimal(scratch *[32]byte, v float64) (digits []byte, exp int) {
	b := strconv.AppendFloat(scratch[:0], math.Abs(v), 'e', -1, 64)
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	for _, c := range b[e+2:] {
		exp = exp*10 + int(c-'0')
	}
	if b[e+1] == '-' {
		exp = -exp
	}
	digits = b[:e]
	if e > 1 { // remove the point: "d.ddd" becomes "dddd"
		digits[1] = digits[0]
		digits = digits[1:]
	}
	return digits, exp
}

// AppendSampleValue appends v as RedisTimeSeries writes it in RESP2 (dragonbox
// with a rule of its own). Whole numbers up to 2^52 and numbers whose shortest
// form has digits down to the units are plain; all others look like "5E-1".
func AppendSampleValue(dst []byte, v float64) []byte {
	if special, ok := specialValue(v, "NaN", "Infinity"); ok {
		return append(dst, special...)
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	var scratch [32]byte
	digits, exp := splitDecimal(&scratch, v)
	if exp >= 0 && (len(digits) > exp || isWhole(v, 1<<52)) {
		return appendPlain(dst, digits, exp)
	}
	dst = appendMantissa(dst, digits)
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}

// isWhole reports whether v is a whole number with |v| <= limit.
func isWhole(v, limit float64) bool { return math.Abs(v) <= limit && v == math.Trunc(v) }

// AppendDouble appends v as Redis writes a RESP3 double: whole numbers of 64 bits
// plain, all others by the rule of fpconv.
func AppendDouble(dst []byte, v float64) []byte {
	if special, ok := specialValue(v, "nan", "inf"); ok {
		return append(dst, special...)
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	var scratch [32]byte
	digits, exp := splitDecimal(&scratch, v)
	unit := exp - len(digits) + 1 // exponent of the last digit
	switch fits := unit < 0 && (unit > -7 || exp > -4 && exp < 4); {
	case unit >= 0 && exp < len(digits)+7, fits && exp >= 0, isWhole(v, 1<<62):
		return appendPlain(dst, digits, exp)
	case fits:
		dst = append(dst, '0', '.')
		for ; exp < -1; exp++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(appendMantissa(dst, digits), 'e')
	if exp >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(exp), 10)
}

// specialValue returns the text of zero, infinities and NaN.
func specialValue(v float64, nan, inf string) (string, bool) {
	switch {
	case math.IsNaN(v):
		return nan, true
	case math.IsInf(v, 1):
		return inf, true
	case math.IsInf(v, -1):
		return "-" + inf, true
	case v == 0 && !math.Signbit(v):
		return "0", true
	case v == 0:
		return "-0", true
	}
	return "", false
}

// appendPlain appends digits without an exponent.
func appendPlain(dst, digits []byte, exp int) []byte {
	if len(digits) > exp+1 {
		dst = append(append(dst, digits[:exp+1]...), '.')
		return append(dst, digits[exp+1:]...)
	}
	dst = append(dst, digits...)
	for i := len(digits); i <= exp; i++ {
		dst = append(dst, '0')
	}
	return dst
}

// appendMantissa appends "d.ddd".
func appendMantissa(dst, digits []byte) []byte {
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	return dst
}
