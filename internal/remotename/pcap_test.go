package remotename

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// buildPcap writes packets, each with a link header before it, one a second.
func buildPcap(order binary.AppendByteOrder, magic uint32, link uint32, header []byte, packets ...[]byte) []byte {
	data := order.AppendUint32(nil, magic)
	data = order.AppendUint32(order.AppendUint16(order.AppendUint16(data, 2), 4), 0)
	data = order.AppendUint32(order.AppendUint32(order.AppendUint32(data, 0), 65535), link)
	for i, p := range packets {
		size := uint32(len(header) + len(p))
		data = order.AppendUint32(order.AppendUint32(data, 1_800_000_000+uint32(i)), 500_000)
		data = order.AppendUint32(order.AppendUint32(data, size), size)
		data = append(append(data, header...), p...)
	}
	return data
}

func pcapPackets() [][]byte {
	answer := addressAnswer("file.example", "203.0.113.80", 60)
	return [][]byte{udpPacket(here, resolver, queryFor(answer)), udpPacket(resolver, here, answer)}
}

func replay(t testing.TB, data []byte) Namer {
	t.Helper()
	n, err := NewReplay(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPcapFormats(t *testing.T) {
	for link, header := range map[uint32][]byte{
		linkEthernet: append(make([]byte, 12), 8, 0), linkRaw: nil, linkRawBSD: nil, linkIPv4: nil, linkNull: {2, 0, 0, 0}, linkLoop: {0, 0, 0, 2},
		linkSLL: append(make([]byte, 14), 8, 0), linkSLL2: append([]byte{8, 0}, make([]byte, 18)...),
		linkEthernet | 1<<28: append(make([]byte, 12), 0x81, 0, 0, 7, 8, 0),
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for magic, fraction := range map[uint32]time.Duration{pcapMicros: 500 * time.Millisecond, pcapNanos: 500 * time.Microsecond} {
				n := replay(t, buildPcap(order, magic, link, header, pcapPackets()...))
				c := Conn{connlog.TCP, here, addrPort("203.0.113.80:443"), time.Unix(1_800_000_000, 0).Add(fraction)}
				got, final := n.Lookup(c)
				c.Opened = c.Opened.Add(-1)
				before, _ := n.Lookup(c)
				if got.Name != "file.example" || !final || before.Name != "" || n.Stats().Messages != 2 || n.Close() != nil {
					t.Errorf("link type %d, %v, %x: %+v, before: %+v; %+v", link, order, magic, got, before, n.Stats())
				}
			}
		}
	}
}

func TestPcapErrors(t *testing.T) {
	whole := buildPcap(binary.LittleEndian, pcapMicros, linkRaw, nil, pcapPackets()...)
	tooLong := slices.Clone(whole)
	binary.LittleEndian.PutUint32(tooLong[pcapHeader+8:], maxPcapPacket+1)
	for want, data := range map[string][]byte{
		"not in the format pcap":            []byte("hello"),
		"not in the format pcap\x00":        bytes.Repeat([]byte{'x'}, 100),
		"tshark -F pcap":                    append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 100)...),
		"link type 147 is not":              buildPcap(binary.LittleEndian, pcapMicros, 147, nil),
		"a packet of 262145 bytes; the fil": tooLong,
	} {
		if _, err := NewReplay(bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), strings.TrimRight(want, "\x00")) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	broken := errors.New("disk")
	for i := range whole {
		n, err := NewReplay(bytes.NewReader(whole[:i]))
		if (err == nil) != (i >= pcapHeader) {
			t.Errorf("%d bytes: %v", i, err)
		}
		if atEnd := i == pcapHeader || i == pcapHeader+pcapPacketHeader+len(pcapPackets()[0]); err == nil && (n.Stats().Malformed == 0) != atEnd {
			t.Errorf("%d bytes: %+v", i, n.Stats())
		}
		if _, err := NewReplay(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(whole[:i])))); i > 1 && !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("%d bytes and a failure: %v", i, err)
		}
	}
	if _, err := NewReplay(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestRecordedPcap replays a file of tcpdump: a look-up of www.shop.example with CNAMEs, connections to its address with and without a server
// name, one of them to another port, and one with IPv6. TestRecordPcap makes such a file.
func TestRecordedPcap(t *testing.T) {
	data, err := os.ReadFile("testdata/recorded.pcap")
	if err != nil {
		t.Fatal(err)
	}
	checkRecording(t, replay(t, data))
}

// checkRecording looks up the connections that a recording has.
func checkRecording(t *testing.T, n Namer) {
	t.Helper()
	var got []string
	for key, c := range n.(replayNamer).table.connections.entries {
		at := c.Value.(*boundedEntry[tuple, connection]).value.opened
		name, _ := n.Lookup(Conn{connlog.TCP, key.from, key.to, at})
		got = append(got, strings.Join(append([]string{key.to.String(), name.Source, name.Name}, name.CNAMEs...), " "))
	}
	slices.Sort(got)
	want := []string{
		"203.0.113.7:443 dns www.shop.example edge7.cdn.example",
		"203.0.113.7:443 sni one.example",
		"203.0.113.7:4444 sni two.example",
		"[2001:db8::7]:443 sni six.example",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if s := n.Stats(); s.Malformed != 0 || s.Messages != 4 || s.Hellos != 4 {
		t.Errorf("%+v", s)
	}
}

func FuzzPcap(f *testing.F) {
	for _, link := range []uint32{linkEthernet, linkRaw, linkNull, linkSLL, linkSLL2} {
		f.Add(buildPcap(binary.LittleEndian, pcapMicros, link, make([]byte, 14), pcapPackets()...))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if n, err := NewReplay(bytes.NewReader(data)); err == nil {
			n.Lookup(Conn{connlog.TCP, here, addrPort("203.0.113.80:443"), time.Unix(1_800_000_001, 0)})
			n.Stats()
		}
	})
}
