package selfstats

import "github.com/rtcollector/rtcollector/internal/scan"

// parseStatm reads the virtual and the resident size of a process, in pages, from /proc/self/statm: proc(5).
func parseStatm(data []byte) (virtual, resident float64, ok bool) {
	var pages [2]uint64
	if scan.Uints(data, pages[:]) < len(pages) {
		return 0, 0, false
	}
	return float64(pages[0]), float64(pages[1]), true
}
