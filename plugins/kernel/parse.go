package kernel

import (
	"bytes"
	"errors"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// What is reported of /proc/stat beside the times of the CPUs.
const (
	statSwitches = iota
	statInterrupts
	statForks
	statBoot
	statRunning
	statBlocked
	numStats
)

// stat is what a kernel says in /proc/stat; an old one leaves something out.
type stat struct {
	values    [numStats]uint64
	has       [numStats]bool
	softirqs  [maxSoftirqs]uint64 // since boot, of all CPUs
	nSoftirqs int
}

var errNoStat = errors.New("none of the lines ctxt, intr, btime, processes")

// parseStat reads /proc/stat: proc(5). The lines of the CPUs are skipped, and of the line intr, which has a number per
// interrupt and may be tens of kilobytes long, only the sum is looked at.
func parseStat(data []byte) (s stat, err error) {
	found := false
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		key, rest := scan.Field(line)
		at := statAt(key)
		if at < 0 {
			if string(key) == "softirq" {
				s.nSoftirqs = parseSoftirqs(rest, &s.softirqs)
			}
			continue
		}
		field, _ := scan.Field(rest)
		if v, ok := scan.Uint(field); ok {
			s.values[at], s.has[at], found = v, true, true
		}
	}
	if !found {
		return s, errNoStat
	}
	return s, nil
}

func statAt(key []byte) int {
	switch string(key) {
	case "ctxt":
		return statSwitches
	case "intr":
		return statInterrupts
	case "processes":
		return statForks
	case "btime":
		return statBoot
	case "procs_running":
		return statRunning
	case "procs_blocked":
		return statBlocked
	}
	return -1
}

// How many kinds of softirqs there are. The kernel asks everybody not to add any (linux/interrupt.h).
const (
	minSoftirqs = 9
	maxSoftirqs = 10
)

// softirqNames are the kinds in the order of the line softirq, as /proc/softirqs calls them. The first kernels with that
// line had none for interrupt polling, which was called BLOCK_IOPOLL before Linux 4.5.
func softirqNames(n int) []string {
	names := []string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}
	if n == minSoftirqs {
		return append(names[:5], names[6:]...)
	}
	return names
}

// parseSoftirqs reads what follows "softirq" in /proc/stat: the sum, then each kind, added up over all CPUs that there may
// be, online or not (show_stat in fs/proc/stat.c). The line has no names: of more or fewer kinds than we know nobody could
// tell which is which, and the number of kinds is 0.
func parseSoftirqs(rest []byte, into *[maxSoftirqs]uint64) (kinds int) {
	var numbers [1 + maxSoftirqs + 1]uint64 // one more, to see that there are too many
	n := scan.Uints(rest, numbers[:]) - 1
	if n < minSoftirqs || n > maxSoftirqs {
		return 0
	}
	copy(into[:], numbers[1:])
	return n
}

// pressure is one line of a file in /proc/pressure.
type pressure struct {
	averages [3]float64 // percent of the last 10, 60 and 300 seconds
	total    uint64     // microseconds since boot
}

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": Documentation/accounting/psi.rst. The kind is
// "some" or "full".
func parsePressure(line []byte) (kind []byte, p pressure, ok bool) {
	kind, rest := scan.Field(line)
	for i, prefix := range [...]string{"avg10=", "avg60=", "avg300="} {
		var field []byte
		field, rest = scan.Field(rest)
		number, found := bytes.CutPrefix(field, []byte(prefix))
		if p.averages[i], ok = scan.Decimal(number); !found || !ok {
			return nil, p, false
		}
	}
	field, _ := scan.Field(rest)
	number, found := bytes.CutPrefix(field, []byte("total="))
	p.total, ok = scan.Uint(number)
	return kind, p, found && ok && (string(kind) == "some" || string(kind) == "full")
}

// parseNumber reads a file that is one whole number, perhaps a negative one.
func parseNumber(data []byte) (v float64, ok bool) {
	field, _ := scan.Field(data)
	n, ok := scan.Int(field)
	return float64(n), ok
}
