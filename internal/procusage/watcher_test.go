package procusage

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
)

var postgres = Key{Group: "db", Subgroup: "postgres"}

// When a process has waited for a child, the kernel adds the child's I/O to its own. It must not count twice.
func TestIOOfChildrenCountsOnce(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{IO: true}, byClass)
	read := func() uint64 { return groups.totals[postgres].Counters[ReadBytes] }
	parent, child := testProcess{PID: 10, Start: 1, Read: 1000}, testProcess{PID: 11, Start: 1500, Parent: 10, Read: 500}
	tree.process(parent)
	tree.look(w, 10)
	tree.process(child)
	tree.look(w, 20)
	if got := read(); got != 500 {
		t.Fatalf("%d bytes were read by a new child, want 500", got)
	}
	// The child reads 200 more and ends; the parent reads 30 itself.
	tree.remove(11)
	parent.Read, parent.User = 1000+700+30, 1
	tree.process(parent)
	tree.look(w, 30)
	if got := read(); got != 730 {
		t.Errorf("%d bytes, want 730", got)
	}
	parent.Read, parent.User = parent.Read+60, 2
	tree.process(parent)
	tree.look(w, 40)
	if got := read(); got != 790 {
		t.Errorf("%d bytes, want 790", got)
	}
}

// A parent that ignores its children does not get their I/O, so nothing is subtracted for long.
func TestIOOfIgnoredChildren(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{IO: true}, byClass)
	parent := testProcess{PID: 10, Start: 1}
	tree.process(parent)
	tree.process(testProcess{PID: 11, Start: 1, Parent: 10, Read: 1 << 30})
	tree.look(w, 10)
	tree.remove(11)
	for i := range 5 {
		parent.User, parent.Read = parent.User+1, parent.Read+100
		tree.process(parent)
		tree.look(w, float64(20+10*i))
	}
	if got := groups.totals[postgres].Counters[ReadBytes]; got != 300 {
		t.Errorf("%d of 500 bytes were counted, want all but those of two looks", got)
	}
}

// The kernel tells only the context switches of threads that exist.
func TestSwitchesOfThreadsThatEnd(t *testing.T) {
	var d details
	sum := func(threads ...threadSwitches) [2]uint64 { return d.addThreads(threads) }
	steps := []struct {
		threads []threadSwitches
		want    [2]uint64
	}{
		{[]threadSwitches{{10, [2]uint64{5, 1}}}, [2]uint64{5, 1}},
		{[]threadSwitches{{12, [2]uint64{7, 0}}, {10, [2]uint64{6, 1}}}, [2]uint64{13, 1}},
		{[]threadSwitches{{10, [2]uint64{6, 2}}}, [2]uint64{13, 2}},                        // 12 has ended
		{[]threadSwitches{{10, [2]uint64{6, 2}}, {12, [2]uint64{1, 1}}}, [2]uint64{14, 3}}, // again a thread 12
		{[]threadSwitches{{10, [2]uint64{8, 2}}, {12, [2]uint64{0, 1}}}, [2]uint64{16, 3}}, // wrong once
		{[]threadSwitches{{10, [2]uint64{8, 2}}, {12, [2]uint64{4, 1}}}, [2]uint64{19, 3}},
	}
	for i, s := range steps {
		if got := sum(s.threads...); got != s.want {
			t.Errorf("step %d: %v, want %v", i, got, s.want)
		}
	}
}

// Idle processes are read in detail now and then, busy ones always.
func TestDetailsOfIdleProcesses(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(allNeeds, byClass)
	p := testProcess{PID: 10, Start: 1, SwapKB: 1}
	tree.process(p)
	tree.look(w, 10)
	p.SwapKB = 2
	tree.process(p)
	looks := 0
	for groups.totals[postgres].Now.Swap != 2048 {
		if looks++; looks > idleLooks {
			t.Fatal("an idle process is not read again")
		}
		tree.look(w, float64(10+10*looks))
	}
	p.SwapKB, p.User = 3, 1
	tree.process(p)
	tree.look(w, 100)
	if got := groups.totals[postgres].Now.Swap; got != 3072 {
		t.Errorf("a busy process is not read: %d", got)
	}
}

