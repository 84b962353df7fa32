package procusage

import (
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
)

// Key is what the processes of a group have in common. Whoever groups processes chooses which parts it fills in.
type Key struct {
	Group, Subgroup         string // of the classification
	Name                    string // of the process
	Unit, Cgroup, Container string
	PID                     int
}

// Totals is what the processes of a group use and have used.
type Totals struct {
	Key      Key
	Counters Counters              // since the group was first seen; they never fall
	Disks    map[bpf.Disk]*DiskUse // only with eBPF
	Now      Present               // at the last look
	Emptied  time.Time             // when its last process was seen; zero: it has processes
}

// DiskUse is what a group had a disk read and write.
type DiskUse struct{ ReadBytes, WriteBytes, Reads, Writes uint64 }

// Present is what the processes of a group have at one moment.
type Present struct {
	Processes, Threads int
	FDs                int    // open descriptors
	Resident           uint64 // bytes, from /proc/PID/status
	Swap               uint64 // bytes, from /proc/PID/status
	Memory             Memory // from smaps_rollup; see Measured

	unmeasured, withoutFDs, withoutIO, withoutStatus int // processes whose files could not be read
}

// Measured reports whether Memory covers all processes of the group. A sum over some of them would be wrong.
func (p *Present) Measured() bool { return p.unmeasured == 0 }

// HasFDs reports whether FDs covers all processes of the group.
func (p *Present) HasFDs() bool { return p.withoutFDs == 0 }

// HasIO reports whether the counters of I/O cover all processes that the group has now.
func (p *Present) HasIO() bool { return p.withoutIO == 0 }

// HasStatus reports whether Resident, Swap and the context switches cover all processes of the group.
func (p *Present) HasStatus() bool { return p.withoutStatus == 0 }

// RSS returns the resident memory. Where the group's memory is measured, it is of the same readings as PSS and USS.
func (p *Present) RSS() uint64 {
	if p.Measured() && p.Memory.RSS > 0 {
		return p.Memory.RSS
	}
	return p.Resident
}

// maxTotals is how many groups a [Groups] remembers without any processes, so that their counters continue when they have some again.
const maxTotals = 1000

// Groups adds up processes by a key. It belongs to its [Watcher], which must be locked.
type Groups struct {
	keyOf  func(*Member) Key
	needs  Needs
	totals map[Key]*Totals
}

// All calls each with every group that has processes, or had some before.
func (g *Groups) All(each func(*Totals)) {
	for _, t := range g.totals {
		each(t)
	}
}

// Of returns the group of a process.
func (g *Groups) Of(m *Member) *Totals {
	key := g.keyOf(m)
	t := g.totals[key]
	if t == nil {
		t = &Totals{Key: key}
		g.totals[key] = t
	}
	return t
}

// begin starts a new look.
func (g *Groups) begin() {
	for _, t := range g.totals {
		t.Now = Present{}
	}
}

// end completes a look. It forgets the groups that have been empty for the longest time, if there are too many.
func (g *Groups) end(now time.Time) {
	var empty []*Totals
	for _, t := range g.totals {
		switch {
		case t.Now.Processes > 0:
			t.Emptied = time.Time{}
			continue
		case t.Emptied.IsZero():
			t.Emptied = now
		}
		empty = append(empty, t)
	}
	if len(empty) <= maxTotals {
		return
	}
	slices.SortFunc(empty, func(a, b *Totals) int { return a.Emptied.Compare(b.Emptied) })
	for _, t := range empty[:len(empty)-maxTotals] {
		delete(g.totals, t.Key)
	}
}

// disk returns what the group did with a disk.
func (t *Totals) disk(d bpf.Disk) *DiskUse {
	if t.Disks == nil {
		t.Disks = map[bpf.Disk]*DiskUse{}
	}
	if t.Disks[d] == nil {
		t.Disks[d] = &DiskUse{}
	}
	return t.Disks[d]
}
