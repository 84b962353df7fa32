package procusage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/proctable"
)

// Meter is what a [Watcher] needs of [bpf.Meter]. Read is called from one goroutine, the others from another one. Close is called when Read
// has returned for the last time.
type Meter interface {
	Read(wait time.Duration, each func(*bpf.ProcessEvent)) error
	Traffic(each func(*bpf.Traffic) (forget bool)) error
	BlockUse(each func(*bpf.BlockUse) (forget bool)) error
	HasNetwork() bool
	Lost() (bpf.MeterLost, error)
	Fill() ([]bpf.MapFill, error)
	Usage() ([]bpf.Usage, error)
	Close() error
}

// kernel is what eBPF programs add to what /proc tells.
type kernel struct {
	meter   Meter
	stop    context.CancelFunc
	reading sync.WaitGroup
	silent  bool                      // its events cannot be read any more
	since   uint64                    // clock ticks since the system started, when the programs were loaded
	unknown map[bpf.ProcessKey]uint32 // the look that first found something of a process of which nothing else is known
}

// ErrOtherPIDs means that /proc does not show the numbers of processes that the kernel uses in its events, or hides those of other users.
var ErrOtherPIDs = errors.New("/proc is that of a container, whose processes have other numbers: run the container with --pid=host, or set HOST_PROC to the host's /proc; " +
	"or it hides the processes of others (hidepid): run with CAP_SYS_PTRACE, or in the group of the mount option gid")

// checkPIDs returns an error if the PIDs in /proc are not those of eBPF programs. Only the initial PID namespace has threads of the kernel;
// the parent of them all is process 2 (rest_init in init/main.c).
func (w *Watcher) checkPIDs() error {
	data, err := w.reader.read(2, "stat")
	if s, ok := proctable.ParseStat(data); err == nil && ok && s.IsKernelThread() {
		return nil
	}
	return ErrOtherPIDs
}

// eventWait is how long the watcher waits for events of the kernel. They are not urgent, and the kernel wakes it when there are many; but it
// ends only when it does not wait.
const eventWait = 250 * time.Millisecond

// UseKernel makes the watcher use eBPF programs until it is closed. An error says why that is not possible here.
func (w *Watcher) UseKernel(open func() (Meter, error)) error {
	w.Lock()
	defer w.Unlock()
	if err := w.checkPIDs(); err != nil {
		return err
	}
	since, err := w.reader.uptime()
	if err != nil {
		return err
	}
	meter, err := open()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	w.kernel = &kernel{meter: meter, stop: stop, since: since, unknown: map[bpf.ProcessKey]uint32{}}
	w.kernel.reading.Go(func() { w.followEvents(ctx, meter) })
	return nil
}

// Kernel returns the eBPF programs, or nil if there are none.
func (w *Watcher) Kernel() Meter {
	if w.kernel == nil {
		return nil
	}
	return w.kernel.meter
}

// HasNetwork reports whether the bytes on the network are known.
func (w *Watcher) HasNetwork() bool { return w.kernel != nil && w.kernel.meter.HasNetwork() }

// hasEvents reports whether the kernel tells of every program that is started.
func (w *Watcher) hasEvents() bool { return w.kernel != nil && !w.kernel.silent }

func (w *Watcher) closeKernel() error {
	w.Lock()
	k := w.kernel
	w.kernel = nil
	w.Unlock()
	if k == nil {
		return nil
	}
	k.stop()
	k.reading.Wait()
	return k.meter.Close()
}

// followEvents takes the events of processes until ctx ends.
func (w *Watcher) followEvents(ctx context.Context, meter Meter) {
	for ctx.Err() == nil {
		err := meter.Read(eventWait, w.handle)
		if err != nil && ctx.Err() == nil {
			w.Lock()
			if w.kernel != nil {
				w.kernel.silent = true
			}
			w.Unlock()
			w.log.Warn("processes that live shorter than the interval are not counted from now on", "because", err)
			return
		}
	}
}

