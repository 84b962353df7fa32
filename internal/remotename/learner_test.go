package remotename

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// ipPacket builds a packet with a transport header and payload.
func ipPacket(protocol byte, from, to netip.AddrPort, transport []byte) []byte {
	binary.BigEndian.PutUint16(transport, from.Port())
	binary.BigEndian.PutUint16(transport[2:], to.Port())
	var header []byte
	if from.Addr().Is4() {
		header = make([]byte, 12, 20)
		header[0], header[8], header[9] = 0x45, 64, protocol
		binary.BigEndian.PutUint16(header[2:], uint16(20+len(transport)))
	} else {
		header = make([]byte, 8, 40)
		header[0], header[6], header[7] = 0x60, protocol, 64
		binary.BigEndian.PutUint16(header[4:], uint16(len(transport)))
	}
	return slices.Concat(header, from.Addr().AsSlice(), to.Addr().AsSlice(), transport)
}

func udpPacket(from, to netip.AddrPort, payload []byte) []byte {
	header := make([]byte, 8)
	binary.BigEndian.PutUint16(header[4:], uint16(8+len(payload)))
	return ipPacket(ipUDP, from, to, append(header, payload...))
}

func tcpPacket(from, to netip.AddrPort, flags byte, seq uint32, payload []byte) []byte {
	header := make([]byte, 20)
	binary.BigEndian.PutUint32(header[4:], seq)
	header[12], header[13] = 5<<4, flags
	return ipPacket(ipTCP, from, to, append(header, payload...))
}

// network is a learner and the packets that it sees, one a millisecond.
type network struct {
	*learner
	now time.Time
}

func newNetwork() *network { return &network{newLearner(tlsPorts()), time.Unix(1_800_000_000, 0)} }

func (n *network) send(data []byte) {
	n.now = n.now.Add(time.Millisecond)
	etherType := uint16(etherIPv4)
	if data[0]>>4 == 6 {
		etherType = etherIPv6
	}
	n.addPacket(n.now, etherType, data)
}

