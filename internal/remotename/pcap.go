package remotename

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// The file format pcap: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html.
const (
	pcapMicros       = 0xa1b2c3d4
	pcapNanos        = 0xa1b23c4d
	pcapngBlock      = 0x0a0d0d0a // the same in both byte orders
	pcapHeader       = 24
	pcapPacketHeader = 16
	maxPcapPacket    = 256 << 10 // libpcap's limit
)

// Link types: https://www.tcpdump.org/linktypes.html.
const (
	linkNull     = 0 // BSD's loopback: four bytes before the packet
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOpen  = 14
	linkRaw      = 101
	linkLoop     = 108 // OpenBSD's loopback
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

var (
	errNotPcap = errors.New("the file is not in the format pcap")
	errPcapng  = errors.New("the file is in the format pcapng; convert it with \"tshark -F pcap -r FILE -w NEWFILE\"")
)

// NewReplay returns a namer that knows what the packets of a pcap file say. It reads r to the end first, and never looks up anything. A file
// whose last packet is cut counts as malformed, not as an error: tcpdump leaves such files. In Lookup, Opened is a time of the capture.
func NewReplay(r io.Reader) (Namer, error) {
	n := replayNamer{newLearner(tlsPorts())}
	if err := n.read(bufio.NewReaderSize(r, 64<<10)); err != nil {
		return nil, fmt.Errorf("read the packets of a file: %w", err)
	}
	return n, nil
}

// replayNamer implements [Namer] with the packets of a file.
type replayNamer struct{ *learner }

func (n replayNamer) read(r io.Reader) error {
	header := make([]byte, pcapHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return eofAs(err, errNotPcap)
	}
	order, fraction, err := pcapFormat(header)
	if err != nil {
		return err
	}
	link := order.Uint32(header[20:]) & 0xffff // the upper bits describe checksums
	if !isLinkType(link) {
		return fmt.Errorf("link type %d is not supported; Ethernet, raw IP, Linux cooked and loopback are", link)
	}
	buf := make([]byte, 0, 4096)
	for {
		if _, err := io.ReadFull(r, header[:pcapPacketHeader]); err != nil {
			return n.end(err)
		}
		size := order.Uint32(header[8:])
		if size > maxPcapPacket {
			return fmt.Errorf("a packet of %d bytes; the file is damaged", size)
		}
		if int(size) > cap(buf) {
			buf = make([]byte, 0, size)
		}
		buf = buf[:size]
		if _, err := io.ReadFull(r, buf); err != nil {
			return n.end(eofAs(err, io.ErrUnexpectedEOF))
		}
		at := time.Unix(int64(order.Uint32(header)), int64(order.Uint32(header[4:]))*fraction)
		if etherType, data, ok := stripLink(link, buf); ok {
			n.addPacket(at, etherType, data)
		}
	}
}

// end returns the error of the end of a file.
func (n replayNamer) end(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		n.stats.Malformed++
		return nil
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// eofAs replaces the errors of a file that is too short.
func eofAs(err, replacement error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return replacement
	}
	return err
}

// pcapFormat returns the byte order, and how many nanoseconds the unit of fractions of seconds has.
func pcapFormat(header []byte) (order binary.ByteOrder, fraction int64, err error) {
	for _, order := range [...]binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(header) {
		case pcapMicros:
			return order, 1000, nil
		case pcapNanos:
			return order, 1, nil
		case pcapngBlock:
			return nil, 0, errPcapng
		}
	}
	return nil, 0, errNotPcap
}

func isLinkType(link uint32) bool {
	switch link {
	case linkNull, linkEthernet, linkRawBSD, linkRawOpen, linkRaw, linkLoop, linkSLL, linkIPv4, linkIPv6, linkSLL2:
		return true
	}
	return false
}

// stripLink returns the packet within a frame and its EtherType.
func stripLink(link uint32, frame []byte) (etherType uint16, data []byte, ok bool) {
	var header, typeAt int
	switch link {
	case linkEthernet:
		header, typeAt = 14, 12
	case linkSLL:
		header, typeAt = 16, 14
	case linkSLL2:
		header, typeAt = 20, 0
	case linkNull, linkLoop:
		return rawType(frame, 4)
	default:
		return rawType(frame, 0)
	}
	if len(frame) < header {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(frame[typeAt:]), frame[header:], true
}

// rawType returns the IP packet after a header of some bytes. Its version tells the type; address families differ between systems.
func rawType(frame []byte, header int) (etherType uint16, data []byte, ok bool) {
	if len(frame) <= header {
		return 0, nil, false
	}
	switch frame[header] >> 4 {
	case 4:
		return etherIPv4, frame[header:], true
	case 6:
		return etherIPv6, frame[header:], true
	}
	return 0, nil, false
}

// Lookup implements [Namer].
func (n replayNamer) Lookup(c Conn) (Name, bool) { return n.lookup(c, c.Opened) }

// Closed implements [Namer].
func (n replayNamer) Closed(c Conn) { n.closed(c) }

// Stats implements [Namer].
func (n replayNamer) Stats() Stats { return n.snapshot(time.Time{}) }

// Close implements [Namer].
func (n replayNamer) Close() error { return nil }