func (w *Watcher) handle(e *bpf.ProcessEvent) {
	w.Lock()
	defer w.Unlock()
	id := proctable.ID{PID: e.Process.PID, Start: uint64(e.Process.Start) / nanosPerTick}
	known := w.table.Find(id.PID)
	if known != nil && known.ID != id {
		known = nil
	}
	if isBeginning := e.Kind == bpf.ProcessFork || e.Kind == bpf.ProcessExec; isBeginning && known == nil {
		w.table.Forked(id, e.Process.Parent, e.Process.UID, e.Process.Comm())
	}
	switch e.Kind {
	case bpf.ProcessExec:
		w.executed(w.table.Replaced(id, e.Process.UID, e.Process.Comm()))
	case bpf.ProcessExit:
		w.exits = append(w.exits, *e)
		if len(w.exits) >= maxExits {
			w.settleExits(e.Time)
		}
	case bpf.ProcessOOM:
		if p := w.table.Find(e.Process.PID); p != nil && p.Info != nil {
			w.assign(p.Info)
			p.Info.add(&Counters{OOMKills: 1})
		}
	}
}

func (w *Watcher) kernelSince() uint64 {
	if w.kernel == nil {
		return 0
	}
	return w.kernel.since
}

// executed counts the start of a program. Its arguments are read at the next look, if it still runs then; until then its name decides.
func (w *Watcher) executed(p *Process) {
	if p == nil || p.Info == nil {
		return
	}
	m := p.Info
	m.Class, m.groups = w.rules.Classify(&procclass.Subject{Comm: p.Comm, Place: m.Place}), nil
	w.assign(m)
	m.add(&Counters{Starts: 1})
}

const (
	// exitOrder is how much earlier the event of a process may come than that of a child whose end it waited for: the kernel frees both later,
	// perhaps on different CPUs.
	exitOrder = 300 * time.Millisecond

	maxExits = 512 // that wait; the table remembers more ended processes than that
)

// settleExits counts the processes that had ended some time before now, which is since the system started. Children come before their parents,
// because a parent's I/O includes that of the children that it has waited for.
func (w *Watcher) settleExits(now time.Duration) {
	later := slices.IndexFunc(w.exits, func(e bpf.ProcessEvent) bool { return e.Time > now-exitOrder })
	if later < 0 || len(w.exits) >= 2*maxExits { // so many at once that the table would forget them
		later = len(w.exits)
	}
	type ended struct {
		process *Process
		event   *bpf.ProcessEvent
	}
	var all []ended
	for i := range w.exits[:later] {
		e := &w.exits[i]
		if p := w.findExited(e); p != nil {
			all = append(all, ended{p, e})
		}
	}
	slices.SortStableFunc(all, func(a, b ended) int { return cmp.Compare(b.process.Depth(), a.process.Depth()) })
	for _, one := range all {
		w.exited(one.process, one.event)
	}
	w.exits = slices.Delete(w.exits, 0, later)
}

// findExited returns the process of an exit event, or nil if it is older than the programs and was never seen.
func (w *Watcher) findExited(e *bpf.ProcessEvent) *Process {
	id := proctable.ID{PID: e.Process.PID, Start: uint64(e.Process.Start) / nanosPerTick}
	p := w.table.Find(id.PID)
	if p != nil && p.ID == id {
		return p
	}
	if id.Start < w.kernelSince() || p != nil && !p.HasEnded() { // or another process has the number now
		return nil
	}
	w.table.Forked(id, e.Process.Parent, e.Process.UID, e.Process.Comm())
	return w.table.Find(id.PID)
}

