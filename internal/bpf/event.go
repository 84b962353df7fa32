package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/sockets"
)

// Kind is what an event reports (enum event_kind in c/events.h).
type Kind uint8

// The kinds of events.
const (
	StateChange  Kind = iota + 1 // the state of a TCP socket changed
	Conversation                 // the first datagram from a process to a remote end
	Fork
	Exec
	Exit
)

// Flags of an event (enum event_flags in c/events.h).
const (
	flagNoOwner = 1 << iota
	flagBound
	flagTruncated
)

// Process is the process that was running, or that a process event is about.
type Process struct {
	PID, Parent int           // in the initial PID namespace
	Start       time.Duration // since the system started; with PID, it identifies the process
	UID         uint32
	CommBytes   [16]byte // as the kernel has it: ended by NUL
}

// Comm returns the name of the process, not of its thread. It may hold any bytes.
func (p *Process) Comm() string {
	name, _, _ := bytes.Cut(p.CommBytes[:], []byte{0})
	return string(name)
}

// Event is what a program reports. Only the fields of its kind are set.
type Event struct {
	Kind    Kind
	Time    time.Duration // since the system started, also while it was suspended
	Process Process       // StateChange: who was running; see NoOwner

	// StateChange and Conversation.
	NoOwner  bool // an interrupt or a kernel thread was running: the process says nothing about the socket
	Old, New sockets.State
	Bound    bool           // Conversation: the process chose the local port, as servers do
	Socket   uint64         // identifies a TCP socket until it is closed
	Inode    uint64         // as in the links of /proc/PID/fd; 0: no process has the socket open
	Netns    uint32         // inode of the network namespace
	Error    syscall.Errno  // of the socket
	Local    netip.AddrPort // IPv4 addresses are never in their IPv6 form
	Remote   netip.AddrPort
	Tx, Rx   uint64 // bytes of payload, without retransmissions

	// Exec.
	Args      []byte // separated by NUL; valid until the function that got the event returns
	Truncated bool   // Args are only the beginning
}

// Sizes and offsets of c/events.h, in bytes.
const (
	eventSize       = 56
	socketEventSize = 136
	execHeaderSize  = 64
	processOffset   = 16
	commOffset      = 36
	maxArgs         = 4096
)

var errShortEvent = errors.New("decode an event of the eBPF programs: it is too short")

// decode reads an event. It keeps no reference to data except in Args.
func (e *Event) decode(data []byte) error {
	if len(data) < eventSize {
		return errShortEvent
	}
	e.decodeHeader(data)
	native := binary.NativeEndian
	switch e.Kind {
	case StateChange, Conversation:
		return e.decodeSocket(data)
	case Exec:
		if len(data) < execHeaderSize {
			return errShortEvent
		}
		length := int(min(native.Uint32(data[eventSize:]), maxArgs))
		if len(data) < execHeaderSize+length {
			return errShortEvent
		}
		e.Args = data[execHeaderSize:][:length]
	}
	return nil
}

// decodeHeader reads what all events begin with: struct event in c/events.h.
func (e *Event) decodeHeader(data []byte) {
	native := binary.NativeEndian
	flags := data[9]
	*e = Event{
		Time: time.Duration(native.Uint64(data)), Kind: Kind(data[8]), Old: sockets.State(data[11]), New: sockets.State(data[12]),
		NoOwner: flags&flagNoOwner != 0, Bound: flags&flagBound != 0, Truncated: flags&flagTruncated != 0,
		Process: Process{
			Start: time.Duration(native.Uint64(data[processOffset:])), PID: int(native.Uint32(data[24:])), Parent: int(native.Uint32(data[28:])),
			UID: native.Uint32(data[32:]), CommBytes: [16]byte(data[commOffset:]),
		},
	}
}

func (e *Event) decodeSocket(data []byte) error {
	if len(data) < socketEventSize {
		return errShortEvent
	}
	native := binary.NativeEndian
	e.Socket, e.Tx, e.Rx, e.Inode = native.Uint64(data[56:]), native.Uint64(data[64:]), native.Uint64(data[72:]), native.Uint64(data[80:])
	e.Netns, e.Error = native.Uint32(data[88:]), syscall.Errno(native.Uint32(data[92:]))
	e.Local = netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[104:])).Unmap(), native.Uint16(data[96:]))
	e.Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[120:])).Unmap(), native.Uint16(data[98:]))
	return nil
}