// A counter that reads 0 or too much once does not count twice.
func TestWrongReadings(t *testing.T) {
	var r readings
	for i, s := range []struct{ reading, growth uint64 }{{100, 100}, {150, 50}, {0, 0}, {160, 10}, {170, 10}, {5000, 4830}, {180, 0}, {190, 10}, {190, 0}, {200, 10}} {
		if got := r.step(&Counters{ReadBytes: s.reading}, setOf(ReadBytes), true); got != (Counters{ReadBytes: s.growth}) {
			t.Errorf("reading %d: %v, want %d", i, got, s.growth)
		}
	}
}

func TestMemoryWithinBudget(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	rollup := func(kb int) string { return fmt.Sprintf("Rss: %d kB\nPss: %d kB\nPrivate_Dirty: %d kB\n", kb, kb, kb) }
	for pid := 10; pid < 15; pid++ {
		tree.process(testProcess{PID: pid, Start: 1, Pages: 1000, Rollup: rollup(4000)})
	}
	groups := w.Group(Needs{Memory: true, Budget: time.Nanosecond}, byClass) // one process at each look
	now := func() *Present { return &groups.totals[postgres].Now }
	for i := range 5 {
		if r := tree.look(w, float64(10+i)); r.Unmeasured != 4-i || now().Measured() != (i == 4) {
			t.Errorf("look %d: %d processes are not measured, %v", i, r.Unmeasured, now().Measured())
		}
	}
	if now().Memory.PSS != 5*4000<<10 {
		t.Errorf("%+v", now().Memory)
	}
	// The one that has grown comes first.
	tree.process(testProcess{PID: 13, Start: 1, Pages: 2000, Rollup: rollup(8000)})
	if r := tree.look(w, 20); now().Memory.PSS != (4*4000+8000)<<10 || r.Oldest != 10*time.Second {
		t.Errorf("%+v, %+v", now().Memory, r)
	}
	// Then the one that was read longest ago: each of them within five looks.
	for i := range 5 {
		tree.look(w, float64(21+i))
	}
	if r := tree.look(w, 26); r.Oldest > 5*time.Second {
		t.Errorf("the oldest reading is %v old", r.Oldest)
	}
}

// A process without memory of its own counts, with none.
func TestKernelThreadsAndZombies(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(allNeeds, byClass)
	tree.process(testProcess{PID: 2, Start: 1, Comm: "kthreadd", Flags: 0x200000})
	tree.look(w, 10)
	if now := groups.totals[Key{Group: "system", Subgroup: "kernel"}].Now; now.Processes != 1 || !now.Measured() || !now.HasIO() || !now.HasFDs() {
		t.Errorf("%+v", now)
	}
}

func TestNamesAreForgotten(t *testing.T) {
	g := &Groups{keyOf: func(m *Member) Key { return Key{PID: m.Process.PID} }, totals: map[Key]*Totals{}}
	for pid := range 3 * maxTotals {
		now := time.Unix(int64(pid), 0)
		g.begin()
		g.Of(&Member{Process: &Process{ID: proctable.ID{PID: pid}}}).Now.Processes = 1
		g.end(now)
	}
	if len(g.totals) != maxTotals+1 || g.totals[Key{PID: 3*maxTotals - 1}] == nil || g.totals[Key{PID: 2*maxTotals - 1}] == nil || g.totals[Key{PID: 5}] != nil {
		t.Errorf("%d groups are remembered", len(g.totals))
	}
}

// fakeMeter has no programs: the test says what the kernel reports. Package bpf tests the programs.
type fakeMeter struct {
	Meter
	traffic []bpf.Traffic
	block   []bpf.BlockUse
	forgot  map[int]bool
}

func (f *fakeMeter) HasNetwork() bool { return true }

func (f *fakeMeter) Traffic(each func(*bpf.Traffic) bool) error {
	for i := range f.traffic {
		if each(&f.traffic[i]) {
			f.forgot[f.traffic[i].PID] = true
		}
	}
	return nil
}

