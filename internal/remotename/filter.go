package remotename

import (
	"fmt"
	"math"

	"golang.org/x/net/bpf"
)

// Where fields are in the headers, from the start of the IP header: sockets of type SOCK_DGRAM have no link header.
const (
	snapDNS = 64 << 10
	snapTLS = recordHeader + maxHello + 1024 // the rest is for headers; a packet can hold much more before it is cut into segments

	packetOutgoing = 4   // PACKET_OUTGOING in packet(7)
	hardwareLo     = 772 // ARPHRD_LOOPBACK in linux/if_arp.h
)

// Cells of the filter's memory.
const (
	cellStart   = iota // of the TCP or UDP header
	cellEnd            // of the packet
	cellNext           // type of the next IPv6 header
	cellDstPort        // of TCP
	cellPayload        // start of the payload of TCP
)

// filterBuilder assembles a program with labels. Jumps of classic BPF only go forwards.
type filterBuilder struct {
	code   []bpf.Instruction
	labels map[string]int
	jumps  []filterJump
}

// filterJump is a jump whose targets are labels; "" is the next instruction.
type filterJump struct {
	at        int
	yes, no   string
	condition *bpf.JumpIf // nil: always to yes
}

func (b *filterBuilder) add(code ...bpf.Instruction) { b.code = append(b.code, code...) }
func (b *filterBuilder) label(name string)           { b.labels[name] = len(b.code) }

// jump compares the accumulator and continues at one of two labels.
func (b *filterBuilder) jump(test bpf.JumpTest, value uint32, yes, no string) {
	b.jumps = append(b.jumps, filterJump{len(b.code), yes, no, &bpf.JumpIf{Cond: test, Val: value}})
	b.add(nil)
}

// goTo continues at a label.
func (b *filterBuilder) goTo(name string) {
	b.jumps = append(b.jumps, filterJump{at: len(b.code), yes: name})
	b.add(nil)
}

// resolve returns the program with the labels resolved. A conditional jump reaches 255 instructions.
func (b *filterBuilder) resolve() ([]bpf.Instruction, error) {
	for _, j := range b.jumps {
		yes, no := b.distance(j.at, j.yes), b.distance(j.at, j.no)
		switch {
		case j.condition == nil:
			b.code[j.at] = bpf.Jump{Skip: uint32(yes)}
		case yes > math.MaxUint8 || no > math.MaxUint8:
			return nil, fmt.Errorf("build the filter of packets: a jump over %d instructions; there are too many ports", max(yes, no))
		default:
			j.condition.SkipTrue, j.condition.SkipFalse = uint8(yes), uint8(no)
			b.code[j.at] = *j.condition
		}
	}
	return b.code, nil
}

// distance returns the number of instructions between one and a label.
func (b *filterBuilder) distance(at int, label string) int {
	if label == "" {
		return 0
	}
	return b.labels[label] - at - 1
}

// buildFilter returns the program that selects packets in the kernel, where it costs least:
//
//   - DNS over UDP and TCP, both directions.
//   - The first packet of every TCP connection, whose number tells where the stream begins.
//   - To the TLS ports: every segment with payload, unless it begins like a record of application data.
//   - To other ports: segments that begin like a ClientHello. Later segments of it are not recognised, because a filter has no memory.
//
// Packets on the loopback interface are seen twice, so the outgoing copy is left out there; isLive adds that test, which only the kernel
// can make.
func buildFilter(ports []uint16, isLive bool) ([]bpf.Instruction, error) {
	b := &filterBuilder{labels: map[string]int{}}
	if isLive {
		b.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
		b.jump(bpf.JumpEqual, hardwareLo, "", "version")
		b.add(bpf.LoadExtension{Num: bpf.ExtType})
		b.jump(bpf.JumpEqual, packetOutgoing, "drop near", "version")
		b.label("drop near")
		b.add(bpf.RetConstant{Val: 0})
	}
	b.label("version")
	b.add(bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
	b.jump(bpf.JumpEqual, 4, "IPv4", "")
	b.jump(bpf.JumpEqual, 6, "IPv6", "drop")
	addIPv4Filter(b)
	addIPv6Filter(b)
	addTransportFilter(b, ports)
	b.label("drop")
	b.add(bpf.RetConstant{Val: 0})
	b.label("DNS")
	b.add(bpf.RetConstant{Val: snapDNS})
	b.label("TLS")
	b.add(bpf.RetConstant{Val: snapTLS})
	return b.resolve()
}

// addIPv4Filter finds the transport header: X, and the protocol: A.
func addIPv4Filter(b *filterBuilder) {
	b.label("IPv4")
	b.add(bpf.LoadAbsolute{Off: 6, Size: 2})
	b.jump(bpf.JumpBitsSet, 0x1fff, "drop", "") // not the first fragment
	b.add(
		bpf.LoadAbsolute{Off: 2, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: cellEnd},
		bpf.LoadMemShift{Off: 0},
		bpf.LoadAbsolute{Off: 9, Size: 1},
	)
	b.goTo("transport")
}

// addIPv6Filter skips up to three extension headers.
func addIPv6Filter(b *filterBuilder) {
	b.label("IPv6")
	b.add(
		bpf.LoadAbsolute{Off: 4, Size: 2}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 40}, bpf.StoreScratch{Src: bpf.RegA, N: cellEnd},
		bpf.LoadConstant{Dst: bpf.RegX, Val: 40},
		bpf.LoadAbsolute{Off: 6, Size: 1},
	)
	for _, next := range [...]string{"second header", "third header", "transport"} {
		own := next + " follows"
		for _, kind := range [...]uint32{ipHopByHop, ipRouting} {
			b.jump(bpf.JumpEqual, kind, own, "")
		}
		b.jump(bpf.JumpEqual, ipDestOpts, own, "transport")
		b.label(own)
		b.add(
			bpf.LoadIndirect{Off: 0, Size: 1}, bpf.StoreScratch{Src: bpf.RegA, N: cellNext},
			bpf.LoadIndirect{Off: 1, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 3}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 8},
			bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{},
			bpf.LoadScratch{Dst: bpf.RegA, N: cellNext},
		)
		b.label(next)
	}
}

