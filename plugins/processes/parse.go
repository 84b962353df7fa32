package processes

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// processState is a process state that the metrics distinguish.
type processState uint8

const (
	running processState = iota
	sleeping
	blocked
	zombie
	stopped
	dead
	paging
	parked
	idle
	unknown
	numStates
)

// metricNames returns the metric that counts the processes in each state.
func metricNames() [numStates]string {
	return [numStates]string{
		running:  "processes_running",
		sleeping: "processes_sleeping",
		blocked:  "processes_blocked",
		zombie:   "processes_zombie",
		stopped:  "processes_stopped",
		dead:     "processes_dead",
		paging:   "processes_paging",
		parked:   "processes_parked",
		idle:     "processes_idle",
		unknown:  "processes_unknown",
	}
}

// stateOfLetter returns the state for the kernel's letter (proc(5), and task_state_array in fs/proc/array.c).
func stateOfLetter(letter byte) processState {
	switch letter {
	case 'R':
		return running
	case 'S':
		return sleeping
	case 'D', 'K': // K, wakekill, is a disk sleep that a fatal signal ends: Linux 2.6.33 to 3.13
		return blocked
	case 'Z':
		return zombie
	case 'T', 't': // t is stopped by a debugger, which was T before 2.6.33
		return stopped
	case 'X', 'x': // x: Linux 2.6.33 to 3.13
		return dead
	case 'W': // paging before 2.6.0, waking from 2.6.33 to 3.13
		return paging
	case 'P':
		return parked
	case 'I':
		return idle
	}
	return unknown
}

// isPID reports whether an entry of /proc is a process.
func isPID(name []byte) bool {
	for _, c := range name {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(name) > 0
}

// Positions of two fields of /proc/<pid>/stat, counted from 1 (proc(5)).
const (
	stateField   = 3
	threadsField = 20
)

// parseStat parses the start of /proc/<pid>/stat. The command name may contain anything, including blanks, newlines and
// parentheses. It ends at the last closing parenthesis, because no later field contains one.
func parseStat(head []byte) (letter byte, threads uint64, ok bool) {
	end := bytes.LastIndexByte(head, ')')
	if end < 0 {
		return 0, 0, false
	}
	field, rest := scan.CutField(head[end+1:])
	var numbers [threadsField - stateField]uint64
	if len(field) != 1 || field[0] < 'A' || field[0] > 'z' || scan.ParseUints(rest, numbers[:]) < len(numbers) {
		return 0, 0, false
	}
	return field[0], numbers[len(numbers)-1], true
}
