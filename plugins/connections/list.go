package connections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/sockets"
)

// How a connection was seen.
const (
	viaEBPF = "ebpf"
	viaDiag = "sock_diag"
	viaFile = "proc"
)

// found is a socket that a watched process holds.
type found struct {
	sockets.Socket
	netns   uint32
	process *process // nil: unknown
	via     string
}

// finder lists the sockets of the watched processes, in all of their network namespaces.
type finder struct {
	root       hostfs.Root
	log        *slog.Logger
	own        uint32 // the host's network namespace
	namespaces map[uint32]*namespace
	netns      map[proctable.ID]uint32 // of each watched process
	owners     *sockets.Owners
	all        []found  // of the last list; the memory is used again
	inodes     []uint64 // likewise

	warnedUnreadable bool
	warnedNamespaces bool
}

type namespace struct {
	lister *sockets.Lister
	pid    int // a process in it
}

// maxNamespaces bounds the network namespaces that are listed. A host with more of them is reported incompletely, and the log says so.
const maxNamespaces = 1024

func newFinder(root hostfs.Root, log *slog.Logger) *finder {
	return &finder{
		root: root, log: log, own: namespaceOf(root.HostFile("ns", "net").Path()),
		namespaces: map[uint32]*namespace{}, netns: map[proctable.ID]uint32{}, owners: sockets.NewOwners(root),
	}
}

// listAll returns all sockets in the network namespaces of the watched processes, and these processes. The sockets are valid until the
// next call.
func (f *finder) listAll(ctx context.Context, t *tracker) (all []found, pids []int, err error) {
	pids = f.visit(t)
	f.all = f.all[:0]
	var errs []error
	for inode, ns := range f.namespaces {
		err := f.list(ctx, inode, ns)
		if err != nil && !errors.Is(err, sockets.ErrHidden) {
			errs = append(errs, fmt.Errorf("list the sockets of network namespace %d: %w", inode, err))
		}
	}
	return f.all, pids, errors.Join(errs...)
}

// find returns the sockets of the watched processes.
func (f *finder) find(ctx context.Context, t *tracker) ([]found, error) {
	all, pids, listErr := f.listAll(ctx, t)
	f.inodes = f.inodes[:0]
	for i := range all {
		f.inodes = append(f.inodes, all[i].Inode)
	}
	if err := f.owners.Update(ctx, f.inodes, pids); err != nil {
		return nil, err
	}
	f.warnUnreadable(len(pids))
	kept := all[:0]
	for i := range all {
		all[i].process = f.choose(t, f.owners.Of(all[i].Inode))
		if t.wants(all[i].process) {
			kept = append(kept, all[i])
		}
	}
	return kept, listErr
}

// visit returns the watched processes, and opens their network namespaces. It closes those that none of them is in.
func (f *finder) visit(t *tracker) (pids []int) {
	present := map[uint32]int{}
	netns := make(map[proctable.ID]uint32, len(f.netns))
	t.processes.All(func(p *process) {
		if !p.Info.watched {
			return
		}
		pids = append(pids, p.PID)
		ns, known := f.netns[p.ID]
		if !known {
			ns = namespaceOf(filepath.Join(f.root.Proc, strconv.Itoa(p.PID), "ns", "net"))
		}
		if ns == 0 {
			ns = f.own // not readable: most processes are in the host's
		}
		netns[p.ID], present[ns] = ns, p.PID
	})
	f.netns = netns
	for inode, ns := range f.namespaces {
		if _, ok := present[inode]; !ok {
			_ = ns.lister.Close()
			delete(f.namespaces, inode)
		}
	}
	for inode, pid := range present {
		switch {
		case f.namespaces[inode] != nil:
		case len(f.namespaces) < maxNamespaces:
			f.namespaces[inode] = &namespace{f.open(inode, pid), pid}
		case !f.warnedNamespaces:
			f.warnedNamespaces = true
			f.log.Warn("some network namespaces are not looked into: there are too many; watch fewer processes (patterns)", "limit", maxNamespaces)
		}
	}
	return pids
}

