package sysloginput

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxPeers bounds how many senders each listener counts separately. Further senders are counted together, because the addresses
// of datagrams can be forged.
const maxPeers = 1000

// otherPeers is the name under which further senders are counted.
const otherPeers = "others"

// counts are the counters of one listener. Any goroutine may use them.
type counts struct {
	severities         [8]atomic.Int64
	facilities         [24]atomic.Int64
	bytes              atomic.Int64 // of messages and their framing, decompressed
	malformed          atomic.Int64 // messages that could not be parsed
	truncated          atomic.Int64 // messages that were truncated
	openConnections    atomic.Int64 // current connections
	openedConnections  atomic.Int64
	refusedConnections atomic.Int64 // connections beyond the limit
	failedConnections  atomic.Int64 // connections that ended with an error: TLS, framing, gzip
	timeouts           atomic.Int64 // connections that did not finish a message in time
	badDatagrams       atomic.Int64 // datagrams that could not be decompressed

	mu    sync.Mutex
	peers map[string]*peer
}

// peer is a sender.
type peer struct {
	messages int64
	reported int64 // messages at the last report
	idle     int   // consecutive reports without a message
}

// countMessages counts messages of a sender.
func (c *counts) countMessages(name string, messages int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[name]
	if p == nil {
		if len(c.peers) >= maxPeers {
			name = otherPeers
		}
		p = c.addPeer(name)
	}
	p.messages += messages
}

// addPeer returns the sender with this name, and adds it if it is new.
func (c *counts) addPeer(name string) *peer {
	if p := c.peers[name]; p != nil {
		return p
	}
	if c.peers == nil {
		c.peers = map[string]*peer{}
	}
	p := &peer{}
	c.peers[name] = p
	return p
}

// maxIdleReports is the number of reports without a message after which a sender is forgotten.
const maxIdleReports = 360

// forEachPeer calls f for every sender, and forgets senders that have been silent for long.
func (c *counts) forEachPeer(f func(name string, messages int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.peers {
		if p.idle++; p.messages != p.reported {
			p.idle, p.reported = 0, p.messages
		}
		if p.idle > maxIdleReports {
			delete(c.peers, name)
			continue
		}
		f(name, p.messages)
	}
}

// listenerSeries are the series of one listener.
type listenerSeries struct {
	listener   *listener
	messages   *telemetry.Total
	severities [8]*telemetry.Series
	facilities [24]*telemetry.Series
	bytes      *telemetry.Total
	malformed  *telemetry.Series
	cut        *telemetry.Series
	datagrams  []countSeries // only for datagrams
	streams    []countSeries // only for connections
	drops      *telemetry.Total
	peers      *telemetry.Vec[string, *telemetry.Series]
}

type countSeries struct {
	series *telemetry.Series
	value  *atomic.Int64
}

func newSeries(f *telemetry.Factory, l *listener) *listenerSeries {
	at := telemetry.Label{Key: "listener", Value: l.address.String()}
	counter := func(name string, more ...telemetry.Label) *telemetry.Series {
		return f.New(name, telemetry.Counter, telemetry.None, append([]telemetry.Label{at}, more...)...)
	}
	s := &listenerSeries{
		listener:  l,
		messages:  f.Counter("syslog_messages", telemetry.None, at),
		bytes:     f.Counter("syslog_received_bytes", telemetry.Bytes, at),
		malformed: counter("syslog_parse_errors"),
		cut:       counter("syslog_cut_messages"),
		peers: telemetry.NewVec(f, func(f *telemetry.Factory, name string) *telemetry.Series {
			return f.New("syslog_peer_messages", telemetry.Counter, telemetry.None, at, telemetry.Label{Key: "peer", Value: name})
		}),
	}
	for i := range s.severities {
		s.severities[i] = counter("syslog_severity_messages", telemetry.Label{Key: "severity", Value: telemetry.Severity(i).String()})
	}
	for i := range s.facilities {
		s.facilities[i] = counter("syslog_facility_messages", telemetry.Label{Key: "facility", Value: facilityName(i)})
	}
	n := &l.counts
	if l.address.isPacket() {
		s.datagrams = []countSeries{{counter("syslog_bad_datagrams"), &n.badDatagrams}}
		s.drops = f.Counter("syslog_kernel_drops", telemetry.None, at)
		return s
	}
	s.streams = []countSeries{
		{f.Gauge("syslog_connections", telemetry.None, at), &n.openConnections},
		{counter("syslog_connections_opened"), &n.openedConnections},
		{counter("syslog_connections_refused"), &n.refusedConnections},
		{counter("syslog_connections_failed"), &n.failedConnections},
		{counter("syslog_connections_timed_out"), &n.timeouts},
	}
	return s
}

// addSamples appends the samples. It leaves out severities and facilities that were never seen.
func (s *listenerSeries) addSamples(out *telemetry.Batch) {
	n := &s.listener.counts
	all := int64(0)
	for i := range s.severities {
		if v := n.severities[i].Load(); v > 0 {
			out.Add(s.severities[i], float64(v))
			all += v
		}
	}
	for i := range s.facilities {
		if v := n.facilities[i].Load(); v > 0 {
			out.Add(s.facilities[i], float64(v))
		}
	}
	s.messages.Add(out, float64(all))
	s.bytes.Add(out, float64(n.bytes.Load()))
	out.Add(s.malformed, float64(n.malformed.Load()))
	out.Add(s.cut, float64(n.truncated.Load()))
	for _, g := range append(s.datagrams, s.streams...) {
		out.Add(g.series, float64(g.value.Load()))
	}
	if drops, ok := s.listener.kernelDrops(); ok {
		s.drops.Add(out, float64(drops))
	}
	n.forEachPeer(func(name string, messages int64) { out.Add(*s.peers.Get(name), float64(messages)) })
	s.peers.Sweep(out)
}

// facilityName returns the keyword of a facility (RFC 5424, section 6.2.1) as in syslog.h.
func facilityName(n int) string {
	names := [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron"}
	if n < len(names) {
		return names[n]
	}
	return "local" + strconv.Itoa(n-len(names))
}