func addrPort(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

var (
	here     = addrPort("10.0.0.5:40000")
	resolver = addrPort("10.0.0.1:53")
)

// asks sends a query and its answer, an answer of the cases or one that was built.
func (n *network) asks(client netip.AddrPort, answer []byte) {
	n.send(udpPacket(client, resolver, queryFor(answer)))
	n.send(udpPacket(resolver, client, answer))
}

// queryFor returns the query to an answer.
func queryFor(answer []byte) []byte {
	var name wireName
	end, err := name.read(answer, dnsHeader)
	if err != nil || len(answer) < end+4 {
		end = len(answer) - 4
	}
	query := slices.Clone(answer[:end+4])
	copy(query[2:], []byte{1, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return query
}

func addressAnswer(name, addr string, ttl uint32) []byte {
	a := netip.MustParseAddr(addr)
	kind := uint16(typeA)
	if a.Is6() {
		kind = typeAAAA
	}
	return buildAnswer(name, kind, record(name, kind, ttl, a.AsSlice()))
}

// name looks up a TCP connection that is made now.
func (n *network) name(remote string) string { return n.nameAt(remote, n.now) }

func (n *network) nameAt(remote string, opened time.Time) string {
	got, _ := n.lookup(Conn{connlog.TCP, here, addrPort(remote), opened}, opened)
	if got.Name == "" {
		return ""
	}
	return got.Source + ":" + got.Name
}

func (n *network) want(t *testing.T, remote, name string) {
	t.Helper()
	if got := n.name(remote); got != name {
		t.Errorf("%s is %q, want %q", remote, got, name)
	}
}

// TestDNSCasesAsPackets plays each message after its query.
func TestDNSCasesAsPackets(t *testing.T) {
	for name, data := range dnsMessages(t) {
		n := newNetwork()
		n.asks(here, data)
		var mapped []string
		for addr := range n.table.answers.entries {
			mapped = append(mapped, addr.String())
		}
		slices.Sort(mapped)
		want := map[string][]string{
			"01-cname-chain": {"203.0.113.7", "203.0.113.8"}, "02-chain-reversed-uncompressed": {"203.0.113.7"}, "03-tc-bit": {"203.0.113.9"},
			"07-records-outside-the-chain": {"203.0.113.13"}, "09-mixed-case": {"203.0.113.14"}, "10-ttl-0": {"203.0.113.15"},
			"11-ttl-top-bit": {"203.0.113.16"}, "12-a-with-3-bytes": {"203.0.113.17"}, "13-label-with-dot-escape-newline": {"203.0.113.18"},
			"15-cname-loop": {"203.0.113.19"}, "16-edns-opt": {"203.0.113.20"}, "18-aaaa-v4-mapped": {"203.0.113.22"},
		}[name]
		if diff := cmp.Diff(want, mapped); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
		bad := map[string]uint64{"04-cut-in-the-middle": 1, "05-pointer-to-itself": 1, "06-forward-pointer": 1, "12-a-with-3-bytes": 1, "19-name-over-255": 1, "20-two-questions": 1}
		if got := n.snapshot(n.now).Malformed; got != bad[name] && name != "19-name-over-255" { // its query is malformed as well
			t.Errorf("%s: %d malformed", name, got)
		}
	}
}

func TestLastNameBeforeTheConnection(t *testing.T) {
	n := newNetwork()
	n.asks(here, dnsMessages(t)["01-cname-chain"])
	n.want(t, "203.0.113.7:443", "dns:www.shop.example")
	between := n.now
	n.asks(here, addressAnswer("other.example", "203.0.113.7", 60))
	n.want(t, "203.0.113.7:443", "dns:other.example")
	n.want(t, "[::ffff:203.0.113.7]:443", "dns:other.example")
	n.want(t, "203.0.113.8:443", "dns:www.shop.example")
	for opened, want := range map[time.Time]string{between: "dns:www.shop.example", between.Add(-time.Minute): ""} {
		if got := n.nameAt("203.0.113.7:443", opened); got != want {
			t.Errorf("at %v: %q, want %q", opened, got, want)
		}
	}
	if got, _ := n.lookup(Conn{connlog.UDP, here, addrPort("203.0.113.8:443"), n.now}, n.now); !slices.Equal(got.CNAMEs, []string{"shop.cdn.example", "edge7.cdn.example"}) {
		t.Errorf("%+v", got)
	}
	// Many answers for the newest name do not push out the one before.
	for range 100 {
		n.asks(here, addressAnswer("other.example", "203.0.113.7", 60))
	}
	if got := n.nameAt("203.0.113.7:443", between); got != "dns:www.shop.example" {
		t.Errorf("%q", got)
	}
}

func TestAnswersExpire(t *testing.T) {
	n := newNetwork()
	n.asks(here, dnsMessages(t)["10-ttl-0"])
	n.asks(here, addressAnswer("hour.example", "203.0.113.30", 3600))
	n.want(t, "203.0.113.15:443", "dns:zero.example")
	n.now = n.now.Add(minLife + time.Second)
	n.want(t, "203.0.113.15:443", "")
	n.want(t, "203.0.113.30:443", "dns:hour.example")
	n.now = n.now.Add(time.Hour)
	n.want(t, "203.0.113.30:443", "")
	for range 10 { // asked for again and again
		n.asks(here, addressAnswer("minute.example", "203.0.113.31", 60))
		n.now = n.now.Add(50 * time.Second)
		n.want(t, "203.0.113.31:443", "dns:minute.example")
	}
}

// An answer is believed only if it comes from where the query went, to who asked, with the id and the question, in time, and once.
func TestPoisonedAnswers(t *testing.T) {
	answer := addressAnswer("ok.example", "203.0.113.40", 60)
	otherID, otherName, otherKind := slices.Clone(answer), addressAnswer("evil.example", "203.0.113.40", 60), slices.Clone(answer)
	otherID[1]++
	otherKind[dnsHeader+len(wire("ok.example"))+1] = typeAAAA
	for what, play := range map[string]func(n *network){
		"no query":      func(n *network) { n.send(udpPacket(resolver, here, answer)) },
		"other server":  func(n *network) { n.send(udpPacket(addrPort("10.0.0.2:53"), here, answer)) },
		"other port":    func(n *network) { n.send(udpPacket(resolver, addrPort("10.0.0.5:40001"), answer)) },
		"not port 53":   func(n *network) { n.send(udpPacket(addrPort("10.0.0.1:54"), here, answer)) },
		"other id":      func(n *network) { n.send(udpPacket(resolver, here, otherID)) },
		"other name":    func(n *network) { n.send(udpPacket(resolver, here, otherName)) },
		"other type":    func(n *network) { n.send(udpPacket(resolver, here, otherKind)) },
		"over TCP":      func(n *network) { n.sendTCP(resolver, here, append([]byte{0, byte(len(answer))}, answer...)) },
		"late":          func(n *network) { n.now = n.now.Add(queryTimeout); n.send(udpPacket(resolver, here, answer)) },
		"query by port": func(n *network) { n.send(udpPacket(here, resolver, answer)) },
	} {
		n := newNetwork()
		if what != "no query" {
			n.send(udpPacket(here, resolver, queryFor(answer)))
		}
		play(n)
		n.want(t, "203.0.113.40:443", "")
		if s := n.snapshot(n.now); what != "not port 53" && s.Unasked != 1 {
			t.Errorf("%s: %+v", what, s)
		}
	}
	n := newNetwork()
	n.asks(here, answer)
	second := addressAnswer("ok.example", "203.0.113.41", 60)
	n.send(udpPacket(resolver, here, second))
	n.want(t, "203.0.113.40:443", "dns:ok.example")
	n.want(t, "203.0.113.41:443", "")
	if s := n.snapshot(n.now); s.Unasked != 0 {
		t.Errorf("%+v", s)
	}
	n.asks(here, second) // the same id and port again
	n.want(t, "203.0.113.41:443", "dns:ok.example")
}

func (n *network) sendTCP(from, to netip.AddrPort, payload []byte) {
	n.send(tcpPacket(from, to, flagSYN, 99, nil))
	n.send(tcpPacket(from, to, flagACK, 100, payload))
}

// Names for loopback and the like would rename all local connections.
func TestLocalAddressesGetNoNames(t *testing.T) {
	n := newNetwork()
	for _, addr := range []string{"127.0.0.1", "127.1.2.3", "0.0.0.0", "169.254.1.1", "::1", "::", "fe80::1", "::ffff:127.0.0.1"} {
		n.asks(here, addressAnswer("blocked.example", addr, 60))
		n.want(t, netip.AddrPortFrom(netip.MustParseAddr(addr), 443).String(), "")
	}
	if n.table.answers.len() != 0 {
		t.Errorf("%v", n.table.answers.entries)
	}
}

// The host of the observer forwards packets: what others ask for counts less than what this host asks for.
func TestNamesThatOthersAskedFor(t *testing.T) {
	n := newNetwork()
	n.asks(addrPort("10.0.0.77:5353"), addressAnswer("theirs.example", "203.0.113.50", 60))
	n.want(t, "203.0.113.50:443", "dns:theirs.example")
	n.asks(here, addressAnswer("ours.example", "203.0.113.50", 60))
	n.asks(addrPort("10.0.0.77:5353"), addressAnswer("theirs.example", "203.0.113.50", 60))
	n.want(t, "203.0.113.50:443", "dns:ours.example")
	n.asks(addrPort("127.0.0.1:5353"), addressAnswer("stub.example", "203.0.113.50", 60))
	n.want(t, "203.0.113.50:443", "dns:stub.example")
}

func TestDNSOverTCP(t *testing.T) {
	n := newNetwork()
	answer := addressAnswer("big.example", "2001:db8::9", 60)
	n.sendTCP(here, resolver, append([]byte{0, byte(len(queryFor(answer)))}, queryFor(answer)...))
	stream := append([]byte{0, byte(len(answer))}, answer...)
	n.send(tcpPacket(resolver, here, flagSYN|flagACK, 1<<32-11, nil))
	n.send(tcpPacket(resolver, here, flagACK, 10, stream[20:]))
	n.send(tcpPacket(resolver, here, flagACK, 1<<32-10, stream[:20]))
	n.want(t, "[2001:db8::9]:443", "dns:big.example")
}

func goHello(t *testing.T, name string) []byte {
	return clientHello(t, &tls.Config{ServerName: name, InsecureSkipVerify: true})
}

// connect sends a SYN and a hello in two segments, the second one first.
func (n *network) connect(t *testing.T, local, remote, name string) {
	t.Helper()
	hello := goHello(t, name)
	n.send(tcpPacket(addrPort(local), addrPort(remote), flagSYN, 1<<32-100, nil))
	n.send(tcpPacket(addrPort(local), addrPort(remote), flagACK, 1, hello[100:]))
	n.send(tcpPacket(addrPort(local), addrPort(remote), flagACK, 1<<32-99, hello[:101]))
}

func TestServerNames(t *testing.T) {
	const cdn = "203.0.113.60:443"
	n := newNetwork()
	n.connect(t, here.String(), cdn, "one.example")
	n.want(t, cdn, "sni:one.example")
	// Another connection to the address does not inherit the name.
	other := Conn{connlog.TCP, addrPort("10.0.0.5:40001"), addrPort(cdn), n.now}
	if got, final := n.lookup(other, n.now); got.Name != "" || !final {
		t.Errorf("%+v, %v", got, final)
	}
	// Nor does the next one with the same port.
	n.send(tcpPacket(here, addrPort(cdn), flagSYN, 77, nil))
	n.want(t, cdn, "")
	n.connect(t, here.String(), cdn, "two.example")
	n.want(t, cdn, "sni:two.example")
	if got := n.nameAt(cdn, n.now.Add(time.Hour)); got != "" {
		t.Errorf("an hour later: %q", got)
	}
	n.closed(Conn{connlog.TCP, here, addrPort(cdn), n.now})
	n.want(t, cdn, "")
	// A name of the connection is better than one of the address, and the CNAMEs of that are still known.
	n.asks(here, buildAnswer("three.example", typeA, record("three.example", typeCNAME, 9, wire("cdn.example")), record("cdn.example", typeA, 9, []byte{203, 0, 113, 60})))
	n.asks(here, addressAnswer("four.example", "203.0.113.60", 60))
	n.want(t, cdn, "dns:four.example")
	n.connect(t, here.String(), cdn, "three.example")
	if got, final := n.lookup(Conn{connlog.TCP, here, addrPort(cdn), n.now}, n.now); !final || cmp.Diff(got, Name{"three.example", []string{"cdn.example"}, connlog.FromSNI}) != "" {
		t.Errorf("%+v, %v", got, final)
	}
	if s := n.snapshot(n.now); s.Hellos != 3 || s.Malformed != 0 || s.Flows != 0 {
		t.Errorf("%+v", s)
	}
}

// A SYN that is seen again, because it was sent again or passes several interfaces, does not forget what overtook the first segment.
func TestSecondSYN(t *testing.T) {
	n := newNetwork()
	hello, remote := goHello(t, "a.example"), addrPort("203.0.113.65:443")
	n.send(tcpPacket(here, remote, flagSYN, 7, nil))
	n.send(tcpPacket(here, remote, flagACK, 8+100, hello[100:]))
	n.send(tcpPacket(here, remote, flagSYN, 7, nil))
	n.send(tcpPacket(here, remote, flagACK, 8, hello[:100]))
	n.want(t, remote.String(), "sni:a.example")
}

// The time of the SYN counts, not that at which a poll noticed the connection.
func TestSYNGivesTheTime(t *testing.T) {
	n := newNetwork()
	n.asks(here, addressAnswer("first.example", "203.0.113.61", 60))
	n.send(tcpPacket(here, addrPort("203.0.113.61:22"), flagSYN, 7, nil))
	n.asks(here, addressAnswer("second.example", "203.0.113.61", 60))
	n.want(t, "203.0.113.61:22", "dns:first.example")
}

func TestEncryptedServerNames(t *testing.T) {
	ech := clientHello(t, &tls.Config{ServerName: "inner.example", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: echConfigList(t, "outer.example")})
	for asked, want := range map[string]string{"": "ech:outer.example", "outer.example": "ech:outer.example", "inner.example": "dns:inner.example"} {
		n := newNetwork()
		if asked != "" {
			n.asks(here, addressAnswer(asked, "203.0.113.62", 60))
		}
		n.send(tcpPacket(here, addrPort("203.0.113.62:443"), flagACK, 1, ech))
		n.want(t, "203.0.113.62:443", want)
	}
}

// While packets arrive, a name is final when nothing better can follow.
func TestFinal(t *testing.T) {
	n := newNetwork()
	n.live = true
	isFinal := func(c Conn, after time.Duration) bool {
		_, final := n.lookup(c, c.Opened.Add(after))
		return final
	}
	check := func(what string, c Conn, delay time.Duration) {
		t.Helper()
		if isFinal(c, delay) || !isFinal(c, delay+time.Millisecond) {
			t.Errorf("%s: not final for %v: %v, %v", what, delay, isFinal(c, delay), isFinal(c, delay+time.Millisecond))
		}
	}
	web := Conn{connlog.TCP, here, addrPort("203.0.113.63:443"), n.now}
	check("UDP", Conn{connlog.UDP, here, addrPort("203.0.113.63:443"), n.now}, answerDelay)
	check("ssh", Conn{connlog.TCP, here, addrPort("203.0.113.63:22"), n.now}, answerDelay)
	check("web, not seen yet", web, helloDelay)
	n.send(tcpPacket(here, web.Remote, flagSYN, 7, nil))
	check("web, SYN", web, helloDelay)
	n.send(tcpPacket(here, web.Remote, flagACK, 8, goHello(t, "a.example")[:50]))
	check("web, half a hello", web, flowTimeout)
	n.send(tcpPacket(here, web.Remote, flagACK, 58, goHello(t, "a.example")[50:]))
	if !isFinal(web, 0) {
		t.Error("not final with its name")
	}
	plain := Conn{connlog.TCP, here, addrPort("203.0.113.64:443"), n.now}
	n.send(tcpPacket(here, plain.Remote, flagSYN, 7, nil))
	n.send(tcpPacket(here, plain.Remote, flagACK, 8, []byte("GET / HTTP/1.1\r\n")))
	check("no TLS", plain, answerDelay)
}

// What is kept is bounded, however much arrives.
func TestLearnerIsBounded(t *testing.T) {
	n := newNetwork()
	hello := goHello(t, "a.example")
	long := strings.Repeat("a.", 119) + "example"
	for i := range 40_000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1000)
		n.send(tcpPacket(from, addrPort("203.0.113.70:443"), flagSYN, 0, nil))
		n.send(tcpPacket(from, addrPort("203.0.113.70:443"), flagACK, 1, hello[:200]))
		n.now = n.now.Add(-2 * time.Millisecond) // all at once
		if i%4 == 0 {
			n.asks(from, addressAnswer(fmt.Sprint("n", i, ".", long), from.Addr().String(), 60))
			n.send(udpPacket(from, resolver, queryFor(addressAnswer(fmt.Sprint("q", i, ".", long), "203.0.113.71", 60))))
		}
	}
	s := n.snapshot(n.now)
	if s.Flows > maxFlows || n.flows.weight > maxFlowBytes || s.Addresses > maxAddresses || n.table.answers.weight > maxNameBytes || n.table.queries.len() > maxQueries ||
		n.table.connections.len() > maxConnections || s.Evicted == 0 {
		t.Errorf("%+v, %d, %d", s, n.flows.weight, n.table.answers.weight)
	}
	n.now = n.now.Add(flowTimeout + time.Minute)
	n.send(tcpPacket(here, addrPort("203.0.113.70:443"), flagSYN, 0, nil))
	if s := n.snapshot(n.now); s.Flows != 1 {
		t.Errorf("%d flows after their time", s.Flows)
	}
}

func TestPacketHeaders(t *testing.T) {
	from, to := addrPort("[2001:db8::1]:1"), addrPort("[2001:db8::2]:2")
	plain := udpPacket(from, to, []byte("payload"))
	extended := func(kinds ...byte) []byte {
		data := slices.Clone(plain)
		data[6] = kinds[0]
		var headers []byte
		for i := range kinds {
			next := byte(ipUDP)
			if i+1 < len(kinds) {
				next = kinds[i+1]
			}
			headers = append(headers, next, 0, 0, 0, 0, 0, 0, 0)
		}
		binary.BigEndian.PutUint16(data[4:], uint16(len(data)-40+len(headers)))
		return slices.Concat(data[:40], headers, data[40:])
	}
	vlan := slices.Concat([]byte{0, 7, 0x81, 0, 0, 9, 0x86, 0xdd}, plain)
	padded := append(slices.Clone(plain), 0, 0, 0)
	for what, c := range map[string]struct {
		etherType uint16
		data      []byte
	}{
		"plain": {etherIPv6, plain}, "VLANs": {etherQinQ, vlan}, "padded": {etherIPv6, padded},
		"extensions": {etherIPv6, extended(ipHopByHop, ipDestOpts, ipRouting, ipFragment)},
	} {
		var p packet
		if !parseEthernet(c.etherType, c.data, &p) || p.from != from || p.to != to || p.isTCP || string(p.payload) != "payload" {
			t.Errorf("%s: %+v", what, p)
		}
	}
	fragment := extended(ipFragment)
	fragment[43] = 8
	for what, data := range map[string][]byte{"fragment": fragment, "endless": extended(slices.Repeat([]byte{ipHopByHop}, 20)...), "ICMP": extended(58), "empty": nil} {
		var p packet
		if parseIP(data, &p) {
			t.Errorf("%s: %+v", what, p)
		}
	}
}

// FuzzPacket feeds packets from a file of lengths and bytes into a learner.
func FuzzPacket(f *testing.F) {
	n := newNetwork()
	f.Add(udpPacket(here, resolver, queryFor(dnsMessages(f)["01-cname-chain"])), uint16(etherIPv4))
	f.Add(tcpPacket(here, addrPort("203.0.113.7:443"), flagSYN, 1, nil), uint16(etherVLAN))
	f.Add(udpPacket(addrPort("[2001:db8::1]:53"), addrPort("[2001:db8::2]:2"), dnsMessages(f)["01-cname-chain"]), uint16(etherIPv6))
	f.Fuzz(func(_ *testing.T, data []byte, etherType uint16) {
		n.now = n.now.Add(time.Millisecond)
		n.addPacket(n.now, etherType, data)
		n.lookup(Conn{connlog.TCP, here, addrPort("203.0.113.7:443"), n.now}, n.now)
	})
}
