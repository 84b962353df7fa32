package processtop

import (
	"cmp"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// snapshots makes a table of the processes that use the most now and then. Its rates are over the time since the table before.
type snapshots struct {
	gathers  int
	at       time.Time // of the table before
	previous map[proctable.ID]procusage.Counters
}

// addSnapshot adds the table as events, one for each process, if it is due: at the second gather, which is the first that knows rates, and
// then regularly.
func (in *input) addSnapshot(out *telemetry.Batch, look *procusage.Result) {
	t, every := &in.table, in.config.SnapshotEvery
	n := t.gathers
	t.gathers++
	switch {
	case every == 0, n > 0 && (n-1)%every != 0:
		return
	case n > 0:
		in.addRows(out, look)
	}
	t.at, t.previous = look.At, make(map[proctable.ID]procusage.Counters, len(t.previous))
	in.watcher.Members(func(m *procusage.Member) { t.previous[m.Process.ID] = m.Used })
}

// process is a process of a table.
type process struct {
	member *procusage.Member
	candidate
}

func (in *input) addRows(out *telemetry.Batch, look *procusage.Result) {
	rows := in.chooseRows(in.usesOfProcesses(look.At.Sub(in.table.at)))
	slices.SortFunc(rows, func(a, b process) int {
		return cmp.Or(cmp.Compare(b.uses[cpu], a.uses[cpu]), cmp.Compare(b.uses[rss], a.uses[rss]), cmp.Compare(a.key.PID, b.key.PID))
	})
	for i, p := range rows {
		row := in.row(&p, look)
		row.Time, row.Snapshot, row.Rank = time.UnixMilli(out.Time), out.Time, i+1
		out.Events = append(out.Events, row.Event())
	}
}

func (in *input) usesOfProcesses(elapsed time.Duration) []process {
	var all []process
	in.watcher.Members(func(m *procusage.Member) {
		key := procusage.Key{Group: m.Class.Group, Subgroup: m.Class.Subgroup, PID: m.Process.PID}
		if m.Process.Kernel && m.Used == (procusage.Counters{}) || !in.watcher.Wants(key) {
			return
		}
		p := process{member: m, candidate: candidate{key: key}}
		before := in.table.previous[m.Process.ID]
		p.uses.setRates(&before, &m.Used, elapsed, in.maxCPU)
		if !m.HasIO() {
			p.uses[read], p.uses[write] = unknown, unknown
		}
		p.uses[rss], p.uses[pss] = float64(m.RSS()), unknown
		if m.Measured {
			p.uses[pss] = float64(m.Memory.PSS)
		}
		in.hideNetwork(&p.uses)
		all = append(all, p)
	})
	return all
}

// chooseRows returns the processes of a table: those that use the most of anything, in turn, until it is full.
func (in *input) chooseRows(all []process) []process {
	byPID := map[int]process{}
	candidates := make([]candidate, len(all))
	for i, p := range all {
		byPID[p.key.PID], candidates[i] = p, p.candidate
	}
	rankings := make([][]candidate, len(in.config.By))
	for i, u := range in.config.By {
		rankings[i] = rank(candidates, u)
	}
	var rows []process
	chosen := map[int]bool{}
	for place := 0; len(rows) < in.config.SnapshotRows; place++ {
		more := false
		for _, ranking := range rankings {
			if place >= len(ranking) {
				continue
			}
			more = true
			if pid := ranking[place].key.PID; !chosen[pid] && len(rows) < in.config.SnapshotRows {
				chosen[pid] = true
				rows = append(rows, byPID[pid])
			}
		}
		if !more {
			break
		}
	}
	return rows
}

// row returns a process as a row of the table, but for its place in it.
func (in *input) row(p *process, look *procusage.Result) proclog.Row {
	m, u := p.member, p.uses
	return proclog.Row{
		Host: in.env.Factory.Host(), PID: m.Process.PID, Parent: m.Parent(), Start: look.TimeOf(m.Process.Start), User: in.watcher.User(m),
		Name: m.Process.Comm, Cmdline: m.Process.Cmdline, Group: m.Class.Group, Subgroup: m.Class.Subgroup, Unit: m.Place.Unit, Container: m.Place.Container,
		CPU: max(u[cpu], 0), RSS: int64(u[rss]), PSS: int64(u[pss]), Read: u[read], Write: u[write], Rx: u[rx], Tx: u[tx], Threads: m.Threads,
	}
}