func (f *fakeMeter) BlockUse(each func(*bpf.BlockUse) bool) error {
	for i := range f.block {
		each(&f.block[i])
	}
	return nil
}

func newKernelWatcher(t *testing.T, tree *tree) (*Watcher, *fakeMeter) {
	t.Helper()
	w, meter := newWatcher(t, hostfs.At(tree.dir)), &fakeMeter{forgot: map[int]bool{}}
	w.kernel = &kernel{meter: meter, since: 1, unknown: map[bpf.ProcessKey]uint32{}}
	return w, meter
}

func event(kind bpf.ProcessEventKind, pid, parent int, start uint64, comm string) *bpf.ProcessEvent {
	e := &bpf.ProcessEvent{Kind: kind, Process: bpf.Process{PID: pid, Parent: parent, Start: time.Duration(start*nanosPerTick + 999)}}
	copy(e.Process.CommBytes[:], comm)
	return e
}

func exit(pid, parent int, start uint64, user time.Duration, read uint64) *bpf.ProcessEvent {
	e := event(bpf.ProcessExit, pid, parent, start, "postgres")
	e.Final = bpf.ProcessTotals{User: user, ReadBytes: read, Voluntary: 3, MinorFaults: 7}
	return e
}

// With exit events nothing is lost: neither what a process used after the last look nor whole processes.
func TestExitEvents(t *testing.T) {
	tree := newTree(t)
	w, _ := newKernelWatcher(t, tree)
	groups := w.Group(Needs{IO: true, Switches: true}, byClass)
	total := func() *Totals { return groups.totals[postgres] }
	parent := testProcess{PID: 10, Start: 1, User: 100, Read: 50}
	tree.process(parent)
	tree.process(testProcess{PID: 11, Start: 2, User: 2000, Parent: 10, Read: 10})
	tree.look(w, 20)
	// An old process ends between two looks.
	w.handle(exit(11, 10, 2, 24500*time.Millisecond, 110))
	tree.remove(11)
	// One starts, runs a program, and ends between two looks.
	w.handle(event(bpf.ProcessFork, 12, 10, 2500, "postgres"))
	w.handle(event(bpf.ProcessExec, 12, 10, 2500, "nginx"))
	w.handle(exit(12, 10, 2500, 300*time.Millisecond, 1000))
	// The parent has waited for both.
	parent.User, parent.Read = 101, 50+110+1000
	tree.process(parent)
	tree.look(w, 30)
	if c := total().Counters; c[UserCPU] != 4510e6 || c[ReadBytes] != 100 || c[VoluntarySwitches] != 3 || total().Now.Processes != 1 {
		t.Errorf("%v", c)
	}
	web := groups.totals[Key{Group: "web", Subgroup: "nginx"}]
	if c := web.Counters; c[UserCPU] != 300e6 || c[ReadBytes] != 1000 || c[Starts] != 1 || c[MinorFaults] != 7 {
		t.Errorf("%v", c)
	}
	// An event that comes after the look which has missed the process.
	tree.process(testProcess{PID: 13, Start: 3100, User: 5, Parent: 10})
	tree.look(w, 40)
	tree.remove(13)
	tree.look(w, 50)
	w.handle(exit(13, 10, 3100, 70*time.Millisecond, 40))
	w.handle(exit(13, 10, 3100, 70*time.Millisecond, 40))
	// Its I/O counts once, although its parent has it now.
	parent.Read, parent.User = parent.Read+40, 102
	tree.process(parent)
	tree.look(w, 55)
	if c := total().Counters; c[ReadBytes] != 100+40 {
		t.Errorf("%d bytes were read, want 140", c[ReadBytes])
	}
	// One whose start was missed, and one from before the programs were loaded that was never seen.
	w.handle(exit(14, 10, 3500, 20*time.Millisecond, 0))
	w.kernel.since = 3400
	w.handle(exit(15, 10, 3300, time.Hour, 0))
	tree.look(w, 60)
	if c := total().Counters; c[UserCPU] != 4610e6 {
		t.Errorf("%v", c)
	}
}

