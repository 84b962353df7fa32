package bpf

import (
	"net/netip"
	"time"
)

// Config sizes the programs' buffers. Zero values are replaced by the defaults.
type Config struct {
	RingBytes     int  // of events that wait for the agent; a power of two; default 4 MiB
	Conversations int  // over UDP that are remembered at a time; default 16384
	MeasureTime   bool // have the kernel measure how long programs run, which costs all programs of the machine some nanoseconds per run
}

// Lost counts what was lost since the programs were loaded.
type Lost struct {
	Events        uint64 // the ring buffer was full
	Conversations uint64 // too many at a time
}

// Usage says what one program has cost since it was loaded. It is zero unless [Config].MeasureTime is set.
type Usage struct {
	Program string
	Runs    uint64
	Time    time.Duration
}

// ConversationKey identifies what one process sends to one remote end over UDP.
type ConversationKey struct {
	PID    int // 0: unknown
	Netns  uint32
	Remote netip.AddrPort
}

// ConversationInfo is the state of a conversation.
type ConversationInfo struct {
	ConversationKey
	First, Last    time.Duration // datagrams, since the system started
	Tx, Rx         uint64        // bytes of payload; Rx only of connected sockets, on kernels that report it
	Sent, Received uint64        // datagrams
}
