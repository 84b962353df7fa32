package remotename

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"
)

// Limits of a DNS message (RFC 1035 section 2.3.4) and of what is taken from one.
const (
	maxWireName = 255 // bytes of a name, with the lengths of its labels
	maxLabel    = 63
	maxRecords  = 128 // records that are looked at
	maxChain    = 16  // CNAMEs from the question to the address
)

// Types, classes and bits of DNS messages (RFC 1035 sections 3.2 and 4.1).
const (
	dnsHeader = 12
	typeA     = 1
	typeCNAME = 5
	typeAAAA  = 28
	classIN   = 1
	bitQR     = 1 << 15 // a response
	opcodes   = 0xf << 11
	rcodes    = 0xf
)

var (
	errShortMessage = errors.New("the message ends within a field")
	errQuestions    = errors.New("the message does not have exactly one question")
	errName         = errors.New("a name is longer than 255 bytes, or a pointer does not point backwards")
	errOpcode       = errors.New("the message is not a standard query")
)

// dnsMessage is what a query or an answer says.
type dnsMessage struct {
	id         uint16
	isResponse bool
	question   string // the name, lower case, without the last dot
	kind       uint16 // the type of the question

	addrs      []netip.Addr // v4-mapped ones as IPv4
	cnames     []string     // from the question to the owner of the addresses
	ttl        time.Duration
	badRecords int
}

// dnsParser reads messages. It belongs to one goroutine; a message is valid until the next call.
type dnsParser struct {
	message dnsMessage
	records []dnsRecord
	name    wireName
	other   wireName
}

// dnsRecord is where the parts of a record are in the message.
type dnsRecord struct {
	owner, data, length int
	hash                uint64 // of the owner
	kind                uint16
	ttl                 uint32
}

// parse reads the payload of a datagram, or a message from a TCP stream without its length. Addresses are taken only from answer records
// whose owner is the question or reached from it by CNAMEs: a server could add records about names that nobody asked for.
func (p *dnsParser) parse(data []byte) (*dnsMessage, error) {
	m := &p.message
	*m = dnsMessage{addrs: m.addrs[:0]}
	if len(data) < dnsHeader {
		return nil, errShortMessage
	}
	flags := binary.BigEndian.Uint16(data[2:])
	m.id, m.isResponse = binary.BigEndian.Uint16(data), flags&bitQR != 0
	if flags&opcodes != 0 {
		return nil, errOpcode
	}
	if binary.BigEndian.Uint16(data[4:]) != 1 {
		return nil, errQuestions
	}
	at, err := p.name.read(data, dnsHeader)
	if err != nil {
		return nil, err
	}
	if at+4 > len(data) {
		return nil, errShortMessage
	}
	m.question, m.kind = p.name.String(), binary.BigEndian.Uint16(data[at:])
	if !m.isResponse || flags&rcodes != 0 {
		return m, nil
	}
	if err := p.readRecords(data, at+4, int(binary.BigEndian.Uint16(data[6:]))); err != nil {
		return nil, err
	}
	p.followChain(data)
	return m, nil
}

// readRecords notes where the answer records are. The other sections say nothing about the question.
func (p *dnsParser) readRecords(data []byte, at, count int) error {
	p.records = p.records[:0]
	for range count {
		r := dnsRecord{owner: at}
		end, err := p.other.read(data, at)
		if err != nil {
			return err
		}
		if end+10 > len(data) {
			return errShortMessage
		}
		r.hash, r.kind, r.ttl = p.other.hash(), binary.BigEndian.Uint16(data[end:]), binary.BigEndian.Uint32(data[end+4:])
		r.data, r.length = end+10, int(binary.BigEndian.Uint16(data[end+8:]))
		at = r.data + r.length
		if at > len(data) {
			return errShortMessage
		}
		if binary.BigEndian.Uint16(data[end+2:]) == classIN && len(p.records) < maxRecords {
			p.records = append(p.records, r)
		}
	}
	return nil
}