// A process is what its arguments say as soon as they can be read; until then its name counts.
func TestExecEvent(t *testing.T) {
	tree := newTree(t)
	w, _ := newKernelWatcher(t, tree)
	groups := w.Group(Needs{}, byClass)
	tree.look(w, 20)
	w.handle(event(bpf.ProcessFork, 12, 1, 2100, "bash"))
	w.handle(event(bpf.ProcessExec, 12, 1, 2100, "java"))
	tree.process(testProcess{PID: 12, Start: 2100, Comm: "java", User: 5})
	tree.write("12/cmdline", "java\x00-cp\x00x\x00kafka.Kafka\x00server.properties\x00")
	tree.look(w, 30)
	kafka, java := groups.totals[Key{Group: "messaging", Subgroup: "kafka"}], groups.totals[Key{Group: "runtime", Subgroup: "java"}]
	if kafka == nil || kafka.Now.Processes != 1 || kafka.Counters[UserCPU] != 50e6 || java == nil || java.Counters[Starts] != 1 || java.Now.Processes != 0 {
		t.Errorf("%+v, %+v", kafka, java)
	}
	w.handle(&bpf.ProcessEvent{Kind: bpf.ProcessOOM, Process: bpf.Process{PID: 12}})
	if kafka.Counters[OOMKills] != 1 {
		t.Errorf("%v", kafka.Counters)
	}
}

// Traffic of a process counts once, also when it has ended, and its entry is removed then.
func TestTraffic(t *testing.T) {
	tree := newTree(t)
	w, meter := newKernelWatcher(t, tree)
	groups := w.Group(Needs{Network: true, Disks: true}, byClass)
	tree.process(testProcess{PID: 10, Start: 1})
	key := func(pid int, start uint64) bpf.ProcessKey {
		return bpf.ProcessKey{PID: pid, Start: time.Duration(start * nanosPerTick)}
	}
	comm := bpf.Comm{}
	copy(comm[:], "postgres")
	meter.traffic = []bpf.Traffic{{ProcessKey: key(10, 1), TCPTx: 100, UDPTx: 20, TCPRx: 7}, {ProcessKey: key(77, 1000), Comm: comm, TCPTx: 5}}
	disk := bpf.Disk{Major: 8}
	meter.block = []bpf.BlockUse{{ProcessKey: key(10, 1), Disk: disk, ReadBytes: 4096, Reads: 1}}
	tree.look(w, 20)
	total := groups.totals[postgres]
	if c := total.Counters; c[TxBytes] != 120 || c[RxBytes] != 7 || *total.Disks[disk] != (DiskUse{ReadBytes: 4096, Reads: 1}) {
		t.Errorf("%v, %v", c, total.Disks)
	}
	tree.look(w, 30) // 77 is still unknown
	if c := total.Counters; c[TxBytes] != 125 || !meter.forgot[77] || meter.forgot[10] {
		t.Errorf("%v, %v", c, meter.forgot)
	}
	meter.traffic = meter.traffic[:1]
	meter.traffic[0].TCPTx, meter.block[0].WriteBytes, meter.block[0].Writes = 150, 512, 1
	w.handle(exit(10, 1, 1, 0, 0))
	tree.remove(10)
	tree.look(w, 40)
	if c := total.Counters; c[TxBytes] != 175 || !meter.forgot[10] || *total.Disks[disk] != (DiskUse{ReadBytes: 4096, Reads: 1, WriteBytes: 512, Writes: 1}) {
		t.Errorf("%v, %v, %v", c, meter.forgot, total.Disks[disk])
	}
}

// A process that starts in the hundredth of a second of the previous look is new, if that look has not seen it.
func TestStartAtTheTimeOfALook(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{}, byClass)
	tree.look(w, 20)
	tree.process(testProcess{PID: 10, Start: 2000, User: 3})
	tree.process(testProcess{PID: 11, Start: 1999, User: 3})
	tree.look(w, 30)
	if c := groups.totals[postgres].Counters; c[UserCPU] != 30e6 || c[Starts] != 1 {
		t.Errorf("%v", c)
	}
}

