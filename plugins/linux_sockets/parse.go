package linuxsockets

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// sockstatValue returns the number after a word in a line of /proc/net/sockstat or sockstat6 (proc(5)), such as
//
//	TCP: inuse 51 orphan 0 tw 723 alloc 51 mem 43
func sockstatValue(data []byte, title, word string) (v uint64, ok bool) {
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		field, rest := scan.CutField(line)
		if string(field) != title {
			continue
		}
		for {
			var value []byte
			field, rest = scan.CutField(rest)
			value, rest = scan.CutField(rest)
			if len(value) == 0 {
				return 0, false
			}
			if string(field) == word {
				return scan.ParseUint(value)
			}
		}
	}
	return 0, false
}

// parseThirdNumber returns the third number of a file such as /proc/sys/net/ipv4/tcp_mem: the limit, in pages (tcp(7)).
func parseThirdNumber(data []byte) (v uint64, ok bool) {
	var numbers [3]uint64
	n := scan.ParseUints(data, numbers[:])
	return numbers[2], n == len(numbers)
}

// Columns of /proc/net/softnet_stat: softnet_seq_show in net/core/net-procfs.c. The omitted ones are now always zero.
const (
	colProcessed      = 0
	colDropped        = 1
	colTimeSqueezed   = 2
	colReceivedRPS    = 9  // Linux 2.6.35
	colFlowLimitCount = 10 // Linux 3.11
	colBacklogLen     = 11 // Linux 5.10
	colCPUIndex       = 12 // Linux 5.10
	softnetColumns    = 13

	minSoftnetColumns = 9 // of the oldest kernels
)

// parseSoftnet parses a line of /proc/net/softnet_stat. It returns how many of the known columns this kernel has, or 0
// for other lines.
func parseSoftnet(line []byte) (values [softnetColumns]uint64, columns int) {
	columns = parseHexNumbers(line, values[:])
	if columns < minSoftnetColumns {
		return values, 0
	}
	return values, columns
}

// parseHexNumbers parses the hexadecimal numbers at the start of a line, as scan.ParseUints does for decimal ones.
func parseHexNumbers(line []byte, into []uint64) int {
	for n := range into {
		var field []byte
		field, line = scan.CutField(line)
		v, ok := scan.ParseHex(field)
		if !ok {
			return n
		}
		into[n] = v
	}
	return len(into)
}

// nthCPUOfList returns the n-th CPU, counted from 0, of a list such as "0-3,6" (/sys/devices/system/cpu/online).
func nthCPUOfList(list []byte, n uint64) (cpu uint64, ok bool) {
	list, _ = scan.CutField(list)
	for len(list) > 0 {
		var part []byte
		part, list, _ = bytes.Cut(list, []byte{','})
		from, to, isRange := bytes.Cut(part, []byte{'-'})
		first, ok := scan.ParseUint(from)
		last := first
		if ok && isRange {
			last, ok = scan.ParseUint(to)
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

// sumColumns sums the lines of /proc/net/stat/nf_conntrack after its header, one line per CPU, by column
// (ct_cpu_seq_show in nf_conntrack_standalone.c). It returns the number of lines. It skips truncated lines.
func sumColumns(lines []byte, line, sums []uint64) (cpus int) {
	clear(sums)
	for len(lines) > 0 {
		var text []byte
		text, lines = scan.CutLine(lines)
		if parseHexNumbers(text, line) < len(line) {
			continue
		}
		cpus++
		for i, v := range line {
			sums[i] += v
		}
	}
	return cpus
}

// isColumnName reports whether a word can be the name of a column. Noise must not become series.
func isColumnName(word string) bool {
	for _, c := range []byte(word) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return word != ""
}
