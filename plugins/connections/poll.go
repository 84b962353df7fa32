package connections

import (
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/sockets"
)

// polledView follows the sockets of the watched processes by comparing lists of them. A socket is known by its inode, so it stays the same
// connection when another process gets it.
type polledView struct {
	t      *tracker
	known  map[uint64]*connection
	polled bool // there was a list before
}

func newPolledView(t *tracker) *polledView { return &polledView{t: t, known: map[uint64]*connection{}} }

// compare takes a new list of all sockets.
func (v *polledView) compare(all []found, now time.Time) {
	ports := listenPorts(all)
	v.t.lists++
	for i := range all {
		s := &all[i]
		if !s.isConnection() && (!s.isListener() || !v.t.config.Listening) {
			continue
		}
		c := v.known[s.Inode]
		if c == nil {
			if c = v.t.beginFound(s, ports, now, !v.polled); c == nil {
				continue
			}
			v.known[s.Inode] = c
		}
		v.t.updateFound(c, s, now)
	}
	for inode, c := range v.known {
		if c.listed != v.t.lists {
			delete(v.known, inode)
			v.lose(c, now)
		}
	}
	v.polled = true
}

// lose ends a connection whose socket is gone.
func (v *polledView) lose(c *connection, now time.Time) {
	if c.established.IsZero() {
		v.t.fail(c, now, "not established")
		return
	}
	v.t.end(c, now, connlog.ClosedUnseen)
}

// beginFound starts to track a listed socket.
func (t *tracker) beginFound(s *found, ports map[portKey]bool, now time.Time, beforeStart bool) *connection {
	return t.begin(&connection{
		process: s.process, proto: s.Proto.String(), direction: s.direction(ports), local: s.Local, remote: s.Remote, netns: s.netns, inode: s.Inode,
		via: s.via, opened: now, beforeStart: beforeStart, tx: -1, rx: -1,
	})
}

// updateFound takes what a list says about a connection.
func (t *tracker) updateFound(c *connection, s *found, now time.Time) {
	c.listed = t.lists
	if s.HasBytes {
		t.setBytes(c, s.TxBytes, s.RxBytes)
	}
	if s.State != sockets.SynSent && s.State != sockets.SynRecv {
		t.establish(c, now)
	}
}

// adopt takes the list of the sockets that were open when the programs were loaded.
func (k *kernelView) adopt(all []found, now time.Time) {
	tracked := k.t.byInode()
	ports := listenPorts(all)
	for i := range all {
		s := &all[i]
		if s.Proto == sockets.TCP && s.State == sockets.Listen {
			k.adoptListener(s, now)
		}
		if s.Proto != sockets.TCP || !s.isConnection() || tracked[s.Inode] != nil {
			continue
		}
		if c := k.t.beginFound(s, ports, now, true); c != nil {
			k.byInode[s.Inode] = c
			k.t.updateFound(c, s, now)
		}
	}
}

func (k *kernelView) adoptListener(s *found, now time.Time) {
	key := listener{s.netns, s.Local}
	if k.listeners[key] != nil || len(k.listeners) >= maxListeners {
		return
	}
	l := &listening{process: s.process}
	if k.t.config.Listening {
		if l.c = k.t.beginFound(s, nil, now, true); l.c != nil {
			k.t.establish(l.c, now)
		}
	}
	k.listeners[key] = l
}

// update takes the bytes of all open connections from a list. After events were lost, connections that two lists in a row do not have are
// ended.
func (k *kernelView) update(all []found, now time.Time, lost bool) {
	k.t.lists++
	tracked := k.t.byInode()
	for i := range all {
		if c := tracked[all[i].Inode]; c != nil && all[i].isConnection() {
			k.t.updateFound(c, &all[i], now)
		}
	}
	if !lost {
		return
	}
	for socket, c := range k.bySocket {
		if c.listed+1 >= k.t.lists || c.opened.After(now) {
			continue
		}
		delete(k.bySocket, socket)
		k.t.end(c, now, connlog.ClosedUnseen)
	}
}

// byInode returns the open connections by the inode of their socket. The map is valid until the next call.
func (t *tracker) byInode() map[uint64]*connection {
	if t.inodes == nil {
		t.inodes = map[uint64]*connection{}
	}
	clear(t.inodes)
	for c := range t.open {
		if c.inode != 0 && c.closed.IsZero() {
			t.inodes[c.inode] = c
		}
	}
	return t.inodes
}
