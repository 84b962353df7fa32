package system

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// parseLoadavg parses the three averages of /proc/loadavg (proc(5)).
func parseLoadavg(data []byte) (loads [3]float64, ok bool) {
	for i := range loads {
		var field []byte
		field, data = scan.CutField(data)
		if loads[i], ok = scan.ParseDecimal(field); !ok {
			return loads, false
		}
	}
	return loads, true
}

// parseUptime parses the seconds since boot from /proc/uptime (proc(5)).
func parseUptime(data []byte) (seconds float64, ok bool) {
	field, _ := scan.CutField(data)
	return scan.ParseDecimal(field)
}

// maxCPUs bounds the CPUs of a list; the kernel's own limit is 8192 (CONFIG_NR_CPUS).
const maxCPUs = 1 << 16

// parseCPUList returns the number of CPUs in a list such as "0-3,5,8-9" (Documentation/admin-guide/cputopology.rst).
func parseCPUList(data []byte) (n int, ok bool) {
	list, _ := scan.CutField(data)
	for len(list) > 0 {
		var part []byte
		part, list, _ = bytes.Cut(list, []byte{','})
		first, last, isRange := bytes.Cut(part, []byte{'-'})
		if !isRange {
			last = first
		}
		from, okFrom := scan.ParseUint(first)
		to, okTo := scan.ParseUint(last)
		if !okFrom || !okTo || to < from || to >= maxCPUs {
			return 0, false
		}
		n += int(to-from) + 1
	}
	return n, n > 0 && n <= maxCPUs
}