// addTransportFilter decides by ports and payload. A is the protocol and X the start of its header.
func addTransportFilter(b *filterBuilder, ports []uint16) {
	b.label("transport")
	b.add(bpf.StoreScratch{Src: bpf.RegX, N: cellStart})
	b.jump(bpf.JumpEqual, ipTCP, "TCP", "")
	b.jump(bpf.JumpEqual, ipUDP, "", "drop")
	b.add(bpf.LoadIndirect{Off: 0, Size: 2})
	b.jump(bpf.JumpEqual, dnsPort, "DNS", "")
	b.add(bpf.LoadIndirect{Off: 2, Size: 2})
	b.jump(bpf.JumpEqual, dnsPort, "DNS", "drop")

	b.label("TCP")
	b.add(bpf.LoadIndirect{Off: 0, Size: 2})
	b.jump(bpf.JumpEqual, dnsPort, "DNS", "")
	b.add(bpf.LoadIndirect{Off: 2, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: cellDstPort})
	b.jump(bpf.JumpEqual, dnsPort, "DNS", "")
	b.add(bpf.LoadIndirect{Off: 13, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: flagSYN | flagACK})
	b.jump(bpf.JumpEqual, flagSYN, "TLS", "")
	b.jump(bpf.JumpBitsSet, flagSYN, "drop", "")

	// The payload: from X + the length of the header to cellEnd. 40 is an IPv6 packet that does not say its length, 0 an IPv4 packet.
	b.add(
		bpf.LoadIndirect{Off: 12, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 2},
		bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.StoreScratch{Src: bpf.RegA, N: cellPayload}, bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: cellEnd},
	)
	b.jump(bpf.JumpEqual, 0, "has payload", "")
	b.jump(bpf.JumpEqual, 40, "has payload", "")
	b.add(bpf.ALUOpX{Op: bpf.ALUOpSub}) // its length
	b.jump(bpf.JumpEqual, 0, "drop", "")
	b.jump(bpf.JumpGreaterThan, 1<<31, "drop", "")
	b.jump(bpf.JumpGreaterOrEqual, 6, "has payload", "")

	b.add(bpf.LoadScratch{Dst: bpf.RegA, N: cellDstPort}) // too short for the tests below
	for _, port := range ports {
		b.jump(bpf.JumpEqual, uint32(port), "TLS short", "")
	}
	b.goTo("drop")
	b.label("TLS short")
	b.add(bpf.RetConstant{Val: snapTLS})

	b.label("has payload")
	b.add(bpf.LoadScratch{Dst: bpf.RegA, N: cellDstPort})
	for _, port := range ports {
		b.jump(bpf.JumpEqual, uint32(port), "TLS port", "")
	}
	b.add(bpf.LoadIndirect{Off: 0, Size: 2})
	b.jump(bpf.JumpEqual, recordHandshake<<8|3, "", "drop")
	b.add(bpf.LoadIndirect{Off: 5, Size: 1})
	b.jump(bpf.JumpEqual, handshakeHello, "TLS", "drop")

	b.label("TLS port")
	b.add(bpf.LoadIndirect{Off: 0, Size: 2})
	b.jump(bpf.JumpEqual, recordData<<8|3, "", "TLS")
	b.add(bpf.LoadIndirect{Off: 2, Size: 1})
	b.jump(bpf.JumpEqual, 3, "drop", "TLS")
}