// followChain collects addresses and CNAMEs. p.name is the question.
func (p *dnsParser) followChain(data []byte) {
	m := &p.message
	ttl := ^uint32(0)
	for range maxChain {
		var next *dnsRecord
		for i := range p.records {
			r := &p.records[i]
			if !p.isOwner(data, r) {
				continue
			}
			switch {
			case r.kind == typeCNAME && next == nil:
				next = r
			case r.kind == typeA || r.kind == typeAAAA:
				if p.addAddress(data[r.data : r.data+r.length]) {
					ttl = min(ttl, lifetime(r.ttl))
				}
			}
		}
		if next == nil {
			break
		}
		end, err := p.name.read(data, next.data)
		target := p.name.String()
		if err != nil || end != next.data+next.length {
			m.badRecords++
			break
		}
		if target == m.question || slices.Contains(m.cnames, target) {
			break // a loop
		}
		m.cnames = append(m.cnames, target)
		ttl = min(ttl, lifetime(next.ttl))
	}
	if len(m.addrs) > 0 {
		m.ttl = time.Duration(ttl) * time.Second
	}
}

// isOwner reports whether p.name is the owner of r. The hash spares reading nearly all names again.
func (p *dnsParser) isOwner(data []byte, r *dnsRecord) bool {
	if r.hash != p.name.hash() {
		return false
	}
	_, err := p.other.read(data, r.owner)
	return err == nil && p.other == p.name
}

// addAddress adds the address in the data of a record of type A or AAAA.
func (p *dnsParser) addAddress(data []byte) bool {
	addr, ok := netip.AddrFromSlice(data)
	if !ok {
		p.message.badRecords++
		return false
	}
	if addr = addr.Unmap(); !slices.Contains(p.message.addrs, addr) {
		p.message.addrs = append(p.message.addrs, addr)
	}
	return true
}

// lifetime returns a TTL in seconds. RFC 2181 section 8: with the top bit set it means 0.
func lifetime(ttl uint32) uint32 {
	if ttl>>31 != 0 {
		return 0
	}
	return ttl
}

// wireName is a name as on the wire, without compression, in lower case. Two names are equal if the values are.
type wireName struct {
	bytes  [maxWireName]byte
	length int
	sum    uint64
}

// read reads the name at the index and returns the index after it. Pointers must point before the name that they are part of, so the time is
// bounded and the name is one that a server could write (RFC 1035 section 4.1.4: "a prior occurrence").
func (n *wireName) read(data []byte, at int) (end int, err error) {
	*n = wireName{}
	before := at // pointers must point before this
	for {
		if at >= len(data) {
			return 0, errShortMessage
		}
		switch length := int(data[at]); {
		case length == 0:
			n.add(data[at : at+1])
			n.finish()
			return max(end, at+1), nil
		case length <= maxLabel:
			if at+1+length > len(data) {
				return 0, errShortMessage
			}
			if n.length+1+length+1 > maxWireName {
				return 0, errName
			}
			n.add(data[at : at+1+length])
			at += 1 + length
		case length>>6 == 3:
			if at+2 > len(data) {
				return 0, errShortMessage
			}
			target := int(binary.BigEndian.Uint16(data[at:])) & 0x3fff
			if target >= before || target < dnsHeader {
				return 0, errName
			}
			if end == 0 {
				end = at + 2
			}
			at, before = target, target
		default: // RFC 6891 section 5: other kinds of labels are not used
			return 0, errName
		}
	}
}

func (n *wireName) add(label []byte) { n.length += copy(n.bytes[n.length:], label) }

// finish makes the letters lower case and computes the hash (FNV-1a). The length of a label is at most 63, which is not a letter.
func (n *wireName) finish() {
	n.sum = 14695981039346656037
	for i, c := range n.bytes[:n.length] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
			n.bytes[i] = c
		}
		n.sum = (n.sum ^ uint64(c)) * 1099511628211
	}
}

func (n *wireName) hash() uint64 { return n.sum }

// String returns the name without the last dot. Bytes other than letters, digits, "-", "_" and "*" are escaped as in a zone file (RFC 1035
// section 5.1): a dot within a label is "\.", a line feed "\010". The name of the root is "".
func (n *wireName) String() string {
	text := make([]byte, 0, maxWireName)
	for at := 0; at < n.length && n.bytes[at] != 0; {
		if at > 0 {
			text = append(text, '.')
		}
		label := n.bytes[at+1 : at+1+int(n.bytes[at])]
		for _, c := range label {
			text = appendEscaped(text, c)
		}
		at += 1 + len(label)
	}
	return string(text)
}

func appendEscaped(text []byte, c byte) []byte {
	switch {
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '*':
		return append(text, c)
	case c == '.' || c == '\\':
		return append(text, '\\', c)
	}
	return append(text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
}
