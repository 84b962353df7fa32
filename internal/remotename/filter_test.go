package remotename

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

func filterVM(t testing.TB, ports []uint16) *bpf.VM {
	t.Helper()
	code, err := buildFilter(ports, false)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func runFilter(t testing.TB, vm *bpf.VM, data []byte) int {
	t.Helper()
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withOptions adds options to the header of TCP in an IPv4 or IPv6 packet.
func withOptions(data []byte) []byte {
	start, lengthAt := 20, 2
	if data[0]>>4 == 6 {
		start, lengthAt = 40, 4
	}
	out := slices.Concat(data[:start+20], []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, data[start+20:])
	out[start+12] = 8 << 4
	binary.BigEndian.PutUint16(out[lengthAt:], binary.BigEndian.Uint16(out[lengthAt:])+12)
	return out
}

func withHopByHop(data []byte) []byte {
	out := slices.Concat(data[:40], []byte{data[6], 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, data[40:])
	out[6] = ipHopByHop
	binary.BigEndian.PutUint16(out[4:], binary.BigEndian.Uint16(out[4:])+16)
	return out
}

func TestFilter(t *testing.T) {
	vm := filterVM(t, tlsPorts())
	hello := goHello(t, "a.example")
	data := []byte{recordData, 3, 3, 0, 100, 1, 2, 3}
	for _, family := range [][2]string{{"10.0.0.5", "10.0.0.1"}, {"2001:db8::5", "2001:db8::1"}} {
		at := func(port uint16) (from, to netip.AddrPort) {
			return netip.AddrPortFrom(netip.MustParseAddr(family[0]), 40000), netip.AddrPortFrom(netip.MustParseAddr(family[1]), port)
		}
		udp := func(port uint16, reply bool) []byte {
			from, to := at(port)
			if reply {
				from, to = to, from
			}
			return udpPacket(from, to, make([]byte, 30))
		}
		tcp := func(port uint16, reply bool, flags byte, payload []byte) []byte {
			from, to := at(port)
			if reply {
				from, to = to, from
			}
			return tcpPacket(from, to, flags, 1, payload)
		}
		for _, c := range []struct {
			what string
			data []byte
			want int
		}{
			{"query", udp(53, false), snapDNS},
			{"answer", udp(53, true), snapDNS},
			{"other UDP", udp(443, false), 0},
			{"DNS over TCP", tcp(53, true, flagSYN|flagACK, nil), snapDNS},
			{"DNS over TCP", tcp(53, false, flagACK, data), snapDNS},
			{"SYN", tcp(9, false, flagSYN, nil), snapTLS},
			{"SYN and ACK", tcp(443, true, flagSYN|flagACK, nil), 0},
			{"ACK", tcp(443, false, flagACK, nil), 0},
			{"hello", tcp(443, false, flagACK, hello), snapTLS},
			{"hello, other port", tcp(4444, false, flagACK, hello), snapTLS},
			{"first byte", tcp(443, false, flagACK, hello[:1]), snapTLS},
			{"first byte, other port", tcp(4444, false, flagACK, hello[:1]), 0},
			{"the rest", tcp(443, false, flagACK, hello[100:]), snapTLS},
			{"the rest, other port", tcp(4444, false, flagACK, hello[100:]), 0},
			{"application data", tcp(443, false, flagACK, data), 0},
			{"one byte like application data", tcp(443, false, flagACK, data[:1]), snapTLS},
			{"server hello", tcp(443, true, flagACK, []byte{recordHandshake, 3, 3, 0, 9, 2, 0, 0, 5, 0, 0, 0, 0, 0}), 0},
			{"download", tcp(443, true, flagACK, make([]byte, 1400)), 0},
			{"other protocol", ipPacket(132, here, resolver, make([]byte, 20)), 0},
		} {
			variants := [][]byte{c.data}
			isTCP := c.data[0]>>4 == 4 && c.data[9] == ipTCP || c.data[0]>>4 == 6 && c.data[6] == ipTCP
			if isTCP {
				variants = append(variants, withOptions(c.data))
			}
			if c.data[0]>>4 == 6 {
				for _, v := range slices.Clone(variants) {
					variants = append(variants, withHopByHop(v), withHopByHop(withHopByHop(v)))
				}
			}
			for i, v := range variants {
				if got := runFilter(t, vm, v); got != c.want {
					t.Errorf("%s from %s, variant %d: %d, want %d", c.what, family[0], i, got, c.want)
				}
			}
		}
	}
	fragment := udpPacket(resolver, here, make([]byte, 30))
	fragment[7] = 1
	for what, data := range map[string][]byte{"empty": {}, "fragment": fragment, "version 5": {0x50}, "short": tcpPacket(here, resolver, flagSYN, 1, nil)[:20]} {
		if got := runFilter(t, vm, data); got != 0 {
			t.Errorf("%s: %d", what, got)
		}
	}
}

// Whatever a ClientHello to a TLS port is cut into, the filter lets every piece through.
func TestFilterPassesEveryPiece(t *testing.T) {
	vm := filterVM(t, tlsPorts())
	for name, c := range helloCases(t) {
		for i, s := range c.Segments {
			if name != "13-http-not-tls" && runFilter(t, vm, tcpPacket(here, addrPort("203.0.113.1:443"), flagACK, 1, unhex(t, s))) == 0 {
				t.Errorf("%s: segment %d is dropped", name, i)
			}
		}
	}
}

func TestFilterWithManyPorts(t *testing.T) {
	ports := make([]uint16, maxTLSPorts)
	for i := range ports {
		ports[i] = uint16(10_000 + i)
	}
	vm := filterVM(t, ports)
	if runFilter(t, vm, tcpPacket(here, netip.AddrPortFrom(resolver.Addr(), ports[maxTLSPorts-1]), flagACK, 1, []byte("x"))) != snapTLS {
		t.Error("the last port is dropped")
	}
	if _, err := buildFilter(slices.Repeat(ports, 4), true); err == nil {
		t.Error("jumps that are too long")
	}
}

// What the filter drops would not have changed what is learned, except later pieces of a hello to other ports.
func FuzzFilter(f *testing.F) {
	f.Add(tcpPacket(here, addrPort("203.0.113.7:443"), flagACK, 1, []byte{recordHandshake, 3, 1}))
	f.Add(udpPacket(resolver, here, []byte("x")))
	f.Add(withHopByHop(udpPacket(addrPort("[2001:db8::1]:53"), addrPort("[2001:db8::2]:2"), []byte("x"))))
	vm := filterVM(f, tlsPorts())
	f.Fuzz(func(t *testing.T, data []byte) {
		var p packet
		if n, err := vm.Run(data); err != nil || n > 0 || !parseIP(data, &p) {
			return
		}
		if !p.isTCP && (p.from.Port() == dnsPort || p.to.Port() == dnsPort) && (data[0]>>4 == 4 || data[6] == ipUDP) {
			t.Errorf("%x: DNS is dropped", data)
		}
	})
}
