package linesender

import (
	"math"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Line is what the lines of a series have in common. It is made once for each series.
type Line struct {
	Head, Tail []byte // before and after what changes

	series   *telemetry.Series
	identity uint64 // of the series
	name     uint64 // of the line, without a suffix
	isExact  bool   // its names are unchanged
	isUnsent bool   // the user does not want the series
	isSent   bool   // a value was sent
	bucket   bucket

	hasSuffix bool // because other series have the name
	isListed  bool // only within buckets.sweep
}

// Naming is what a [Format] needs to know about a series, besides the series.
type Naming struct {
	Host   string // of the series, or what replaces it
	Prefix string
	Names  Names
	Suffix string // for a name that would otherwise belong to several series; "": none
}

// Format makes the text of lines.
type Format interface {
	// NewLine returns the constant parts of the lines of a series. IsExact is false if they contain a name that was changed, so that
	// another series may have the same line.
	NewLine(s *telemetry.Series, n Naming) (head, tail []byte, isExact bool)

	// Append appends one line, with everything that separates it from the next one. The value is finite.
	Append(buf []byte, l *Line, ms int64, v float64) []byte
}

// AppendNumber appends a finite number as JSON and all receivers understand it: the shortest decimal that is read back as the same number,
// with an exponent if the number is very large or small, and never with a plus sign before it.
func AppendNumber(buf []byte, v float64) []byte {
	const exact = 1 << 53 // whole numbers up to here are exact
	if whole := int64(v); v > -exact && v < exact && float64(whole) == v {
		return strconv.AppendInt(buf, whole, 10)
	}
	if size := math.Abs(v); size < 1e-6 || size >= 1e21 {
		return strconv.AppendFloat(buf, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(buf, v, 'f', -1, 64)
}

// AppendSeconds appends a time in milliseconds as seconds.
func AppendSeconds(buf []byte, ms int64) []byte { return strconv.AppendInt(buf, ms/1000, 10) }

// maxTime is the end of the times that are sent: the first one, in ms, whose seconds have eleven digits. Receivers take those for milliseconds.
const maxTime = 1e13
