package procusage

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Needs says what a user of a [Watcher] wants to know beside CPU time, page faults, threads, resident memory and swap.
type Needs struct {
	Switches bool          // context switches, from /proc/PID/status of all threads
	FDs      bool          // open descriptors
	IO       bool          // from /proc/PID/io
	Memory   bool          // PSS and USS, from /proc/PID/smaps_rollup
	Budget   time.Duration // how long reading the memory may take at each look; 0: as long as it takes
	Network  bool          // bytes by process, with eBPF
	Disks    bool          // bytes by process and disk, with eBPF
}

func (n *Needs) add(more Needs) {
	n.Switches, n.FDs, n.IO = n.Switches || more.Switches, n.FDs || more.FDs, n.IO || more.IO
	n.Memory, n.Network, n.Disks = n.Memory || more.Memory, n.Network || more.Network, n.Disks || more.Disks
	n.Budget = max(n.Budget, more.Budget)
}

// Watcher looks at the processes of a host. Several goroutines may use it; whoever reads what it found holds its lock.
type Watcher struct {
	sync.Mutex
	fs     hostfs.Root
	rules  *procclass.Rules
	log    *slog.Logger
	table  *proctable.Table[*Member]
	users  *proctable.Users
	reader reader
	kernel *kernel            // nil: /proc only
	exits  []bpf.ProcessEvent // of processes that have ended and are not counted yet

	needs    Needs
	groups   []*Groups
	round    uint32
	looked   time.Time // the last look
	ticks    uint64    // clock ticks since the system started, then; 0: there was no look
	since    uint64    // ticks, but 0 if the clocks disagree
	visited  []*Member
	toDetail []*Member
	result   Result
}

// Result is what a look found out about itself.
type Result struct {
	At         time.Time
	Took       time.Duration
	Processes  int
	Unreadable int           // processes of which some file could not be read for lack of rights
	Unmeasured int           // processes whose memory was wanted and never read
	Oldest     time.Duration // age of the oldest reading of a process' memory

	ticks uint64 // clock ticks since the system started, then
}

// TimeOf returns the time of a number of clock ticks since the system started, such as the start of a process.
func (r *Result) TimeOf(ticks uint64) time.Time {
	return r.At.Add(-time.Duration(int64(r.ticks)-int64(ticks)) * nanosPerTick)
}

// New returns a watcher that reads /proc below fs.
func New(fs hostfs.Root, rules *procclass.Rules, log *slog.Logger) *Watcher {
	w := &Watcher{fs: fs, rules: rules, log: log, users: proctable.NewUsers(fs), reader: newReader(fs)}
	w.table = proctable.New[*Member](fs, w).WithKernelThreads().OnEnd(w.ended)
	return w
}

// Group makes the watcher add up processes by a key. What they used before the next look does not count.
func (w *Watcher) Group(needs Needs, keyOf func(*Member) Key) *Groups {
	w.Lock()
	defer w.Unlock()
	w.needs.add(needs)
	g := &Groups{keyOf: keyOf, needs: needs, totals: map[Key]*Totals{}}
	w.groups = append(w.groups, g)
	return g
}

// Remove ends what [Watcher.Group] began.
func (w *Watcher) Remove(g *Groups) {
	w.Lock()
	defer w.Unlock()
	w.groups = slices.DeleteFunc(w.groups, func(one *Groups) bool { return one == g })
	w.table.All(func(p *Process) { p.Info.groups = nil }) // they are assigned again
	w.needs = Needs{}
	for _, one := range w.groups {
		w.needs.add(one.needs)
	}
}

// Wants reports whether the settings select a group.
func (w *Watcher) Wants(k Key) bool {
	return w.rules.Wants(procclass.Class{Group: k.Group, Subgroup: k.Subgroup})
}

// MaxAge returns how old a look may be that an input with this interval uses: inputs that are polled at the same time share one.
func MaxAge(interval time.Duration) time.Duration { return min(interval/2, 100*time.Millisecond) }

