package selfstats

import "github.com/rtcollector/rtcollector/internal/scan"

// memoryPages is the size of a process, in pages.
type memoryPages struct {
	virtual, resident float64
	anonymous         float64 // resident pages that no file backs: what the end of the process would free
}

// parseStatm parses /proc/self/statm (proc(5)). Its third number counts the resident pages of files and shared memory.
func parseStatm(data []byte) (m memoryPages, ok bool) {
	var pages [3]uint64
	if scan.ParseUints(data, pages[:]) < len(pages) || pages[2] > pages[1] {
		return memoryPages{}, false
	}
	return memoryPages{virtual: float64(pages[0]), resident: float64(pages[1]), anonymous: float64(pages[1] - pages[2])}, true
}
