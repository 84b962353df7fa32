// Package proctable knows the processes of a host: who started whom, and what each one was called, also when it has ended.
//
//   - table.go: [Table], which learns from the events of the kernel, and from /proc.
//   - process.go: [Process].
//   - read.go: reads processes from /proc. stat.go: parses /proc/PID/stat.
//   - users.go: the names of users.
package proctable

import (
	"github.com/rtcollector/rtcollector/internal/cmdline"
	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// Classifier decides on the Info of processes. Where a process has a parent, that one's Info is known.
type Classifier[T any] interface {
	// Forked returns the Info of a process that was started and has not run a program of its own yet.
	Forked(p *Process[T]) T
	// Executed returns the Info of a process that runs a program with these arguments. They are as they are, credentials included, and
	// must not be kept. They may be unknown.
	Executed(p *Process[T], argv []string) T
}

// Table holds the processes of a host. It belongs to one goroutine.
type Table[T any] struct {
	classifier Classifier[T]
	reader     reader
	byPID      map[int]*Process[T]
	ended      []*Process[T] // the latest ones, a ring; events about them may still come
	next       int           // in ended
	round      uint32
	onEnd      func(*Process[T]) // told of every end; nil: nobody
}

// keepEnded is how many processes are kept after their end.
const keepEnded = 1024

// maxCmdline is how much of a command line is kept, in bytes.
const maxCmdline = 256

// New returns an empty table.
func New[T any](root hostfs.Root, classifier Classifier[T]) *Table[T] {
	return &Table[T]{classifier: classifier, reader: newReader(root), byPID: map[int]*Process[T]{}}
}

// WithKernelThreads makes [Table.Scan] list the threads of the kernel too, which have no user, no command line and no memory of their own.
// It returns the table.
func (t *Table[T]) WithKernelThreads() *Table[T] {
	t.reader.kernelThreads = true
	return t
}

// OnEnd sets a function that is told of every process that has ended, however the table learned of it. It returns the table.
func (t *Table[T]) OnEnd(told func(*Process[T])) *Table[T] {
	t.onEnd = told
	return t
}

// Len returns the number of processes in the table.
func (t *Table[T]) Len() int { return len(t.byPID) }

// All calls each with every process that has not ended.
func (t *Table[T]) All(each func(*Process[T])) {
	for _, p := range t.byPID {
		if !p.ended {
			each(p)
		}
	}
}

// Find returns the process with this PID that runs now or has ended last, or nil.
func (t *Table[T]) Find(pid int) *Process[T] { return t.byPID[pid] }

// Forked records that a process was started. Until it runs a program, it is its parent's.
func (t *Table[T]) Forked(id ID, parent int, uid uint32, comm string) {
	p := t.add(id, parent, uid, comm)
	if p.Parent != nil {
		p.Cmdline = p.Parent.Cmdline
	}
	p.Info = t.classifier.Forked(p)
}

// Executed records that a process runs a program with this command line, separated by NUL.
func (t *Table[T]) Executed(id ID, parent int, uid uint32, comm string, args []byte) {
	p := t.byPID[id.PID]
	if p == nil || p.ID != id {
		p = t.add(id, parent, uid, comm)
	}
	t.setProgram(p, uid, comm, cmdline.Split(args))
}

// Replaced records that a process runs another program, whose arguments are not known: [Table.Scan] reads them. It returns the process, or
// nil if it is unknown.
func (t *Table[T]) Replaced(id ID, uid uint32, comm string) *Process[T] {
	p := t.byPID[id.PID]
	if p == nil || p.ID != id {
		return nil
	}
	p.UID, p.Comm, p.Cmdline, p.executed = uid, displayName(comm, nil, id.PID), "", false
	return p
}

func (t *Table[T]) setProgram(p *Process[T], uid uint32, comm string, argv []string) {
	p.UID, p.Comm, p.executed = uid, displayName(comm, argv, p.PID), true
	p.Cmdline = cmdline.Text(argv, maxCmdline)
	p.Info = t.classifier.Executed(p, argv)
}

// Exited records the end of a process. It is forgotten when many others have ended after it.
func (t *Table[T]) Exited(id ID) {
	if p := t.byPID[id.PID]; p != nil && p.ID == id {
		t.end(p)
	}
}

func (t *Table[T]) end(p *Process[T]) {
	if p.ended {
		return
	}
	p.ended = true
	if t.onEnd != nil {
		t.onEnd(p)
	}
	if len(t.ended) < keepEnded {
		t.ended = append(t.ended, p)
		return
	}
	if old := t.ended[t.next]; t.byPID[old.PID] == old {
		delete(t.byPID, old.PID)
	}
	t.ended[t.next] = p
	t.next = (t.next + 1) % keepEnded
}

// Seen returns the process that the kernel named in an event. One that is unknown, because the event of its start was lost, is read from
// /proc; if it is gone from there, only its name is known.
func (t *Table[T]) Seen(id ID, parent int, uid uint32, comm string) *Process[T] {
	p := t.byPID[id.PID]
	if p != nil && p.ID == id {
		if name := displayName(comm, nil, id.PID); comm != "" && name != p.Comm {
			p.Comm = name // it has renamed itself
		}
		return p
	}
	if found, ok := t.reader.read(id.PID); ok && found.stat.Start == id.Start {
		return t.learn(&found)
	}
	p = t.add(id, parent, uid, comm)
	p.Info = t.classifier.Executed(p, nil)
	return p
}

// add enters a new process. It replaces one that had the same PID.
func (t *Table[T]) add(id ID, parent int, uid uint32, comm string) *Process[T] {
	if old := t.byPID[id.PID]; old != nil {
		t.end(old)
	}
	p := &Process[T]{ID: id, UID: uid, Comm: displayName(comm, nil, id.PID), round: t.round}
	if mother := t.byPID[parent]; mother != nil && mother != p && mother.Start <= id.Start {
		t.setParent(p, mother)
	}
	t.byPID[id.PID] = p
	return p
}

// setParent links a process to its parent. Where the chain would become too long, the nearest ancestors are left out.
func (t *Table[T]) setParent(p, parent *Process[T]) {
	for parent.depth >= maxDepth-1 {
		parent = parent.Parent
	}
	p.Parent, p.depth = parent, parent.depth+1
}

// Scan reads all processes of the host. It adds those that are new, and ends those that are gone. Visit, which may be nil, is called with
// every process that is there; the Stat is valid until it returns, and has no name.
func (t *Table[T]) Scan(visit func(*Process[T], *Stat)) error {
	if visit == nil {
		visit = func(*Process[T], *Stat) {}
	}
	t.round++
	var fresh []found
	err := t.reader.list(func(s *Stat) {
		p := t.byPID[s.PID]
		if p == nil || p.Start != s.Start || p.ended {
			fresh = append(fresh, found{stat: *s, comm: string(s.Comm)})
			return
		}
		p.round = t.round
		isRenamed := p.Comm != string(s.Comm) && displayName(string(s.Comm), nil, s.PID) != p.Comm
		if isRenamed || !p.executed { // it runs another program
			fresh = append(fresh, found{stat: *s, comm: string(s.Comm)})
			return
		}
		visit(p, s)
	})
	if err != nil {
		return err
	}
	t.addInOrder(fresh, visit)
	for _, p := range t.byPID {
		if p.round != t.round {
			t.end(p)
		}
	}
	return nil
}

// addInOrder adds processes so that parents come before their children.
func (t *Table[T]) addInOrder(fresh []found, visit func(*Process[T], *Stat)) {
	byPID := make(map[int]*found, len(fresh))
	for i := range fresh {
		byPID[fresh[i].stat.PID] = &fresh[i]
	}
	var add func(f *found, depth int)
	add = func(f *found, depth int) {
		if f.added {
			return
		}
		f.added = true
		if parent := byPID[f.stat.Parent]; parent != nil && depth < maxDepth {
			add(parent, depth+1)
		}
		if t.reader.complete(f) {
			visit(t.learn(f), &f.stat)
		}
	}
	for i := range fresh {
		add(&fresh[i], 0)
	}
}

// learn enters what was read from /proc.
func (t *Table[T]) learn(f *found) *Process[T] {
	id := ID{f.stat.PID, f.stat.Start}
	p := t.byPID[id.PID]
	if p == nil || p.ID != id || p.ended {
		p = t.add(id, f.stat.Parent, f.uid, f.comm)
	}
	p.round, p.Kernel = t.round, f.stat.IsKernelThread()
	t.setProgram(p, f.uid, f.comm, f.argv)
	return p
}
