package connections

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/sockets"
)

// kernelView follows the events of the eBPF programs.
//
// A TCP connection belongs to the process that called connect, or to the one that listens. Only three changes are made by the process that
// has the socket: to SYN_SENT, to FIN_WAIT1 and to LAST_ACK. All others happen in whatever process an interrupt stopped. A connection ends
// when its state is CLOSE, not when it has left ESTABLISHED.
type kernelView struct {
	t             *tracker
	bySocket      map[uint64]*connection
	byInode       map[uint64]*connection // opened before the programs were loaded; their address in the kernel is not known yet
	conversations map[bpf.ConversationKey]*connection
	listeners     map[listener]*listening
}

// listener is where a process listens.
type listener struct {
	netns uint32
	local netip.AddrPort
}

type listening struct {
	process *process
	socket  uint64
	c       *connection // nil unless listeners are reported
}

// maxListeners bounds the listeners that are remembered.
const maxListeners = 16_384

func newKernelView(t *tracker) *kernelView {
	return &kernelView{
		t: t, bySocket: map[uint64]*connection{}, byInode: map[uint64]*connection{},
		conversations: map[bpf.ConversationKey]*connection{}, listeners: map[listener]*listening{},
	}
}

// handle takes an event. at is its time.
func (k *kernelView) handle(e *bpf.Event, at time.Time) {
	id := proctable.ID{PID: e.Process.PID, Start: startTicks(e.Process.Start)}
	switch e.Kind {
	case bpf.Fork:
		k.t.processes.Forked(id, e.Process.Parent, e.Process.UID, e.Process.Comm())
	case bpf.Exec:
		k.t.processes.Executed(id, e.Process.Parent, e.Process.UID, e.Process.Comm(), e.Args)
	case bpf.Exit:
		k.t.processes.Exited(id)
	case bpf.StateChange:
		k.changeState(e, at)
	case bpf.Conversation:
		k.converse(e, at)
	}
}

// startTicks converts the start of a process to the clock ticks of /proc/PID/stat: a hundredth of a second, in all of Linux
// (USER_HZ).
func startTicks(start time.Duration) uint64 { return uint64(start / (10 * time.Millisecond)) }

// processOf returns the process that caused an event, or nil if it was only interrupted.
func (k *kernelView) processOf(e *bpf.Event) *process {
	if e.NoOwner || e.Process.PID == 0 {
		return nil
	}
	id := proctable.ID{PID: e.Process.PID, Start: startTicks(e.Process.Start)}
	return k.t.processes.Seen(id, e.Process.Parent, e.Process.UID, e.Process.Comm())
}

// wants reports whether connections of a process are tracked. Those of unknown processes are if every process is watched.
func (t *tracker) wants(p *process) bool {
	if p == nil {
		return t.watcher.everything
	}
	return p.Info.watched
}

func (k *kernelView) changeState(e *bpf.Event, at time.Time) {
	switch {
	case e.New == sockets.Listen:
		k.listen(e, at)
	case e.Old == sockets.Listen && e.New == sockets.Closed:
		k.stopListening(e, at)
	case e.New == sockets.SynSent:
		k.connect(e, at)
	case e.New == sockets.Established && e.Old == sockets.SynRecv:
		k.accept(e, at)
	case e.New == sockets.Established:
		k.established(e, at)
	case e.New == sockets.FinWait1, e.New == sockets.LastAck:
		k.closing(e, at)
	case e.New == sockets.Closed:
		k.closed(e, at)
	}
}

func (k *kernelView) connect(e *bpf.Event, at time.Time) {
	if old := k.bySocket[e.Socket]; old != nil { // its end was lost
		k.t.end(old, at, connlog.ClosedUnseen)
		delete(k.bySocket, e.Socket)
	}
	p := k.processOf(e)
	if !k.t.wants(p) {
		return
	}
	k.begin(e, &connection{process: p, direction: connlog.Out, opened: at})
}

// begin tracks the connection of an event.
func (k *kernelView) begin(e *bpf.Event, c *connection) *connection {
	c.proto, c.via, c.tx, c.rx = connlog.TCP, viaEBPF, 0, 0
	c.local, c.remote, c.netns, c.inode = e.Local, e.Remote, e.Netns, e.Inode
	if k.t.begin(c) == nil {
		return nil
	}
	k.bySocket[e.Socket] = c
	return c
}

func (k *kernelView) established(e *bpf.Event, at time.Time) {
	c := k.bySocket[e.Socket]
	if c == nil {
		return
	}
	c.local, c.remote = e.Local, e.Remote
	k.t.establish(c, at)
}

func (k *kernelView) accept(e *bpf.Event, at time.Time) {
	p, _ := k.listenerAt(e)
	if !k.t.wants(p) {
		return
	}
	if c := k.begin(e, &connection{process: p, direction: connlog.In, opened: at}); c != nil {
		k.t.establish(c, at)
	}
}

// listenerAt returns the process that listens where a connection arrived. found is false if nobody is known to.
func (k *kernelView) listenerAt(e *bpf.Event) (p *process, found bool) {
	port := e.Local.Port()
	for _, local := range []netip.AddrPort{
		e.Local, netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPortFrom(netip.IPv6Unspecified(), port),
	} {
		if l := k.listeners[listener{e.Netns, local}]; l != nil {
			return l.process, true
		}
	}
	return nil, false
}

