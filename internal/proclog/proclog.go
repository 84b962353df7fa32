// Package proclog defines what an event about one process of a snapshot holds: the input "process_top" makes such events, outputs store
// them like all others, and commands and pages read them back to answer what ran at some time.
//
//   - proclog.go: [Row], its values and their bounds.
//   - encode.go: a Row as a [telemetry.Event], and back from a stored document.
package proclog

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/units"
)

// Source is the source of these events: the name of the input.
const Source = "process_top"

// Unknown is the value of a number of a [Row] that could not be read.
const Unknown = -1

// Row is one process in a snapshot.
type Row struct {
	Time     time.Time
	Host     string
	Snapshot int64 // milliseconds since the epoch of the gather; the same in all rows of a snapshot of a host
	Rank     int   // from 1 on, by CPU

	PID, Parent int
	Start       time.Time // zero: unknown
	User        string
	Name        string
	Cmdline     string // redacted
	Group       string
	Subgroup    string
	Unit        string // of systemd; "": none
	Container   string // full ID; "": none

	CPU         float64 // percent of one core since the previous gather; may exceed 100
	RSS, PSS    int64   // bytes; Unknown
	Read, Write float64 // bytes per second; Unknown
	Rx, Tx      float64 // bytes per second; Unknown
	Threads     int
}

// The longest texts of a row, in bytes. Longer ones are cut.
const (
	maxName    = 255 // of files, hosts, users and units
	maxCmdline = 512
	maxID      = 128 // a group, a subgroup, the ID of a container
)

// limitTexts cuts the texts of a row that are too long, and replaces bytes that are not UTF-8, because no store keeps them as they are.
func (r *Row) limitTexts() {
	for _, name := range []*string{&r.Host, &r.User, &r.Name, &r.Unit} {
		*name = cut(*name, maxName)
	}
	for _, id := range []*string{&r.Group, &r.Subgroup, &r.Container} {
		*id = cut(*id, maxID)
	}
	r.Cmdline = cut(r.Cmdline, maxCmdline)
}

// cut returns at most limit bytes of a text in UTF-8, without the first half of a character at the end.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// limitNumbers replaces numbers that no process has.
func (r *Row) limitNumbers() {
	if !(r.CPU >= 0) || math.IsInf(r.CPU, 0) {
		r.CPU = 0
	}
	for _, rate := range []*float64{&r.Read, &r.Write, &r.Rx, &r.Tx} {
		if !(*rate >= 0) || math.IsInf(*rate, 0) {
			*rate = Unknown
		}
	}
	r.RSS, r.PSS = max(r.RSS, Unknown), max(r.PSS, Unknown)
	r.Rank, r.PID, r.Parent, r.Threads = max(r.Rank, 0), max(r.PID, 0), max(r.Parent, 0), max(r.Threads, 0)
}

// Summary returns the row as one line for people.
func (r *Row) Summary() string {
	b := append(make([]byte, 0, 96), r.Name...)
	b = append(strconv.AppendInt(append(b, '['), int64(r.PID), 10), ']')
	if r.User != "" {
		b = append(append(b, " of "...), r.User...)
	}
	b = append(b, ": "...)
	b = append(append(b, units.Percent(r.CPU)...), " CPU"...)
	if r.RSS >= 0 {
		b = append(append(append(b, ", "...), units.Bytes(float64(r.RSS))...), " memory"...)
	}
	return string(b)
}