// User returns the name of the user of a process.
func (w *Watcher) User(m *Member) string { return w.users.Name(m.Process.UID) }

// Members calls each with every process that the last look found.
func (w *Watcher) Members(each func(*Member)) {
	for _, m := range w.visited {
		each(m)
	}
}

// Look reads all processes, unless that was done within maxAge. It returns with the watcher locked, also if there is an error: the caller
// must call Unlock. After a panic it is not locked.
func (w *Watcher) Look(ctx context.Context, now time.Time, maxAge time.Duration) (Result, error) {
	w.Lock()
	returns := false
	defer func() {
		if !returns {
			w.Unlock()
		}
	}()
	r, err := w.look(ctx, now, maxAge)
	returns = true
	return r, err
}

func (w *Watcher) look(ctx context.Context, now time.Time, maxAge time.Duration) (Result, error) {
	if !w.looked.IsZero() && now.Sub(w.looked) < maxAge {
		return w.result, nil
	}
	ticks, err := w.reader.uptime()
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	w.settleExits(time.Duration(ticks) * nanosPerTick)
	w.round++
	w.since = w.sinceLast(ticks, now)
	w.visited, w.toDetail, w.result = w.visited[:0], w.toDetail[:0], Result{At: now, ticks: ticks}
	if err := w.table.Scan(w.visit); err != nil {
		return Result{}, err
	}
	w.looked, w.ticks = now, ticks
	for _, m := range w.toDetail {
		w.readDetails(m)
	}
	w.readKernelMaps()
	if w.needs.Memory {
		w.measure(ctx, now)
	}
	w.visited = slices.DeleteFunc(w.visited, func(m *Member) bool { return m.gone })
	w.sum(now)
	w.result.Took = time.Since(began)
	return w.result, nil
}

const (
	ticksPerSecond = 100 // USER_HZ
	maxClockError  = 5 * time.Second
	maxPIDs        = 1 << 22 // PID_MAX_LIMIT: processes and threads
)

// sinceLast returns the clock ticks at the previous look, or 0 if the time that has passed since then is another one than that of the clock:
// in some containers the uptime is not that of the system.
func (w *Watcher) sinceLast(ticks uint64, now time.Time) uint64 {
	passed := time.Duration(int64(ticks)-int64(w.ticks)) * nanosPerTick
	if difference := passed - now.Sub(w.looked); w.ticks == 0 || difference.Abs() > maxClockError {
		return 0
	}
	return w.ticks
}

// Forked implements [proctable.Classifier]. Only the events of the kernel tell of it, so the process is new.
func (w *Watcher) Forked(p *Process) *Member {
	m := &Member{Process: p, started: true, Class: w.rules.Classify(&procclass.Subject{Comm: p.Comm})}
	if p.Parent != nil && p.Parent.Info != nil {
		m.Class, m.Place = p.Parent.Info.Class, p.Parent.Info.Place
	}
	return m
}

// Executed implements [proctable.Classifier].
func (w *Watcher) Executed(p *Process, argv []string) *Member {
	m := p.Info
	if m == nil {
		m = &Member{Process: p}
	}
	if place, err := w.reader.place(p.PID); err == nil {
		m.Place = place
	}
	m.placed, m.detailRound, m.groups = false, 0, nil
	w.classify(m, argv)
	return m
}

// classify decides on the class of a process that runs a program with these arguments.
func (w *Watcher) classify(m *Member, argv []string) {
	p := m.Process
	m.Class = w.rules.Classify(&procclass.Subject{Comm: p.Comm, Exe: w.reader.program(p.PID), Argv: argv, Place: m.Place, Kernel: p.Kernel})
}

