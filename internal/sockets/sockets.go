// Package sockets lists the TCP and UDP sockets of a network namespace, and finds the processes that hold them.
//
//   - sockets.go: [Socket], its states, and [Want].
//   - lister.go: [Lister], which chooses between sock_diag and files.
//   - diag.go: the messages of sock_diag(7). tcpinfo.go: the payload of a connection. sys_linux.go: the socket to the kernel,
//     also in other network namespaces.
//   - files.go: /proc/net/tcp, tcp6, udp and udp6.
//   - owners.go: [Owners].
package sockets

import (
	"errors"
	"net/netip"
)

// Proto is the protocol of a socket.
type Proto uint8

// Protocols.
const (
	TCP Proto = iota + 1
	UDP
)

// String returns "tcp" or "udp".
func (p Proto) String() string {
	if p == UDP {
		return "udp"
	}
	return "tcp"
}

// State is the state of a socket, with the kernel's numbers (include/net/tcp_states.h). 0 is not a state.
type State uint8

// States of a TCP socket. A UDP socket has one of two: Established means that it is connected to one remote end, Unconnected
// that it is not. Unconnected has the number of Closed, but does not mean that anything was closed.
const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
	newSynRecv // a request without a socket; listed as SynRecv
	numStates

	Unconnected = Closed
)

// NumStates is one more than the largest state, for arrays of states.
const NumStates = int(newSynRecv)

// isListed reports whether a number of the kernel is a state that this package lists. A socket that is only bound has 13
// (TCP_BOUND_INACTIVE, Linux 6.8) and is not listed.
func isListed(state uint8) bool { return state > 0 && state < uint8(numStates) }

// States is a set of states.
type States uint32

// AllStates contains every state.
const AllStates States = 1<<numStates - 1<<Established

// StatesOf returns the set of these states.
func StatesOf(states ...State) (set States) {
	for _, s := range states {
		set |= 1 << s
	}
	if set.Has(SynRecv) {
		set |= 1 << newSynRecv
	}
	return set
}

// Has reports whether the set contains a state.
func (s States) Has(state State) bool { return s&(1<<state) != 0 }

// Socket is one socket. IPv4 addresses inside of IPv6 ones (::ffff:a.b.c.d) are unmapped.
type Socket struct {
	Proto  Proto
	State  State
	Local  netip.AddrPort
	Remote netip.AddrPort // not valid: it has no remote end, because it listens or is unconnected
	Inode  uint64         // 0: belongs to no process, such as one in the state TimeWait or one that was not accepted yet
	UID    uint32         // user who made it
	Cookie uint64         // the kernel's number of the socket, never used again; 0: unknown

	// Payload of a TCP connection so far, in bytes, if HasBytes.
	TxBytes, RxBytes uint64
	HasBytes         bool
}

// Want selects what is listed.
type Want struct {
	TCP, UDP bool
	Bytes    bool   // with the payload of TCP connections, which takes the kernel about twice as long
	States   States // 0: all

	// Begin is called before the first socket, and again if the list starts anew because it failed halfway: what was listed
	// before must be forgotten. It may be nil.
	Begin func()
}

// ErrHidden means that this kernel or container shows no sockets at all.
var ErrHidden = errors.New("the kernel shows no sockets here")

// setAddresses stores both ends of the socket.
func (s *Socket) setAddresses(local, remote netip.Addr, localPort, remotePort uint16) {
	s.Local = netip.AddrPortFrom(local.Unmap(), localPort)
	s.Remote = netip.AddrPort{}
	if remote = remote.Unmap(); remotePort != 0 || !remote.IsUnspecified() {
		s.Remote = netip.AddrPortFrom(remote, remotePort)
	}
}

// setState stores one of the kernel's states that isListed.
func (s *Socket) setState(state uint8) {
	s.State = State(state)
	if s.State == newSynRecv {
		s.State = SynRecv
	}
}
