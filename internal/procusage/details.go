package procusage

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/cmdline"
)

// A process that does nothing has nothing new to tell. So its details are read only at every sixth look, a sixth of all such processes at
// each; those of a process that used CPU time or memory, at every look.
const idleLooks = 6

func (w *Watcher) isDetailDue(m *Member, changed bool) bool {
	return changed || m.detailRound == 0 || (w.round+uint32(m.Process.PID))%idleLooks == 0
}

// readDetails reads the files that are not read at every look.
func (w *Watcher) readDetails(m *Member) {
	if m.detailRound != 0 && !m.placed { // systemd moves processes to their unit after they were started
		w.placeAgain(m)
	}
	m.detailRound, m.denied = w.round, false
	pid := m.Process.PID
	m.details.hasStatus = w.isKnown(m, w.readStatus(m), m.details.hasStatus)
	if m.Process.Kernel {
		m.details.hasFDs, m.details.hasIO = true, true
		return
	}
	if w.needs.FDs {
		n, err := w.reader.descriptors(pid)
		if m.details.hasFDs = w.isKnown(m, err, m.details.hasFDs); err == nil {
			m.details.fds = n
		}
	}
	if w.needs.IO {
		m.details.hasIO = w.isKnown(m, w.readIO(m), m.details.hasIO)
	}
}

// isKnown returns whether something is known of a process after an attempt to read it. If it has ended since it was listed, that is as before.
func (w *Watcher) isKnown(m *Member, err error, before bool) bool {
	if errors.Is(err, fs.ErrPermission) {
		m.denied = true
	}
	w.noteEnd(m, err)
	return err == nil || before && hasEnded(err)
}

// noteEnd notes whether a process has ended since it was listed. An error alone does not tell: some kernels lack some of the files.
func (w *Watcher) noteEnd(m *Member, err error) {
	m.gone = m.gone || hasEnded(err) && !w.reader.exists(m.Process.PID)
}

func (w *Watcher) placeAgain(m *Member) {
	m.placed = true
	place, err := w.reader.place(m.Process.PID)
	if err != nil || place == m.Place {
		return
	}
	m.Place, m.groups = place, nil
	data, _ := w.reader.read(m.Process.PID, "cmdline")
	w.classify(m, cmdline.Split(data))
	w.assign(m)
}

// readStatus reads the memory and, if they are wanted, the context switches.
func (w *Watcher) readStatus(m *Member) error {
	data, err := w.reader.read(m.Process.PID, "status")
	if err != nil {
		return err
	}
	s := parseStatus(data)
	m.Resident, m.Swap = s.resident, s.swap
	if !w.needs.Switches {
		return nil
	}
	var threads []threadSwitches
	if m.Threads <= 1 && len(m.details.threads) <= 1 {
		threads = append(threads, threadSwitches{m.Process.PID, s.switches})
	} else {
		threads = make([]threadSwitches, 0, min(m.Threads, maxThreads))
		err = w.reader.threads(m.Process.PID, func(tid int, s status) { threads = append(threads, threadSwitches{tid, s.switches}) })
	}
	if len(threads) == 0 { // it has ended
		return err
	}
	sum := m.details.addThreads(threads)
	growth := m.readings.step(&Counters{VoluntarySwitches: sum[0], InvoluntarySwitches: sum[1]}, switchCounters, m.started)
	m.add(&growth)
	return err
}

// threadSwitches are the context switches of a thread: voluntary and involuntary.
type threadSwitches struct {
	tid      int
	switches [2]uint64
}

// addThreads returns the sum of the context switches of all threads, also of those that have ended since: the kernel tells only those of
// threads that exist.
func (d *details) addThreads(now []threadSwitches) [2]uint64 {
	byTID := func(a, b threadSwitches) int { return cmp.Compare(a.tid, b.tid) }
	slices.SortFunc(now, byTID)
	for i := range now {
		var before [2]uint64
		if at, ok := slices.BinarySearchFunc(d.threads, now[i], byTID); ok {
			before = d.threads[at].switches
		}
		for kind := range before {
			most := max(before[kind], now[i].switches[kind]) // one that falls was wrong once
			d.switches[kind] += most - before[kind]
			now[i].switches[kind] = most
		}
	}
	d.threads = now
	return d.switches
}

func (w *Watcher) readIO(m *Member) error {
	data, err := w.reader.read(m.Process.PID, "io")
	if err != nil {
		return err
	}
	now, ok := parseIO(data)
	if !ok {
		return fs.ErrInvalid
	}
	growth := m.readings.step(&now, ioCounters, m.started)
	m.payDebt(&growth)
	m.add(&growth)
	return nil
}

// A process whose memory takes long to read is read rarely: so that this takes at most a hundredth of the time.
const slowFactor = 100

// measure reads the memory of processes for as long as the budget allows: first of those whose resident memory has changed, then of the
// others, those that were read longest ago first.
func (w *Watcher) measure(ctx context.Context, now time.Time) {
	var due []*Member
	for _, m := range w.visited {
		switch {
		case m.Process.Kernel:
			m.Measured = true
		case now.Sub(m.measuredAt) >= slowFactor*m.measuringTook:
			due = append(due, m)
		}
	}
	slices.SortFunc(due, func(a, b *Member) int {
		if a.hasGrown() != b.hasGrown() {
			return count(b.hasGrown()) - count(a.hasGrown())
		}
		return a.measuredAt.Compare(b.measuredAt)
	})
	began := time.Now()
	last := began
	for _, m := range due {
		if ctx.Err() != nil || w.needs.Budget > 0 && last.Sub(began) >= w.needs.Budget {
			return
		}
		memory, err := w.reader.memory(m.Process.PID)
		after := time.Now()
		m.measuringTook, last = after.Sub(last), after
		if hasEnded(err) {
			w.noteEnd(m, err)
			continue
		}
		m.Measured = w.isKnown(m, err, false)
		m.Memory, m.measuredAt, m.measuredSize = memory, now, m.Resident
	}
}

// hasGrown reports whether the resident memory has changed by more than a sixteenth since it was measured.
func (m *Member) hasGrown() bool {
	change := max(m.Resident, m.measuredSize) - min(m.Resident, m.measuredSize)
	return !m.Measured || change > m.measuredSize/16
}
