package remotename

import (
	"encoding/binary"
	"net/netip"
)

// Numbers in headers: EtherTypes, and IP protocols (IANA).
const (
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
	etherVLAN    = 0x8100 // IEEE 802.1Q
	etherQinQ    = 0x88a8 // IEEE 802.1ad
	ipTCP        = 6
	ipUDP        = 17
	ipHopByHop   = 0
	ipRouting    = 43
	ipFragment   = 44
	ipAuth       = 51
	ipDestOpts   = 60
	ipMobility   = 135
	maxVLANs     = 2
	maxIPHeaders = 8 // extension headers of IPv6

	flagSYN = 0x02
	flagACK = 0x10
)

// packet is what the headers of an IP packet say.
type packet struct {
	tuple
	isTCP   bool
	flags   byte   // of TCP
	seq     uint32 // of TCP: of the first byte of the payload
	payload []byte
}

// parseEthernet reads a packet of the type of an Ethernet frame, with VLAN tags.
func parseEthernet(etherType uint16, data []byte, p *packet) bool {
	for range maxVLANs {
		if etherType != etherVLAN && etherType != etherQinQ || len(data) < 4 {
			break
		}
		etherType, data = binary.BigEndian.Uint16(data[2:]), data[4:]
	}
	return (etherType == etherIPv4 || etherType == etherIPv6) && parseIP(data, p)
}

// parseIP reads an IP packet with TCP or UDP. It reports false for all others, for fragments that are not the first one, and for broken
// headers. The payload can be shorter than the headers say, because a capture cuts packets.
func parseIP(data []byte, p *packet) bool {
	if len(data) == 0 {
		return false
	}
	switch data[0] >> 4 {
	case 4:
		return parseIPv4(data, p)
	case 6:
		return parseIPv6(data, p)
	}
	return false
}

// parseIPv4 reads RFC 791 section 3.1.
func parseIPv4(data []byte, p *packet) bool {
	if len(data) < 20 {
		return false
	}
	header := int(data[0]&0xf) * 4
	total := int(binary.BigEndian.Uint16(data[2:]))
	if total == 0 { // a packet of more than 64 KiB, before segmentation offload cuts it
		total = len(data)
	}
	if header < 20 || header > min(total, len(data)) || binary.BigEndian.Uint16(data[6:])&0x1fff != 0 {
		return false
	}
	from, to := netip.AddrFrom4([4]byte(data[12:])), netip.AddrFrom4([4]byte(data[16:]))
	return parseTransport(data[9], from, to, data[header:min(total, len(data))], p)
}

// parseIPv6 reads RFC 8200 sections 3 and 4.
func parseIPv6(data []byte, p *packet) bool {
	if len(data) < 40 {
		return false
	}
	from, to := netip.AddrFrom16([16]byte(data[8:])).Unmap(), netip.AddrFrom16([16]byte(data[24:])).Unmap()
	next, rest := data[6], data[40:]
	if length := int(binary.BigEndian.Uint16(data[4:])); length > 0 && length < len(rest) { // 0: more than 64 KiB
		rest = rest[:length]
	}
	for range maxIPHeaders {
		size := 0
		switch next {
		case ipHopByHop, ipRouting, ipDestOpts, ipMobility:
			if len(rest) >= 2 {
				size = 8 + int(rest[1])*8
			}
		case ipAuth:
			if len(rest) >= 2 {
				size = 8 + int(rest[1])*4
			}
		case ipFragment:
			if len(rest) < 8 || binary.BigEndian.Uint16(rest[2:])>>3 != 0 {
				return false
			}
			size = 8
		default:
			return parseTransport(next, from, to, rest, p)
		}
		if size == 0 || size > len(rest) {
			return false
		}
		next, rest = rest[0], rest[size:]
	}
	return false
}

// parseTransport reads the header of TCP (RFC 9293 section 3.1) or UDP (RFC 768).
func parseTransport(protocol byte, from, to netip.Addr, data []byte, p *packet) bool {
	header := 8
	if protocol == ipTCP {
		header = 20
	} else if protocol != ipUDP {
		return false
	}
	if len(data) < header {
		return false
	}
	*p = packet{
		tuple: tuple{netip.AddrPortFrom(from, binary.BigEndian.Uint16(data)), netip.AddrPortFrom(to, binary.BigEndian.Uint16(data[2:]))},
		isTCP: protocol == ipTCP,
	}
	if p.isTCP {
		header = int(data[12]>>4) * 4
		if header < 20 || header > len(data) {
			return false
		}
		p.flags, p.seq = data[13], binary.BigEndian.Uint32(data[4:])
		if p.flags&flagSYN != 0 {
			p.seq++
		}
	} else if length := int(binary.BigEndian.Uint16(data[4:])); length >= header && length < len(data) {
		data = data[:length]
	}
	p.payload = data[header:]
	return true
}
