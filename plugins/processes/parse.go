package processes

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
