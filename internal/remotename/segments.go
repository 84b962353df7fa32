package remotename

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Limits of what is kept of TCP connections whose first bytes are incomplete.
const (
	maxFlows     = 4096
	maxFlowBytes = 4 << 20 // of all flows together
	flowTimeout  = 10 * time.Second
	maxAhead     = 16 << 10 // bytes between the next byte and the end of a segment that is kept
	maxPending   = 32       // segments of a flow that came too early
	maxTCPAnswer = 16 << 10 // bytes of a DNS message over TCP
	flowCost     = 256      // bytes of a flow without its data
)

// tuple is one direction of a connection.
type tuple struct{ from, to netip.AddrPort }

// consumer takes the first bytes of one direction in order.
type consumer interface {
	feed(data []byte) progress
	held() int
}

// flow puts the segments of one direction of a TCP connection in order. RFC 9293 section 3.4: sequence numbers wrap.
type flow struct {
	start    time.Time // of the first segment
	started  bool      // its first byte is here
	next     uint32    // sequence number of the next byte
	pending  []segment
	consumer consumer
}

type segment struct {
	seq  uint32
	data []byte
}

// newFlow returns a flow whose first byte has the number next.
func newFlow(start time.Time, next uint32, c consumer) *flow {
	return &flow{start: start, next: next, consumer: c}
}

// held returns the bytes that the flow keeps.
func (f *flow) held() int {
	n := flowCost + f.consumer.held()
	for _, s := range f.pending {
		n += len(s.data)
	}
	return n
}

// add takes a segment. Bytes that came before are ignored when they come again, even if they differ.
func (f *flow) add(seq uint32, data []byte) progress {
	switch ahead := int32(seq - f.next); {
	case ahead > 0:
		f.keep(seq, data, int(ahead))
		return wantMore
	case int(-int64(ahead)) >= len(data):
		return wantMore
	default:
		if p := f.consume(data[-ahead:]); p != wantMore {
			return p
		}
	}
	return f.consumePending()
}

func (f *flow) consume(data []byte) progress {
	f.next += uint32(len(data))
	f.started = true
	return f.consumer.feed(data)
}

// keep copies a segment that came too early.
func (f *flow) keep(seq uint32, data []byte, ahead int) {
	if len(f.pending) < maxPending && ahead < maxAhead {
		data = data[:min(len(data), maxAhead-ahead)]
		f.pending = append(f.pending, segment{seq, append([]byte(nil), data...)})
	}
}

// consumePending consumes the segments whose turn has come.
func (f *flow) consumePending() progress {
	for i := 0; i < len(f.pending); {
		s := f.pending[i]
		ahead := int32(s.seq - f.next)
		if ahead > 0 {
			i++
			continue
		}
		f.pending = append(f.pending[:i], f.pending[i+1:]...)
		if int(-int64(ahead)) >= len(s.data) {
			continue
		}
		if p := f.consume(s.data[-ahead:]); p != wantMore {
			return p
		}
		i = 0 // an earlier one can follow now
	}
	return wantMore
}

// dnsStream splits a TCP stream into DNS messages (RFC 1035 section 4.2.2: two bytes of length before each).
type dnsStream struct {
	buf    []byte
	handle func(message []byte)
}

func (s *dnsStream) held() int { return cap(s.buf) }

func (s *dnsStream) feed(data []byte) progress {
	for len(data) > 0 {
		missing := 2 - len(s.buf)
		if missing <= 0 {
			length := int(binary.BigEndian.Uint16(s.buf))
			if length < dnsHeader || length > maxTCPAnswer {
				return malformed
			}
			missing = 2 + length - len(s.buf)
		}
		n := min(missing, len(data))
		s.buf = append(s.buf, data[:n]...)
		data = data[n:]
		if len(s.buf) > 2 && n == missing {
			s.handle(s.buf[2:])
			s.buf = s.buf[:0]
		}
	}
	if len(s.buf) == 0 {
		s.buf = nil
	}
	return wantMore
}
