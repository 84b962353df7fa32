package netstat

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/sockets"
)

// stateCounts are the numbers of sockets by state.
type stateCounts [sockets.NumStates]uint64

func stateNames() [sockets.NumStates]string {
	return [sockets.NumStates]string{
		sockets.Established: "established", sockets.SynSent: "syn_sent", sockets.SynRecv: "syn_recv", sockets.FinWait1: "fin_wait1",
		sockets.FinWait2: "fin_wait2", sockets.TimeWait: "time_wait", sockets.Closed: "close", sockets.CloseWait: "close_wait",
		sockets.LastAck: "last_ack", sockets.Listen: "listen", sockets.Closing: "closing",
	}
}

// socketCounter counts the TCP sockets of the host. Its functions are made once, because a gather allocates nothing.
type socketCounter struct {
	*sockets.Lister
	counts stateCounts
	want   sockets.Want
	add    func(*sockets.Socket)
}

func newSocketCounter(l *sockets.Lister) *socketCounter {
	c := &socketCounter{Lister: l, want: sockets.Want{TCP: true}}
	c.want.Begin = func() { c.counts = stateCounts{} }
	c.add = func(s *sockets.Socket) { c.counts[s.State]++ }
	return c
}

// countSockets returns the number of sockets in each state. found is false if the kernel or the container shows no
// sockets at all.
func (c *socketCounter) countSockets(ctx context.Context) (counts stateCounts, found bool, err error) {
	err = c.List(ctx, c.want, c.add)
	if errors.Is(err, sockets.ErrHidden) {
		return counts, false, nil
	}
	return c.counts, err == nil, err
}
