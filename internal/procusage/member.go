package procusage

import (
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/cgroup"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/proctable"
)

// Process is a process with what a [Watcher] knows of it.
type Process = proctable.Process[*Member]

// Member is what a [Watcher] knows of a process.
type Member struct {
	Process  *Process
	Class    procclass.Class
	Place    cgroup.Place
	Used     Counters // since it was first seen
	Threads  int
	Resident uint64 // bytes, from /proc/PID/status
	Swap     uint64 // bytes
	Memory   Memory // if Measured
	Measured bool   // its smaps_rollup was read, or it has no memory

	groups  []*Totals // one for each [Groups] of the watcher
	parent  int       // PID; it changes when the parent ends
	started bool      // after the previous look
	round   uint32    // the last look that found it
	pages   uint64    // resident memory in /proc/PID/stat: not exact, but it tells when it changes

	readings readings
	disks    map[bpf.Disk]DiskUse

	debt         Counters // what children that have ended had used; see [Member.owe]
	debtReadings int      // how often the debt was looked for

	details     details
	detailRound uint32 // the look in which the details were read; 0: never
	placed      bool   // its place was read again, some time after it was classified

	measuredAt    time.Time
	measuredSize  uint64 // Resident then
	measuringTook time.Duration
	denied        bool // a file could not be read for lack of rights
	gone          bool // it ended during the last look, which does not count it
}

// Parent returns the PID of the parent.
func (m *Member) Parent() int { return m.parent }

// HasIO reports whether the counters of I/O are known.
func (m *Member) HasIO() bool { return m.details.hasIO }

// RSS returns the resident memory in bytes. If the memory is measured, it is of the same reading as PSS and USS.
func (m *Member) RSS() uint64 {
	if m.Measured && m.Memory.RSS > 0 {
		return m.Memory.RSS
	}
	return m.Resident
}

// add adds growth to the process and to its groups.
func (m *Member) add(growth *Counters) {
	m.Used.add(growth)
	for _, t := range m.groups {
		t.Counters.add(growth)
	}
}

// details are the numbers of a process that are not read at every look.
type details struct {
	fds      int
	threads  []threadSwitches // at the last reading, by number
	switches [2]uint64        // of all threads, also of those that have ended

	hasStatus, hasFDs, hasIO bool
}
