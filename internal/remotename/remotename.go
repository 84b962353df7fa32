// Package remotename finds the name of the remote end of a connection: the name that was asked for before the connection was made, the
// server name in its TLS ClientHello, or a reverse look-up that a forward look-up confirms.
//
//   - remotename.go: [Namer], what its methods take and return.
//   - ptr.go: [NewPTR], reverse look-ups.
//   - capture.go: [NewCapture], names from the packets of this host; sys_linux.go and sys_other.go: its socket.
//   - filter.go: the program that selects packets in the kernel.
//   - pcap.go: [NewReplay], names from a file of packets.
//   - learner.go: what the packets say, on its way to the table.
//   - table.go: which name belongs to which connection.
//   - packet.go, segments.go: headers of packets, the first bytes of a TCP connection in order.
//   - dns.go, hello.go: the parsers of DNS messages and of the ClientHello.
//   - bounded.go: a map with limits.
//
// All packets are untrusted: what is kept of them is bounded in number, size and time, and names are escaped.
package remotename

import (
	"net/netip"
	"time"
)

// Name is the name of the remote end of a connection.
type Name struct {
	Name   string   // lower case, without the last dot; "": unknown. Unusual bytes are escaped as in a zone file.
	CNAMEs []string // from the name to the owner of the address. Do not change them.
	Source string   // connlog.FromDNS, FromSNI, FromECH or FromPTR
}

// Conn is a connection as its process sees it.
type Conn struct {
	Proto  string // connlog.TCP or UDP
	Local  netip.AddrPort
	Remote netip.AddrPort
	// Opened is when the connection was made, in the time of the wall clock. Names that were asked for later are not for this connection. For
	// a TCP connection whose first packet was captured, the time of that packet counts instead.
	Opened time.Time
}

// Namer knows names of remote ends. Its methods can be called concurrently and never wait for the network.
type Namer interface {
	// Lookup returns the best name that is known now. final is false while a better one may still arrive; ask again then.
	Lookup(c Conn) (n Name, final bool)
	// Closed forgets what is kept for this connection only.
	Closed(c Conn)
	Stats() Stats
	Close() error
}

// Stats are numbers since the start, and sizes now.
type Stats struct {
	Packets   uint64 // packets that the filter let through
	Dropped   uint64 // packets that the kernel dropped because we were too slow
	Messages  uint64 // DNS messages
	Hellos    uint64 // ClientHellos
	Malformed uint64 // DNS messages and records, and ClientHellos, that break the rules of their protocol
	Unasked   uint64 // DNS answers without a query: not believed
	Evicted   uint64 // entries that had to go because a table was full

	PTRQueries  uint64 // reverse look-ups
	PTRFailures uint64 // look-ups without an answer: a timeout or a server that fails. "No such name" is an answer.
	PTRRejected uint64 // addresses that were not looked up because too many waited

	Addresses int // addresses with names
	Flows     int // TCP connections whose first bytes are incomplete
}
