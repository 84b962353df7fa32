package procusage

import (
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Memory is what a process or a group has in memory, in bytes. USS <= PSS <= RSS.
type Memory struct {
	RSS  uint64 // resident
	PSS  uint64 // resident; what several processes share is divided by their number. The sum over all processes is the memory they use
	USS  uint64 // resident, and of this process alone: what is free when it ends
	Swap uint64 // swapped out
}

func (m *Memory) add(more *Memory) {
	m.RSS += more.RSS
	m.PSS += more.PSS
	m.USS += more.USS
	m.Swap += more.Swap
}

// parseMemory parses /proc/PID/smaps_rollup, or adds up what /proc/PID/smaps says about each mapping (proc(5)). The lines are
// "Rss:  123 kB", in any order. ok is false if it has no memory, as those of kernel threads and zombies.
func parseMemory(file []byte) (m Memory, ok bool) {
	for len(file) > 0 {
		var line []byte
		line, file = scan.CutLine(file)
		ok = m.addLine(line) || ok
	}
	return m, ok
}

// addLine adds a line of smaps or smaps_rollup. ok reports whether it is the one with the resident memory.
func (m *Memory) addLine(line []byte) (ok bool) {
	name, rest := scan.CutField(line)
	var into [2]*uint64
	switch string(name) {
	case "Rss:":
		into[0], ok = &m.RSS, true
	case "Pss:":
		into[0] = &m.PSS
	case "Private_Clean:", "Private_Dirty:": // Private_Hugetlb is not a part of Rss
		into[0] = &m.USS
	case "Swap:":
		into[0] = &m.Swap
	default:
		return false
	}
	value, _ := scan.CutField(rest)
	kilobytes, isNumber := scan.ParseUint(value)
	if !isNumber || kilobytes > maxValue>>10 {
		return false
	}
	*into[0] += kilobytes << 10
	return ok
}