// In some containers the uptime is not the system's: then no process is new because of it.
func TestUptimeThatJumps(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{}, byClass)
	tree.process(testProcess{PID: 9, Start: 1})
	tree.look(w, 10)
	tree.process(testProcess{PID: 10, Start: 300_000, User: 500})
	tree.write("uptime", "3600.00 1.00\n")
	if _, err := w.Look(t.Context(), time.Unix(1_000_020, 0), 0); err != nil {
		t.Error(err)
	}
	w.Unlock()
	if c := groups.totals[postgres].Counters; c[UserCPU] != 0 {
		t.Errorf("%v", c)
	}
}

// A process that ends after it was listed is not one that cannot be read.
func TestProcessEndsWhileItIsRead(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{IO: true}, byClass)
	p := testProcess{PID: 10, Start: 1, Read: 7}
	tree.process(p)
	tree.look(w, 10)
	p.User = 1
	tree.process(p)
	if err := os.Remove(tree.dir + "/proc/10/io"); err != nil {
		t.Fatal(err)
	}
	if r := tree.look(w, 20); r.Unreadable != 0 || !groups.totals[postgres].Now.HasIO() {
		t.Errorf("%+v, %+v", r, groups.totals[postgres].Now)
	}
}

// Reading the memory of a process takes at most a hundredth of the time.
func TestSlowMemory(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	w.Group(allNeeds, byClass)
	tree.process(testProcess{PID: 10, Start: 1, Rollup: "Rss: 4 kB\nPss: 4 kB\n"})
	tree.look(w, 10)
	w.visited[0].measuringTook = time.Second
	for _, seconds := range []float64{60, 109} {
		if r := tree.look(w, seconds); r.Oldest.Seconds() != seconds-10 {
			t.Errorf("at %v: %v old", seconds, r.Oldest)
		}
	}
	if r := tree.look(w, 111); r.Oldest != 0 {
		t.Errorf("it was not read again: %v", r.Oldest)
	}
}

// The switches of a process count on when all but one of its threads have ended.
func TestSwitchesOfTheLastThread(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{Switches: true}, byClass)
	look := func(seconds float64, threads int, switches ...int) uint64 {
		tree.process(testProcess{PID: 10, Start: 1500, User: uint64(seconds), Threads: threads, Voluntary: uint64(switches[0])})
		_ = os.RemoveAll(tree.dir + "/proc/10/task")
		for i, n := range switches {
			tree.write(fmt.Sprintf("10/task/%d/status", 10+i), fmt.Sprintf("voluntary_ctxt_switches:\t%d\n", n))
		}
		tree.look(w, seconds)
		return groups.totals[postgres].Counters[VoluntarySwitches]
	}
	w.Group(Needs{}, byClass)
	tree.look(w, 10)
	for i, got := range []uint64{look(20, 2, 5, 3), look(30, 1, 6, 3), look(35, 2, 6, 3), look(36, 1, 6), look(40, 1, 8), look(50, 2, 8, 100)} {
		if want := []uint64{8, 9, 9, 9, 11, 111}[i]; got != want {
			t.Errorf("look %d: %d, want %d", i, got, want)
		}
	}
}

// A moved process is looked at again: systemd moves processes to their unit after they were started.
func TestProcessIsMoved(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(Needs{}, func(m *Member) Key { return Key{Unit: m.Place.Unit} })
	p := testProcess{PID: 10, Start: 1}
	tree.process(p)
	tree.write("10/cgroup", "0::/init.scope\n")
	tree.look(w, 10)
	tree.write("10/cgroup", "0::/system.slice/postgresql.service\n")
	p.User = 1
	tree.process(p)
	tree.look(w, 20)
	if g := groups.totals[Key{Unit: "postgresql.service"}]; g == nil || g.Now.Processes != 1 {
		t.Errorf("%v", groups.totals)
	}
}

// When events can no longer be read, starts are what a look finds.
func TestStartsWithoutEvents(t *testing.T) {
	tree := newTree(t)
	w, _ := newKernelWatcher(t, tree)
	groups := w.Group(Needs{}, byClass)
	tree.look(w, 10)
	tree.process(testProcess{PID: 10, Start: 1500})
	tree.look(w, 20)
	w.kernel.silent = true
	tree.process(testProcess{PID: 11, Start: 2500})
	tree.look(w, 30)
	if got := groups.totals[postgres].Counters[Starts]; got != 1 {
		t.Errorf("%d starts, want 1: the first one is an event's", got)
	}
}