// exited adds what a process used between the last look and its end.
func (w *Watcher) exited(p *Process, e *bpf.ProcessEvent) {
	m := p.Info
	if m == nil {
		return
	}
	w.assign(m)
	f := &e.Final
	final := Counters{
		UserCPU: uint64(f.User), SystemCPU: uint64(f.System), MinorFaults: f.MinorFaults, MajorFaults: f.MajorFaults,
		VoluntarySwitches: f.Voluntary, InvoluntarySwitches: f.Involuntary,
		ReadBytes: f.ReadBytes, WriteBytes: f.WriteBytes, ReadCalls: f.ReadCalls, WriteCalls: f.WriteCalls,
	}
	growth := m.readings.step(&final, statCounters|switchCounters|ioCounters, m.started)
	m.payDebt(&growth)
	m.add(&growth)
	if m.parent == 0 {
		m.parent = e.Process.Parent
	}
	if !p.HasEnded() {
		w.table.Exited(p.ID)
		return
	}
	// A look has missed it before, and its parent owes only what was known then.
	if parent := w.table.Find(m.parent); parent != nil && parent.Info != nil {
		parent.Info.owe(&readings{last: growth, known: ioCounters})
	}
}

// readKernelMaps adds what the eBPF programs counted in the kernel.
func (w *Watcher) readKernelMaps() {
	k := w.kernel
	if k == nil {
		return
	}
	var errs []error
	if w.needs.Network && k.meter.HasNetwork() {
		errs = append(errs, k.meter.Traffic(func(t *bpf.Traffic) bool {
			m, forget := w.holder(t.ProcessKey, t.Comm)
			if m != nil {
				growth := m.readings.step(&Counters{RxBytes: t.TCPRx + t.UDPRx, TxBytes: t.TCPTx + t.UDPTx}, netCounters, true)
				m.add(&growth)
			}
			return forget
		}))
	}
	if w.needs.Disks {
		errs = append(errs, k.meter.BlockUse(func(u *bpf.BlockUse) bool {
			m, forget := w.holder(u.ProcessKey, u.Comm)
			if m != nil {
				m.addDisk(u)
			}
			return forget
		}))
	}
	for key, round := range k.unknown {
		if w.round > round {
			delete(k.unknown, key)
		}
	}
	if err := errors.Join(errs...); err != nil {
		w.log.Warn("what processes did on the network and on disks is missing", "because", err)
	}
}

// holder returns the process of an entry in a map of the kernel, and whether the entry is no longer needed. An entry can be older than the
// event about its process, so one of an unknown process waits for the next look.
func (w *Watcher) holder(key bpf.ProcessKey, comm bpf.Comm) (m *Member, forget bool) {
	id := proctable.ID{PID: key.PID, Start: uint64(key.Start) / nanosPerTick}
	p := w.table.Find(id.PID)
	if p == nil || p.ID != id {
		if _, waited := w.kernel.unknown[key]; !waited {
			w.kernel.unknown[key] = w.round
			return nil, false
		}
		m := &Member{Process: &Process{ID: id, Comm: comm.String()}}
		m.Class = w.rules.Classify(&procclass.Subject{Comm: m.Process.Comm})
		w.assign(m)
		return m, true
	}
	if p.Info == nil {
		return nil, p.HasEnded()
	}
	w.assign(p.Info)
	return p.Info, p.HasEnded()
}

// addDisk takes what a process had a disk do until now.
func (m *Member) addDisk(u *bpf.BlockUse) {
	if m.disks == nil {
		m.disks = map[bpf.Disk]DiskUse{}
	}
	now := DiskUse{u.ReadBytes, u.WriteBytes, u.Reads, u.Writes}
	before := m.disks[u.Disk]
	m.disks[u.Disk] = now
	for _, t := range m.groups {
		d := t.disk(u.Disk)
		d.ReadBytes += grown(before.ReadBytes, now.ReadBytes)
		d.WriteBytes += grown(before.WriteBytes, now.WriteBytes)
		d.Reads += grown(before.Reads, now.Reads)
		d.Writes += grown(before.Writes, now.Writes)
	}
}
