package remotename

import (
	"slices"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// tlsPorts are the ports whose connections mostly begin with a ClientHello: HTTPS, submissions, DNS over TLS, FTPS, Telnet, IMAP, POP3, LDAP,
// MQTT, AMQP, Kubernetes, and HTTPS of administration pages.
func tlsPorts() []uint16 {
	return []uint16{443, 465, 636, 853, 989, 990, 992, 993, 995, 2376, 5061, 5671, 6443, 8443, 8883, 9443, 10250}
}

const dnsPort = 53

// How long after a connection was made a better name can still arrive. The kernel hands packets over in blocks, at the latest after blockTimeout.
const (
	answerDelay = 250 * time.Millisecond // the DNS answer before the connection, and SYN packets
	helloDelay  = 2 * time.Second        // the ClientHello of a connection to one of the TLS ports
)

// learner takes packets and answers questions about connections.
type learner struct {
	mu    sync.Mutex
	dns   dnsParser
	table *table
	flows *bounded[tuple, *flow]
	ports []uint16  // TLS ports
	live  bool      // packets still arrive
	clock time.Time // of the packet that is being read
	stats Stats
}

func newLearner(ports []uint16) *learner {
	return &learner{table: newTable(), flows: newBounded[tuple, *flow](maxFlows, maxFlowBytes), ports: ports}
}

// addPacket learns from a packet of the type of an Ethernet frame. The caller holds the lock.
func (l *learner) addPacket(at time.Time, etherType uint16, data []byte) {
	l.stats.Packets++
	l.clock = at
	var p packet
	if !parseEthernet(etherType, data, &p) {
		return
	}
	l.dropOldFlows(at)
	isDNS := p.from.Port() == dnsPort || p.to.Port() == dnsPort
	switch {
	case p.isTCP:
		l.addSegment(at, &p, isDNS)
	case isDNS:
		l.addMessage(at, p.tuple, p.payload, false)
	}
}

// addMessage learns from a DNS message.
func (l *learner) addMessage(at time.Time, t tuple, data []byte, isTCP bool) {
	if len(data) == 0 {
		return
	}
	l.stats.Messages++
	m, err := l.dns.parse(data)
	if err != nil {
		l.stats.Malformed++
		return
	}
	l.stats.Malformed += uint64(m.badRecords)
	if !m.isResponse {
		if t.to.Port() == dnsPort {
			l.table.addQuery(queryKey{t, m.id, isTCP}, query{name: m.question, kind: m.kind, at: at})
		}
		return
	}
	q, ok := l.table.takeQuery(queryKey{tuple{t.to, t.from}, m.id, isTCP}, m, at)
	if !ok {
		l.stats.Unasked++
		return
	}
	if !q.answered {
		l.table.addAnswer(m, q, t.to.Addr(), at)
	}
}

// addSegment learns from a TCP segment.
func (l *learner) addSegment(at time.Time, p *packet, isDNS bool) {
	if p.flags&flagSYN != 0 {
		l.addSYN(at, p, isDNS)
	}
	if len(p.payload) == 0 {
		return
	}
	f, ok := l.flows.get(p.tuple)
	switch {
	case ok:
	case isDNS || p.payload[0] != recordHandshake:
		return // in the middle of a connection
	default:
		f = newFlow(at, p.seq, &helloReader{})
	}
	progress := f.add(p.seq, p.payload)
	switch hello, isHello := f.consumer.(*helloReader); {
	case progress == complete && isHello:
		l.addHello(at, p.tuple, hello.result)
	case progress == malformed:
		l.stats.Malformed++
	}
	switch {
	case progress != wantMore:
		l.flows.remove(p.tuple)
	case ok:
		l.flows.setWeight(p.tuple, f.held())
	default:
		l.flows.put(p.tuple, f, f.held())
	}
}

// addSYN notes the first packet of a connection. Without it, a segment that overtakes the first one could not be told from the middle of a
// connection.
func (l *learner) addSYN(at time.Time, p *packet, isDNS bool) {
	var c consumer = &helloReader{}
	if isDNS {
		t := p.tuple
		c = &dnsStream{handle: func(message []byte) { l.addMessage(l.clock, t, message, true) }}
	} else if p.flags&flagACK != 0 {
		return // the server does not send a ClientHello
	}
	if f, ok := l.flows.get(p.tuple); ok && f.next == p.seq {
		return // seen twice: retransmitted, or on two interfaces
	}
	l.flows.put(p.tuple, newFlow(at, p.seq, c), flowCost)
	if !isDNS {
		l.table.connections.put(p.tuple, connection{opened: at}, 1)
	}
}

func (l *learner) addHello(at time.Time, t tuple, hello helloName) {
	l.stats.Hellos++
	seen, _ := l.table.connections.get(t)
	seen.named, seen.hello = at, hello
	l.table.connections.put(t, seen, 1)
}

// dropOldFlows forgets connections whose first bytes did not arrive in time.
func (l *learner) dropOldFlows(now time.Time) {
	l.flows.removeOldest(func(f *flow) bool { return now.Sub(f.start) > flowTimeout })
}

// lookup returns the name of the remote end. final is false while a better name can still arrive.
func (l *learner) lookup(c Conn, now time.Time) (n Name, final bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, _ = l.table.find(c)
	isNamed := n.Source == connlog.FromSNI || n.Source == connlog.FromECH
	return n, !l.live || isNamed || now.Sub(c.Opened) > l.delay(c)
}

// delay returns how long after a connection was made a better name can arrive.
func (l *learner) delay(c Conn) time.Duration {
	if c.Proto != connlog.TCP {
		return answerDelay
	}
	t := tuple{plain(c.Local), plain(c.Remote)}
	f, hasFlow := l.flows.get(t)
	seen, _ := l.table.connections.get(t)
	switch {
	case hasFlow && f.started:
		return flowTimeout
	case !seen.named.IsZero() || !slices.Contains(l.ports, c.Remote.Port()):
		return answerDelay
	case hasFlow || seen.opened.IsZero():
		return helloDelay
	}
	return answerDelay // its first bytes are not a ClientHello
}

func (l *learner) closed(c Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := tuple{plain(c.Local), plain(c.Remote)}
	l.flows.remove(t)
	l.table.connections.remove(t)
}

// addOwnName makes the table ignore queries for a name that we look up ourselves.
func (l *learner) addOwnName(name string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.ownNames.put(name, until, len(name))
}

func (l *learner) snapshot(now time.Time) Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live {
		l.dropOldFlows(now)
	}
	s := l.stats
	s.Evicted = l.table.dropped() + l.flows.dropped
	s.Addresses, s.Flows = l.table.answers.len(), l.flows.len()
	return s
}
