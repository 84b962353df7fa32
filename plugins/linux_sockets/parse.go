package linuxsockets

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// sockstatValue finds the number behind a word in a line of /proc/net/sockstat or sockstat6 (proc(5)), such as
//
//	TCP: inuse 51 orphan 0 tw 723 alloc 51 mem 43
func sockstatValue(data []byte, title, word string) (v uint64, ok bool) {
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		field, rest := scan.Field(line)
		if string(field) != title {
			continue
		}
		for {
			var value []byte
			field, rest = scan.Field(rest)
			value, rest = scan.Field(rest)
			if len(value) == 0 {
				return 0, false
			}
			if string(field) == word {
				return scan.Uint(value)
			}
		}
	}
	return 0, false
}

// lastOfThree reads the third number of a file such as /proc/sys/net/ipv4/tcp_mem: what may be used, in pages (tcp(7)).
func lastOfThree(data []byte) (v uint64, ok bool) {
	var numbers [3]uint64
	n := scan.Uints(data, numbers[:])
	return numbers[2], n == len(numbers)
}

// Columns of /proc/net/softnet_stat: softnet_seq_show in net/core/net-procfs.c. Those in between are zero by now.
const (
	processed      = 0
	dropped        = 1
	timeSqueezed   = 2
	receivedRPS    = 9  // Linux 2.6.35
	flowLimitCount = 10 // Linux 3.11
	backlogLen     = 11 // Linux 5.10
	cpuIndex       = 12 // Linux 5.10
	softnetColumns = 13

	minSoftnetColumns = 9 // of the oldest kernels
)

// parseSoftnet reads a line of /proc/net/softnet_stat and returns how many of the known columns this kernel has; 0 for
// other lines.
func parseSoftnet(line []byte) (values [softnetColumns]uint64, columns int) {
	columns = hexes(line, values[:])
	if columns < minSoftnetColumns {
		return values, 0
	}
	return values, columns
}

// hexes reads the hexadecimal numbers that a line begins with, as scan.Uints does decimal ones.
func hexes(line []byte, into []uint64) int {
	for n := range into {
		var field []byte
		field, line = scan.Field(line)
		v, ok := scan.Hex(field)
		if !ok {
			return n
		}
		into[n] = v
	}
	return len(into)
}

// nthCPU returns the n-th CPU, from 0, of a list such as "0-3,6" (/sys/devices/system/cpu/online).
func nthCPU(list []byte, n uint64) (cpu uint64, ok bool) {
	list, _ = scan.Field(list)
	for len(list) > 0 {
		var part []byte
		part, list, _ = bytes.Cut(list, []byte{','})
		from, to, isRange := bytes.Cut(part, []byte{'-'})
		first, ok := scan.Uint(from)
		last := first
		if ok && isRange {
			last, ok = scan.Uint(to)
		}
		if !ok || last < first {
			return 0, false
		}
		if n <= last-first {
			return first + n, true
		}
		n -= last - first + 1
	}
	return 0, false
}

// sumColumns adds up the lines of /proc/net/stat/nf_conntrack behind its heading, one a CPU, column by column, and
// returns how many there were (nf_conntrack_standalone.c, ct_cpu_seq_show). A line that is cut short is left out.
func sumColumns(lines []byte, line, sums []uint64) (cpus int) {
	clear(sums)
	for len(lines) > 0 {
		var text []byte
		text, lines = scan.Line(lines)
		if hexes(text, line) < len(line) {
			continue
		}
		cpus++
		for i, v := range line {
			sums[i] += v
		}
	}
	return cpus
}

// isColumn says whether a word can be a column's name. Noise must not become series.
func isColumn(word string) bool {
	for _, c := range []byte(word) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return word != ""
}
