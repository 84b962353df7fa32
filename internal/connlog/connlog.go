// Package connlog defines what an event about a network connection holds: the input "connections" makes such events, outputs store
// them like all others, and commands and pages read them back.
//
//   - connlog.go: [Event], its values and their names.
//   - totals.go: [Totals] of events, and the [Group] that an event counts for.
//   - summary.go: an Event in words.
//   - encode.go: an Event as a [telemetry.Event], and back from a stored document.
package connlog

import (
	"net/netip"
	"time"
)

// Source is the source of these events: the name of the input.
const Source = "connections"

// Kind is what an event reports.
type Kind string

// The kinds of events.
const (
	Connect Kind = "connect" // a connection was opened, or could not be: then Error says why
	Close   Kind = "close"   // it ended
	Alert   Kind = "alert"   // something that the user asked to be told about
)

// Protocols.
const (
	TCP = "tcp"
	UDP = "udp"
)

// Directions.
const (
	Out    = "out"    // this host connected
	In     = "in"     // the remote end connected
	Listen = "listen" // a socket that waits for connections; it has no remote end
)

// Where the name of a remote end is from.
const (
	FromDNS = "dns" // the answer to the question of the process or its host
	FromSNI = "sni" // the server name in the TLS ClientHello of this connection
	FromECH = "ech" // the outer server name, where the real one is encrypted
	FromPTR = "ptr" // a reverse look-up that a forward look-up confirmed
)

// Event is one event about one connection. Unknown values are zero.
type Event struct {
	Time    time.Time
	Host    string // where it happened
	Kind    Kind
	Alert   string // kind of an alert: "domains", "unknown_domain", "max_connections", "max_per_provider" or "duration"
	Message string // for people
	RunID   string // identifies the run of the observer
	Session string // what the user called the run
	Conn    uint64 // number of the connection within the run: the same for its connect, close and alerts; 0: not about one connection

	PID      int
	Comm     string // name of the process, not of its thread
	Cmdline  string // redacted, at most 256 bytes
	User     string
	Ancestry string // the processes from the first one to this one, "comm:pid" separated by " > "

	Provider     string
	Proto        string // TCP or UDP
	Direction    string
	Local        netip.AddrPort
	Remote       netip.AddrPort // not valid: none
	Domain       string
	DomainSource string

	Duration    time.Duration // of the connection so far; from established to closed
	HasDuration bool          // false for connections that were open before the observer started
	TxBytes     int64         // payload without retransmissions; -1: unknown
	RxBytes     int64         // -1: unknown
	RetryCount  int           // connections of the same process to the same remote end shortly before this one
	Error       string        // why the connection could not be made, such as "connection refused"
	Reason      string        // why a close event was made if not because the connection ended: ClosedByShutdown, ClosedIdle, ClosedUnseen
	BeforeStart bool          // the connection was open when the observer started
	Via         string        // how it was seen: "ebpf", "sock_diag" or "proc"
}

// Reasons of close events.
const (
	ClosedByShutdown = "shutdown" // the observer ended; the connection did not
	ClosedIdle       = "idle"     // a conversation over UDP, which has no end of its own
	ClosedUnseen     = "unseen"   // the end was noticed at the next poll
)
