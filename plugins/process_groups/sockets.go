package processgroups

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/sockets"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// socketCounter counts the TCP connections of each group, in the host's network namespace. A connection in TIME_WAIT belongs to no process.
type socketCounter struct {
	lister *sockets.Lister
	owners *sockets.Owners
	inodes []uint64
	states map[uint64]sockets.State // by inode
	pids   []int
}

func newSocketCounter(env plugins.Env) *socketCounter {
	return &socketCounter{lister: sockets.NewHost(env.FS, env.Log), owners: sockets.NewOwners(env.FS), states: map[uint64]sockets.State{}}
}

// stateNames are the values of the label state, as ss(8) and netstat(8) name them.
func stateNames() [sockets.NumStates]string {
	return [sockets.NumStates]string{
		sockets.Established: "established", sockets.SynSent: "syn_sent", sockets.SynRecv: "syn_recv", sockets.FinWait1: "fin_wait1",
		sockets.FinWait2: "fin_wait2", sockets.Closed: "close", sockets.CloseWait: "close_wait", sockets.LastAck: "last_ack",
		sockets.Listen: "listen", sockets.Closing: "closing",
	}
}

// add reports how many connections each group has in each state. One that several processes share, such as the socket of a server that forks,
// counts for the first of them.
func (c *socketCounter) add(ctx context.Context, in *input, out *telemetry.Batch) error {
	err := c.lister.List(ctx, sockets.Want{TCP: true, Begin: c.forget}, func(s *sockets.Socket) {
		if s.Inode != 0 {
			c.inodes = append(c.inodes, s.Inode)
			c.states[s.Inode] = s.State
		}
	})
	if err != nil {
		return err
	}
	c.pids = c.pids[:0]
	members := map[int]*procusage.Member{}
	in.watcher.Members(func(m *procusage.Member) {
		members[m.Process.PID] = m
		c.pids = append(c.pids, m.Process.PID)
	})
	if err := c.owners.Update(ctx, c.inodes, c.pids); err != nil {
		return err
	}
	counts := map[*procusage.Totals]*[sockets.NumStates]int{}
	for inode, state := range c.states {
		for _, pid := range c.owners.Of(inode) {
			if m := members[pid]; m != nil {
				t := in.groups.Of(m)
				if counts[t] == nil {
					counts[t] = &[sockets.NumStates]int{}
				}
				counts[t][state]++
				break
			}
		}
	}
	in.groups.All(func(t *procusage.Totals) {
		if t.Now.Processes == 0 || !in.watcher.Wants(t.Key) {
			return
		}
		g := in.series.groups.Get(t.Key)
		if byState := counts[t]; byState != nil {
			g.addStates(out, byState)
		} else if g.states.Len() > 0 { // it had some before
			g.addStates(out, &[sockets.NumStates]int{})
		}
	})
	return nil
}

func (c *socketCounter) forget() {
	clear(c.states)
	c.inodes = c.inodes[:0]
}

func (g *groupSeries) addStates(out *telemetry.Batch, counts *[sockets.NumStates]int) {
	for state, name := range stateNames() {
		if name != "" {
			out.Add(g.states.Get(name).connections, float64(counts[state]))
		}
	}
	g.states.Sweep(out)
}

func (c *socketCounter) close() { _ = c.lister.Close() }