// Before Linux 4.14 there is no smaps_rollup.
func TestMemoryFromSmaps(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(allNeeds, byClass)
	tree.process(testProcess{PID: 10, Start: 1, Pages: 7})
	mapping := "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/x\nSize: 900 kB\nRss: 12 kB\nPss: 6 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nSwap: 4 kB\nVmFlags: rd\n"
	tree.write("10/smaps", mapping+mapping)
	tree.look(w, 10)
	if now := groups.totals[postgres].Now; !now.Measured() || now.Memory != (Memory{RSS: 24 << 10, PSS: 12 << 10, USS: 6 << 10, Swap: 8 << 10}) {
		t.Errorf("%+v", now)
	}
}

// Who no longer needs a watcher leaves nothing behind in it.
func TestRemove(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	first := w.Group(Needs{FDs: true, IO: true}, byClass)
	second := w.Group(Needs{IO: true}, byClass)
	tree.process(testProcess{PID: 10, Start: 1, Read: 5})
	tree.look(w, 10)
	w.Remove(first)
	tree.process(testProcess{PID: 10, Start: 1, Read: 9, User: 1})
	tree.look(w, 20)
	if total := second.totals[postgres]; w.needs != (Needs{IO: true}) || len(w.groups) != 1 || total.Counters[ReadBytes] != 4 || total.Now.Processes != 1 {
		t.Errorf("%+v, %+v", w.needs, total)
	}
}

// A panic does not keep the other users of a watcher waiting for ever.
func TestPanicUnlocks(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	w.Group(Needs{}, func(*Member) Key { panic("a bug") })
	tree.process(testProcess{PID: 10, Start: 1})
	tree.write("uptime", "10.00 0.00\n")
	err := crew.Catch(func() error { _, err := w.Look(t.Context(), time.Now(), 0); return err })
	if err == nil || !w.TryLock() {
		t.Errorf("%v, and it is locked", err)
	}
}

// Two inputs that are polled at the same time share one look.
func TestLookIsShared(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	w.Group(Needs{}, byClass)
	tree.process(testProcess{PID: 10, Start: 1})
	tree.write("uptime", "10.00 0.00\n")
	now := time.Unix(1000, 0)
	for i, age := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond} {
		r, err := w.Look(t.Context(), now.Add(age), 100*time.Millisecond)
		w.Unlock()
		if err != nil || r.Processes != 1 || r.At.Equal(now) != (i < 2) {
			t.Errorf("%v later: %+v, %v", age, r, err)
		}
	}
}

func TestParse(t *testing.T) {
	if _, ok := parseIO([]byte("syscr: 1\nsyscw: 2\nread_bytes: 3\n")); ok {
		t.Error("an incomplete file is taken for a whole one")
	}
	if s := parseStatus([]byte("Name:\tVmSwap: 7 kB\nVmSwap:\t  12 kB\nvoluntary_ctxt_switches:\t9\nnonvoluntary_ctxt_switches:\tx\n")); s.swap != 12<<10 || s.switches != [2]uint64{9, 0} {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]uint64{"12.34 5.6": 1234, "12": 0, "": 0, "x.y": 0} {
		if got, ok := uptimeTicks([]byte(text)); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("VmSwap: 1 kB\nsyscr: 1\nRss: 1 kB\nPss: 99999999999999999999 kB\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseStatus(data)
		parseIO(data)
		uptimeTicks(data)
		if m, ok := parseMemory(data); ok && m.RSS%1024 != 0 {
			t.Errorf("%+v", m)
		}
	})
}

func TestCPUs(t *testing.T) {
	tree := newTree(t)
	tree.write("stat", "cpu  1 2\ncpu0 1\ncpu1 1\ncpu10 1\nctxt 5\n")
	if got := CPUs(hostfs.At(tree.dir)); got != 3 {
		t.Error(got)
	}
	if got := CPUs(hostfs.At(os.DevNull)); got != 1 {
		t.Error(got)
	}
}
