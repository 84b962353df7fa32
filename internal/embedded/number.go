package embedded

import (
	"math"
	"strconv"
	"strings"
)

// parseInt reads a decimal int64 as Redis does: no plus sign, no blanks, no leading zeros.
func parseInt(b []byte) (int64, bool) {
	if len(b) > 1 && b[0] == '0' || len(b) > 1 && b[0] == '-' && b[1] == '0' {
		return 0, false
	}
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return parseLongInt(b, neg)
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// parseLongInt takes the 19 digit numbers, where overflow must be looked at.
func parseLongInt(b []byte, neg bool) (int64, bool) {
	if len(b) != 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	s := string(b)
	if neg {
		s = "-" + s
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseValue reads a sample's value. RedisTimeSeries takes the number grammar
// of JSON (".5", "5.", "+5" and "05" are invalid) and nothing that is not finite.
func parseValue(b []byte) (float64, bool) {
	if !isJSONNumber(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// parseDouble reads a number as Redis does outside samples, with strtod: ".5", "+5", "inf" and "0x10" are numbers.
func parseDouble(b []byte) (float64, bool) {
	s := string(b)
	if strings.ContainsAny(s, "xX") && !strings.ContainsAny(s, "pP") {
		s += "p0" // strconv wants the exponent
	}
	v, err := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	tiny := v == 0 && strings.ContainsAny(mantissa, "123456789") // strtod reports it as out of range
	return v, err == nil && !math.IsNaN(v) && !tiny
}

func isJSONNumber(b []byte) bool {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	n := digits(b[i:])
	if n == 0 || n > 1 && b[i] == '0' {
		return false
	}
	i += n
	if i < len(b) && b[i] == '.' {
		n = digits(b[i+1:])
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
		n = digits(b[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return i == len(b)
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// decimal splits |v| into its shortest digits and the exponent of the first
// one: 0.25 is "25", -1.
func decimal(scratch *[32]byte, v float64) (ds []byte, exp int) {
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
	ds = b[:e]
	if e > 1 { // drop the point: "d.ddd" becomes "dddd"
		ds[1] = ds[0]
		ds = ds[1:]
	}
	return ds, exp
}

// appendValue2 writes v as RedisTimeSeries does on RESP2 (dragonbox with its
// own rule): whole numbers below 2^52 plain, others when they end in a digit
// of their own; "5E-1" for everything else.
func appendValue2(dst []byte, v float64) []byte {
	if special, ok := specialValue(v, "NaN", "Infinity"); ok {
		return append(dst, special...)
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	var scratch [32]byte
	ds, exp := decimal(&scratch, v)
	if exp >= 0 && (len(ds) > exp || isWhole(v, 1<<52)) {
		return appendPlain(dst, ds, exp)
	}
	dst = appendMantissa(dst, ds)
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}

func isWhole(v, limit float64) bool { return math.Abs(v) <= limit && v == math.Trunc(v) }

// appendValue3 writes v as Redis writes a RESP3 double: whole numbers of 64
// bits plain, else fpconv's rule.
func appendValue3(dst []byte, v float64) []byte {
	if special, ok := specialValue(v, "nan", "inf"); ok {
		return append(dst, special...)
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	var scratch [32]byte
	ds, exp := decimal(&scratch, v)
	unit := exp - len(ds) + 1 // exponent of the last digit
	switch fits := unit < 0 && (unit > -7 || exp > -4 && exp < 4); {
	case unit >= 0 && exp < len(ds)+7, fits && exp >= 0, isWhole(v, 1<<62):
		return appendPlain(dst, ds, exp)
	case fits:
		dst = append(dst, '0', '.')
		for ; exp < -1; exp++ {
			dst = append(dst, '0')
		}
		return append(dst, ds...)
	}
	dst = append(appendMantissa(dst, ds), 'e')
	if exp >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(exp), 10)
}

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

func appendPlain(dst, ds []byte, exp int) []byte {
	if len(ds) > exp+1 {
		dst = append(append(dst, ds[:exp+1]...), '.')
		return append(dst, ds[exp+1:]...)
	}
	dst = append(dst, ds...)
	for i := len(ds); i <= exp; i++ {
		dst = append(dst, '0')
	}
	return dst
}

func appendMantissa(dst, ds []byte) []byte {
	dst = append(dst, ds[0])
	if len(ds) > 1 {
		dst = append(append(dst, '.'), ds[1:]...)
	}
	return dst
}