// closing learns about connections that were opened before the programs were loaded: the process closes its end now.
func (k *kernelView) closing(e *bpf.Event, at time.Time) {
	if c := k.find(e); c != nil {
		if c.process == nil {
			c.process = k.processOf(e)
		}
		return
	}
	p := k.processOf(e)
	if !k.t.wants(p) {
		return
	}
	c := &connection{process: p, direction: connlog.Out, opened: at, beforeStart: true}
	if _, isServer := k.listenerAt(e); isServer {
		c.direction = connlog.In
	}
	if k.begin(e, c) != nil {
		k.t.establish(c, at)
	}
}

// find returns the connection of an event. One that was opened before the programs were loaded is known by its inode until now.
func (k *kernelView) find(e *bpf.Event) *connection {
	if c := k.bySocket[e.Socket]; c != nil {
		return c
	}
	c := k.byInode[e.Inode]
	if c == nil || e.Inode == 0 {
		return nil
	}
	delete(k.byInode, e.Inode)
	k.bySocket[e.Socket] = c
	return c
}

func (k *kernelView) closed(e *bpf.Event, at time.Time) {
	c := k.find(e)
	delete(k.bySocket, e.Socket)
	switch {
	case c == nil && k.t.watcher.everything && e.Old != sockets.SynSent && e.Old != sockets.SynRecv:
		// Opened before the programs were loaded, and nobody closed it.
		if c = k.begin(e, &connection{opened: at, beforeStart: true}); c != nil {
			delete(k.bySocket, e.Socket)
			k.t.establish(c, at)
		}
	case c == nil:
	case c.established.IsZero():
		k.t.fail(c, at, failure(e.Error))
		return
	}
	if c != nil {
		k.t.setBytes(c, e.Tx, e.Rx)
		k.t.end(c, at, "")
	}
}

// failure returns why a connection could not be made.
func failure(err syscall.Errno) string {
	if err == 0 {
		return "given up by the process"
	}
	return err.Error()
}

func (k *kernelView) listen(e *bpf.Event, at time.Time) {
	p := k.processOf(e)
	if len(k.listeners) >= maxListeners {
		k.t.missed++
		return
	}
	l := &listening{process: p, socket: e.Socket}
	if k.t.config.Listening && k.t.wants(p) {
		l.c = k.t.begin(&connection{
			process: p, direction: connlog.Listen, proto: connlog.TCP, via: viaEBPF, tx: -1, rx: -1, local: e.Local, netns: e.Netns, inode: e.Inode, opened: at,
		})
		if l.c != nil {
			k.t.establish(l.c, at)
		}
	}
	k.listeners[listener{e.Netns, e.Local}] = l
}

// stopListening forgets a listener. Its local port is still known.
func (k *kernelView) stopListening(e *bpf.Event, at time.Time) {
	for key, l := range k.listeners {
		isIt := l.socket == e.Socket || l.socket == 0 && key == listener{e.Netns, e.Local} // 0: it was there before the programs
		if !isIt {
			continue
		}
		if l.c != nil {
			k.t.end(l.c, at, "")
		}
		delete(k.listeners, key)
	}
}

// converse begins a conversation over UDP.
func (k *kernelView) converse(e *bpf.Event, at time.Time) {
	p := k.processOf(e)
	if !k.t.wants(p) {
		return
	}
	key := bpf.ConversationKey{PID: e.Process.PID, Netns: e.Netns, Remote: e.Remote}
	if e.NoOwner {
		key.PID = 0
	}
	if old := k.conversations[key]; old != nil {
		return
	}
	c := &connection{
		process: p, direction: connlog.Out, proto: connlog.UDP, via: viaEBPF, local: e.Local, remote: e.Remote, netns: e.Netns, inode: e.Inode, opened: at, rx: -1,
	}
	if e.Bound {
		c.direction = connlog.In
	}
	if k.t.begin(c) != nil {
		k.conversations[key] = c
		k.t.establish(c, at)
	}
}

// updateConversations takes the state of all conversations, and ends those that have been idle for long or whose process is gone. toTime
// converts a time since the start of the system.
func (k *kernelView) updateConversations(o *bpf.Observer, now time.Time, toTime func(time.Duration) time.Time) error {
	idle := k.t.config.UDPIdle.D()
	return o.Conversations(func(info *bpf.ConversationInfo) (forget bool) {
		last := toTime(info.Last)
		c := k.conversations[info.ConversationKey]
		if c != nil {
			k.t.setBytes(c, info.Tx, info.Rx)
			if !o.HasReceivedBytes() || info.Received == 0 {
				c.rx = -1
			}
		}
		gone := c != nil && c.process != nil && c.process.HasEnded()
		if !gone && now.Sub(last) < idle {
			return false
		}
		if c != nil {
			k.t.end(c, last, reasonIf(!gone, connlog.ClosedIdle))
			delete(k.conversations, info.ConversationKey)
		}
		return true
	})
}

func reasonIf(condition bool, reason string) string {
	if condition {
		return reason
	}
	return ""
}
