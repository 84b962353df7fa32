package remotename

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// Limits of the tables.
const (
	maxAddresses   = 16384
	maxNameBytes   = 8 << 20 // of all names together
	maxPerAddress  = 8       // answers that are kept for one address
	maxQueries     = 4096
	queryTimeout   = 30 * time.Second // after that, an answer is not believed
	maxConnections = 32768
	maxOwnNames    = 1024

	// minLife is how long an answer counts at least. Programs use addresses longer than their TTL says: Java for 30 s, browsers for a minute.
	minLife = 30 * time.Second
	maxLife = 24 * time.Hour

	// reuseAge is how much older than the connection a server name can be that is believed. A poll notices a connection late.
	reuseAge = 30 * time.Second
)

// answer is what one DNS answer said. The addresses in it share it.
type answer struct {
	name    string
	cnames  []string
	asked   time.Time // when the query was seen
	expires time.Time
	client  netip.Addr // who asked
}

// cost returns the bytes of an answer, roughly.
func (a *answer) cost() int {
	n := 160 + len(a.name)
	for _, c := range a.cnames {
		n += 16 + len(c)
	}
	return n
}

// queryKey identifies a query. An answer must come from where the query went.
type queryKey struct {
	tuple // from the client to the server
	id    uint16
	isTCP bool
}

// query is what the answer must repeat.
type query struct {
	name     string
	kind     uint16
	at       time.Time
	answered bool
}

// connection is what was seen of one TCP connection.
type connection struct {
	opened time.Time // when its SYN was seen; zero: it was not seen
	named  time.Time // when its ClientHello was complete; zero: it was not
	hello  helloName
}

// table holds what was learned.
type table struct {
	answers     *bounded[netip.Addr, []*answer] // the last one is the newest
	queries     *bounded[queryKey, query]
	connections *bounded[tuple, connection] // by the direction from the client to the server
	ownNames    *bounded[string, time.Time] // names that we ask for ourselves, and until when queries for them are ours
}

func newTable() *table {
	return &table{
		answers:     newBounded[netip.Addr, []*answer](maxAddresses, maxNameBytes),
		queries:     newBounded[queryKey, query](maxQueries, maxNameBytes),
		connections: newBounded[tuple, connection](maxConnections, maxNameBytes),
		ownNames:    newBounded[string, time.Time](maxOwnNames, maxNameBytes),
	}
}

// isNameable reports whether the addresses of answers can be those of remote ends. A blocklist answers with 127.0.0.1 or 0.0.0.0, which would
// rename all local connections.
func isNameable(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsLoopback() && !addr.IsUnspecified() && !addr.IsLinkLocalUnicast() && !addr.IsMulticast()
}

// plain returns an address without a zone, and a v4-mapped one as IPv4.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func (t *table) addQuery(key queryKey, q query) {
	t.queries.put(key, q, 64+len(q.name))
}

// takeQuery returns the query that an answer belongs to. It returns a second answer's query as answered: nothing in that answer is believed,
// but packets that pass several interfaces are seen several times.
func (t *table) takeQuery(key queryKey, m *dnsMessage, now time.Time) (q query, ok bool) {
	q, ok = t.queries.get(key)
	if !ok || q.name != m.question || q.kind != m.kind || now.Sub(q.at) > queryTimeout {
		return q, false
	}
	if !q.answered {
		done := q
		done.answered = true
		t.addQuery(key, done)
	}
	return q, true
}

// addAnswer adds what an answer says, unless we asked ourselves.
func (t *table) addAnswer(m *dnsMessage, q query, client netip.Addr, now time.Time) {
	if until, ok := t.ownNames.get(m.question); ok && now.Before(until) || m.question == "" || len(m.addrs) == 0 {
		return
	}
	a := &answer{name: m.question, cnames: m.cnames, asked: q.at, client: client, expires: now.Add(min(max(m.ttl, minLife), maxLife))}
	for _, addr := range m.addrs {
		if isNameable(addr) {
			t.addAddress(addr, a)
		}
	}
}

// addAddress adds an answer for one address. Asking again for the newest name makes it last longer, so that a name that is asked for every
// second does not push out the others.
func (t *table) addAddress(addr netip.Addr, a *answer) {
	known, _ := t.answers.get(addr)
	if n := len(known); n > 0 {
		newest := known[n-1]
		if newest.name == a.name && newest.client == a.client && slices.Equal(newest.cnames, a.cnames) && !a.asked.After(newest.expires) {
			longer := *newest
			longer.expires = a.expires
			a, known = &longer, known[:n-1]
		}
	}
	known = append(known[max(0, len(known)-maxPerAddress+1):len(known):len(known)], a)
	cost := 64
	for _, a := range known {
		cost += a.cost()
	}
	t.answers.put(addr, known, cost)
}

// findAnswer returns the answer that was asked for last before the time, within its life. What this host or the address of the connection
// asked for is preferred to what others asked for, whose traffic passes here.
func (t *table) findAnswer(addr, local netip.Addr, opened time.Time) *answer {
	known, _ := t.answers.get(addr)
	var others *answer
	for _, a := range slices.Backward(known) {
		if a.asked.After(opened) || opened.After(a.expires) {
			continue
		}
		if a.client == local || a.client.IsLoopback() {
			return a
		}
		if others == nil {
			others = a
		}
	}
	return others
}

// find returns the name of the remote end.
func (t *table) find(c Conn) (n Name, ok bool) {
	local, remote := plain(c.Local), plain(c.Remote)
	opened := c.Opened
	var hello helloName
	if seen, ok := t.connections.get(tuple{local, remote}); ok && c.Proto == connlog.TCP {
		if isNear(seen.opened, c.Opened) {
			opened = seen.opened
		}
		if isNear(seen.named, c.Opened) {
			hello = seen.hello
		}
	}
	a := t.findAnswer(remote.Addr(), local.Addr(), opened)
	if hello.name == "" {
		if a == nil {
			return Name{}, false
		}
		return Name{a.name, a.cnames, connlog.FromDNS}, true
	}
	if same := t.findQuestion(remote.Addr(), hello.name, opened); same != nil {
		return Name{hello.name, same.cnames, helloSource(hello)}, true
	}
	if a != nil && hello.hasECH { // nobody asked for the outer name: the question says more
		return Name{a.name, a.cnames, connlog.FromDNS}, true
	}
	return Name{hello.name, nil, helloSource(hello)}, true
}

// findQuestion returns an answer for one name that was asked for before the time.
func (t *table) findQuestion(addr netip.Addr, name string, opened time.Time) *answer {
	known, _ := t.answers.get(addr)
	for _, a := range slices.Backward(known) {
		if a.name == name && !a.asked.After(opened) {
			return a
		}
	}
	return nil
}

// isNear reports whether what was seen at a time belongs to a connection that was noticed at opened, not to an earlier one with the same
// addresses and ports.
func isNear(seen, opened time.Time) bool { return !seen.IsZero() && opened.Sub(seen) < reuseAge }

func helloSource(h helloName) string {
	if h.hasECH {
		return connlog.FromECH
	}
	return connlog.FromSNI
}

// dropped returns the number of entries that had to go.
func (t *table) dropped() uint64 {
	return t.answers.dropped + t.queries.dropped + t.connections.dropped
}
