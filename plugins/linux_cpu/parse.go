package linuxcpu

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// Columns of a cpu line in /proc/stat, in order (proc(5)).
const (
	user = iota
	nice
	system
	idle
	iowait
	irq
	softirq
	steal
	guest     // contained in user
	guestNice // contained in nice
	numStates
)

// minStates is the number of states that the oldest kernels count: user, nice, system and idle.
const minStates = 4

func stateNames() [numStates]string {
	return [numStates]string{"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"}
}

// cpuTicks are the times that a core spent in each state: in ticks of 1/100 s from /proc/stat, in microseconds from other systems.
type cpuTicks [numStates]uint64

// stateSet has a bit for each state.
type stateSet uint

// firstStates returns the set of the first n states.
func firstStates(n int) stateSet { return 1<<n - 1 }

func (s stateSet) contains(state int) bool { return s&(1<<state) != 0 }

// sumTicks returns the ticks in all states. Guest time counts twice, because user contains it.
func (t *cpuTicks) sumTicks() (ticks float64) {
	for _, v := range t {
		ticks += float64(v)
	}
	return ticks
}

// parseCPU parses a line "cpu…" of /proc/stat. It returns the name, the times, and how many states this kernel counts.
// columns is 0 for other lines. Unknown columns are ignored.
func parseCPU(line []byte) (name []byte, t cpuTicks, columns int) {
	name, rest := scan.CutField(line)
	number, ok := bytes.CutPrefix(name, []byte("cpu"))
	if !ok {
		return nil, t, 0
	}
	if _, ok := scan.ParseUint(number); !ok && len(number) > 0 {
		return nil, t, 0
	}
	columns = scan.ParseUints(rest, t[:])
	if columns < minStates {
		return nil, t, 0
	}
	return name, t, columns
}

// countLostTicks returns how many ticks of the last reading are missing from this one. Time that moved between iowait and
// idle is not lost: the kernel moves it when another core ends the wait (Documentation/filesystems/proc.rst).
func countLostTicks(last, now cpuTicks) (ticks uint64) {
	last[idle], last[iowait] = last[idle]+last[iowait], 0
	now[idle], now[iowait] = now[idle]+now[iowait], 0
	for i := range guest {
		if last[i] > now[i] {
			ticks += last[i] - now[i]
		}
	}
	return ticks
}

// maxLost is the part of the time between two readings that may be missing while the shares of the rest are still about
// right. More is missing when a core goes offline or comes back, because the kernel subtracts or adds its idle time.
const maxLost = 0.25

// computeShares returns the share of each state in the time between two readings, in percent. The shares add up to 100:
// guest time is subtracted from user, which contains it, and guest_nice from nice. A state that goes back a little, as
// idle and iowait sometimes do, counts as zero. ok is false if no time has passed or more than maxLost of it is missing.
func computeShares(last, now cpuTicks) (shares [numStates]float64, ok bool) {
	var spent cpuTicks
	for i := range spent {
		if now[i] > last[i] {
			spent[i] = now[i] - last[i]
		}
	}
	spent[guest] = min(spent[guest], spent[user])
	spent[user] -= spent[guest]
	spent[guestNice] = min(spent[guestNice], spent[nice])
	spent[nice] -= spent[guestNice]
	total := 0.0
	for _, v := range spent {
		total += float64(v)
	}
	if total == 0 || float64(countLostTicks(last, now)) > maxLost*total {
		return shares, false
	}
	for i, v := range spent {
		shares[i] = 100 * float64(v) / total
	}
	return shares, true
}