// visit takes what /proc/PID/stat says about a process.
func (w *Watcher) visit(p *Process, s *proctable.Stat) {
	m := p.Info
	isFirst := m.round == 0
	if isFirst && w.since > 0 && p.Start >= w.since && p.Start <= w.result.ticks+ticksPerSecond { // not in the future
		m.started = true
	}
	m.round, m.parent = w.round, s.Parent
	threads := int(min(s.Threads, maxPIDs)) // a reading that is wrong must not be a negative number
	changed := m.Threads != threads || m.pages != s.RSS
	m.Threads, m.pages = threads, s.RSS
	now := Counters{UserCPU: s.User * nanosPerTick, SystemCPU: s.System * nanosPerTick, MinorFaults: s.MinorFaults, MajorFaults: s.MajorFaults}
	growth := m.readings.step(&now, statCounters, m.started)
	changed = changed || growth != Counters{}
	if isFirst && m.started && !w.hasEvents() {
		growth[Starts] = 1
	}
	w.assign(m)
	m.add(&growth)
	w.visited = append(w.visited, m)
	if w.isDetailDue(m, changed) {
		w.toDetail = append(w.toDetail, m)
	}
}

// assign puts a process into its groups.
func (w *Watcher) assign(m *Member) {
	for i := len(m.groups); i < len(w.groups); i++ {
		m.groups = append(m.groups, w.groups[i].Of(m))
	}
}

// ended is told of every process that has ended.
func (w *Watcher) ended(p *Process) {
	m := p.Info
	if m == nil {
		return
	}
	if parent := w.table.Find(m.parent); parent != nil && parent != p && parent.Info != nil {
		parent.Info.owe(&m.readings)
	}
}

// owe notes what a child had used that has ended. Once a process has waited for a child, the kernel adds the child's I/O to the process'
// own (wait_task_zombie in kernel/exit.c). It was counted already.
func (m *Member) owe(child *readings) {
	for c := range NumCounters {
		if set(ioCounters).has(c) && child.known.has(c) {
			m.debt[c] += child.last[c]
			m.debtReadings = 0
		}
	}
}

// payDebt takes what children had used from the growth of their parent. If a child is not seen there after two readings, the kernel has not
// added it: the parent ignores its children.
func (m *Member) payDebt(growth *Counters) {
	for c := range growth {
		paid := min(growth[c], m.debt[c])
		growth[c] -= paid
		m.debt[c] -= paid
	}
	if m.debtReadings++; m.debtReadings >= 2 {
		m.debt = Counters{}
	}
}

// sum adds up what the processes have now.
func (w *Watcher) sum(now time.Time) {
	for _, g := range w.groups {
		g.begin()
	}
	for _, m := range w.visited {
		for _, t := range m.groups {
			t.Now.add(m)
		}
		w.result.add(m, now, w.needs)
	}
	for _, g := range w.groups {
		g.end(now)
	}
}

func (p *Present) add(m *Member) {
	p.Processes++
	p.Threads += m.Threads
	p.Resident += m.Resident
	p.Swap += m.Swap
	p.FDs += m.details.fds
	p.Memory.add(&m.Memory)
	p.unmeasured += count(!m.Measured)
	p.withoutFDs += count(!m.details.hasFDs)
	p.withoutIO += count(!m.details.hasIO)
	p.withoutStatus += count(!m.details.hasStatus)
}

func (r *Result) add(m *Member, now time.Time, needs Needs) {
	r.Processes++
	r.Unmeasured += count(needs.Memory && !m.Measured)
	r.Unreadable += count(m.denied)
	if !m.measuredAt.IsZero() {
		r.Oldest = max(r.Oldest, now.Sub(m.measuredAt))
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Close stops what the watcher started.
func (w *Watcher) Close() error { return w.closeKernel() }

// uptimeTicks parses /proc/uptime: seconds since the system started, in hundredths.
func uptimeTicks(file []byte) (uint64, bool) {
	field, _ := scan.CutField(file)
	seconds, ok := scan.ParseDecimal(field)
	return uint64(seconds*100 + 0.5), ok && strings.Contains(string(field), ".")
}
