package kernel

import (
	"bytes"
	"errors"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// Values of /proc/stat that are reported, apart from the CPU times.
const (
	statContextSwitches = iota
	statInterrupts
	statForks
	statBootTime
	statProcsRunning
	statProcsBlocked
	numStats
)

// statValues holds what /proc/stat contains. Old kernels omit some lines.
type statValues struct {
	values       [numStats]uint64
	present      [numStats]bool
	softirqs     [maxSoftirqs]uint64 // since boot, summed over all CPUs
	softirqKinds int
}

var errNoStat = errors.New("found none of the lines ctxt, intr, btime and processes")

// parseStat parses /proc/stat (proc(5)). It skips the lines of the CPUs. Of the line intr it reads only the sum: the
// rest has a number per interrupt and may be tens of kilobytes long.
func parseStat(data []byte) (s statValues, err error) {
	found := false
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		key, rest := scan.CutField(line)
		at := statIndex(key)
		if at < 0 {
			if string(key) == "softirq" {
				s.softirqKinds = parseSoftirqs(rest, &s.softirqs)
			}
			continue
		}
		field, _ := scan.CutField(rest)
		if v, ok := scan.ParseUint(field); ok {
			s.values[at], s.present[at], found = v, true, true
		}
	}
	if !found {
		return s, errNoStat
	}
	return s, nil
}

// statIndex returns the index of the value that a line of /proc/stat holds, or -1 if the line is not reported.
func statIndex(key []byte) int {
	switch string(key) {
	case "ctxt":
		return statContextSwitches
	case "intr":
		return statInterrupts
	case "processes":
		return statForks
	case "btime":
		return statBootTime
	case "procs_running":
		return statProcsRunning
	case "procs_blocked":
		return statProcsBlocked
	}
	return -1
}

// Numbers of softirq kinds that kernels have. linux/interrupt.h discourages adding new ones.
const (
	minSoftirqs = 9
	maxSoftirqs = 10
)

// softirqNames returns the n kinds in the order of the line softirq, with the names of /proc/softirqs. The first kernels
// with that line have no entry for interrupt polling, which was called BLOCK_IOPOLL before Linux 4.5.
func softirqNames(n int) []string {
	names := []string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}
	if n == minSoftirqs {
		return append(names[:5], names[6:]...)
	}
	return names
}

// parseSoftirqs parses what follows "softirq" in /proc/stat: the sum, then each kind, summed over all possible CPUs,
// online or not (show_stat in fs/proc/stat.c). It returns the number of kinds. The line has no names, so with an unknown
// number of kinds the columns are ambiguous, and the result is 0.
func parseSoftirqs(rest []byte, into *[maxSoftirqs]uint64) (kinds int) {
	var numbers [1 + maxSoftirqs + 1]uint64 // one extra, to detect that there are too many
	n := scan.ParseUints(rest, numbers[:]) - 1
	if n < minSoftirqs || n > maxSoftirqs {
		return 0
	}
	copy(into[:], numbers[1:])
	return n
}

// pressureLine is one line of a file in /proc/pressure.
type pressureLine struct {
	averages [3]float64 // percent of the last 10, 60 and 300 seconds
	total    uint64     // microseconds since boot
}

// parsePressure parses "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst). The kind is
// "some" or "full".
func parsePressure(line []byte) (kind []byte, p pressureLine, ok bool) {
	kind, rest := scan.CutField(line)
	for i, prefix := range [...]string{"avg10=", "avg60=", "avg300="} {
		var field []byte
		field, rest = scan.CutField(rest)
		number, found := bytes.CutPrefix(field, []byte(prefix))
		if p.averages[i], ok = scan.ParseDecimal(number); !found || !ok {
			return nil, p, false
		}
	}
	field, _ := scan.CutField(rest)
	number, found := bytes.CutPrefix(field, []byte("total="))
	p.total, ok = scan.ParseUint(number)
	return kind, p, found && ok && (string(kind) == "some" || string(kind) == "full")
}

// parseNumber parses a file that contains one integer, which may be negative.
func parseNumber(data []byte) (v float64, ok bool) {
	field, _ := scan.CutField(data)
	n, ok := scan.ParseInt(field)
	return float64(n), ok
}