// open returns a lister of a network namespace.
func (f *finder) open(inode uint32, pid int) *sockets.Lister {
	if inode == f.own {
		return sockets.NewHost(f.root, f.log)
	}
	l, err := sockets.InNamespace(filepath.Join(f.root.Proc, strconv.Itoa(pid), "ns", "net"))
	if err != nil {
		f.log.Debug("entering a network namespace is not possible, reading its files instead", "pid", pid, "error", err)
		return sockets.NewFiles(f.root, pid)
	}
	return l
}

// list adds the sockets of a network namespace to f.all.
func (f *finder) list(ctx context.Context, inode uint32, ns *namespace) error {
	via := viaFile
	if ns.lister.UsesDiag() {
		via = viaDiag
	}
	others := len(f.all)
	want := sockets.Want{TCP: true, UDP: true, Bytes: true, Begin: func() { f.all = f.all[:others] }}
	err := ns.lister.List(ctx, want, func(s *sockets.Socket) {
		if s.Inode != 0 {
			f.all = append(f.all, found{Socket: *s, netns: inode, via: via})
		}
	})
	if errors.Is(err, fs.ErrNotExist) { // the process whose files are read has ended
		_ = ns.lister.Close()
		delete(f.namespaces, inode)
		return nil
	}
	return err
}

// warnUnreadable says once that the sockets of some processes have no owner.
func (f *finder) warnUnreadable(watched int) {
	n := f.owners.Unreadable()
	if n == 0 || f.warnedUnreadable {
		return
	}
	f.warnedUnreadable = true
	if os.Geteuid() == 0 {
		f.log.Info("some processes do not let even root look into them: it is not known which sockets that are found open are theirs", "processes", n, "watched", watched)
		return
	}
	f.log.Warn("connections of other users' processes are not seen, because the rights to look into these processes are missing; run as root, or "+
		"grant them with: setcap cap_sys_ptrace,cap_dac_read_search+ep <path of rtcollector>", "processes", n, "watched", watched)
}

// choose returns the process that a socket counts for, of those that hold it: one that is the ancestor of the others, else the oldest.
func (f *finder) choose(t *tracker, pids []int) *process {
	var best *process
	for _, pid := range pids {
		p := t.processes.Find(pid)
		if p == nil || !p.Info.watched {
			continue
		}
		if best == nil || isAncestor(p, best) || !isAncestor(best, p) && p.Start < best.Start {
			best = p
		}
	}
	return best
}

func isAncestor(a, of *process) bool {
	for p := of.Parent; p != nil; p = p.Parent {
		if p == a {
			return true
		}
	}
	return false
}

// close closes all network namespaces.
func (f *finder) close() {
	for _, ns := range f.namespaces {
		_ = ns.lister.Close()
	}
	clear(f.namespaces)
}

// namespaceOf returns the inode of a namespace, or 0: its link is "net:[4026531840]".
func namespaceOf(path string) uint32 {
	link, err := os.Readlink(path)
	if err != nil {
		return 0
	}
	_, number, _ := strings.Cut(link, "[")
	n, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// listenPorts returns the ports on which each network namespace accepts TCP connections.
func listenPorts(all []found) map[portKey]bool {
	ports := map[portKey]bool{}
	for i := range all {
		if all[i].Proto == sockets.TCP && all[i].State == sockets.Listen {
			ports[portKey{all[i].netns, all[i].Local.Port()}] = true
		}
	}
	return ports
}

type portKey struct {
	netns uint32
	port  uint16
}

// direction returns who opened a connection.
func (s *found) direction(ports map[portKey]bool) string {
	switch {
	case s.isListener():
		return connlog.Listen
	case s.Proto == sockets.TCP && ports[portKey{s.netns, s.Local.Port()}]:
		return connlog.In
	}
	return connlog.Out
}

// isListener reports whether the socket waits for anybody: a TCP listener, or a UDP socket that is not connected. Of the latter, some
// have only sent a datagram; polling cannot know.
func (s *found) isListener() bool {
	return s.State == sockets.Listen || s.Proto == sockets.UDP && s.State == sockets.Unconnected
}

// isConnection reports whether the socket has a remote end.
func (s *found) isConnection() bool {
	return !s.isListener() && s.Remote.IsValid() && s.State != sockets.TimeWait && s.State != sockets.Closed
}
