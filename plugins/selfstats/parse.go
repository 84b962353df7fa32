package selfstats

import "github.com/rtcollector/rtcollector/internal/scan"

// memory is the size of a process, in pages.
type memory struct {
	virtual, resident float64
	anonymous         float64 // resident pages that no file backs: what the end of the process would free
}

// parseStatm parses /proc/self/statm (proc(5)). Its third number counts the resident pages of files and shared memory.
func parseStatm(data []byte) (m memory, ok bool) {
	var pages [3]uint64
	if scan.Uints(data, pages[:]) < len(pages) || pages[2] > pages[1] {
		return memory{}, false
	}
	return memory{virtual: float64(pages[0]), resident: float64(pages[1]), anonymous: float64(pages[1] - pages[2])}, true
}
