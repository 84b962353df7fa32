package redistimeseries

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	fullHead    = "*1501\r\n$7\r\nTS.MADD\r\n" // 1 + 3 * fullCommand arguments
	headTail    = "\r\n$7\r\nTS.MADD\r\n"
	maxExactInt = 1 << 53
)

// encoder turns samples into TS.MADD commands. It does not allocate.
type encoder struct {
	cursor
	memoSlot    telemetry.Slot
	commandSize commandSize
	timeValue   int64  // the time that the argument below holds
	time        []byte // as an argument; nearly always the same for a whole batch
}

// nextSendable returns the next open sample that can be sent. It records a verdict for those that cannot.
func (n *encoder) nextSendable() (number int, e *entry, ms int64, v float64, ok bool) {
	for n.current < n.end || n.enterBatch() {
		number = n.current
		n.current++
		if n.verdicts[number] != open {
			continue
		}
		s, ms, v := n.batch.Sample(number - n.first)
		e := s.Memo(n.memoSlot).(*entry) // ensure has put it there
		switch {
		case e.status == uncreated:
			n.verdicts[number] = undecided
		case e.status != ready:
			n.verdicts[number] = unwritable
		case v-v != 0: // NaN or infinite
			n.verdicts[number] = notFinite
		default:
			return number, e, ms, v, true
		}
	}
	return 0, nil, 0, 0, false
}

// appendChunk appends commands to buf until it is full or no samples are left. It returns the number of commands.
func (r *request) appendChunk(buf []byte) ([]byte, int) {
	commands := 0
	for !redisconn.Full(buf) {
		before := len(buf)
		if buf = r.appendCommand(buf); len(buf) == before {
			break
		}
		commands++
	}
	return buf, commands
}

// appendCommand appends one TS.MADD, or nothing if no samples are left. It begins with the head of a full command. The last
// command usually has fewer samples and gets another head.
func (r *request) appendCommand(buf []byte) []byte {
	start := len(buf)
	buf = append(buf, fullHead...)
	samples := commandSize(0)
	var slot uint16
	for samples < r.commandSize {
		var e *entry
		var ms int64
		var v float64
		var ok bool
		if !r.ordered {
			_, e, ms, v, ok = r.nextSendable()
		} else if r.sent < len(r.order) {
			s, at, value := r.at(r.order[r.sent])
			e, ms, v = s.Memo(r.memoSlot).(*entry), at, value
			if ok = samples == 0 || e.slot == slot; ok { // a command must not span slots
				r.sent++
			}
		}
		if !ok {
			break
		}
		slot = e.slot
		if ms != r.timeValue || len(r.time) == 0 {
			r.setTime(ms)
		}
		buf = append(buf, e.keyArg...)
		buf = append(buf, r.time...)
		buf = appendValue(buf, v)
		samples++
	}
	switch samples {
	case 0:
		return buf[:start]
	case fullCommand:
		return buf
	}
	var room [32]byte
	head := strconv.AppendInt(append(room[:0], '*'), int64(1+3*samples), 10)
	head = append(head, headTail...)
	copy(buf[start:], head)
	end := copy(buf[start+len(head):], buf[start+len(fullHead):])
	return buf[:start+len(head)+end]
}

// appendSingle appends a TS.MADD with one sample.
func appendSingle(buf []byte, e *entry, ms int64, v float64) []byte {
	buf = append(buf, "*4\r\n$7\r\nTS.MADD\r\n"...)
	buf = append(buf, e.keyArg...)
	return appendValue(redisconn.AppendInt(buf, ms), v)
}

func (n *encoder) setTime(ms int64) {
	n.timeValue, n.time = ms, redisconn.AppendInt(n.time[:0], ms)
}

// appendValue appends a float as an argument, in the shortest form that reads back as the same number.
func appendValue(buf []byte, v float64) []byte {
	var digits [32]byte
	if i := int64(v); float64(i) == v && i > -maxExactInt && i < maxExactInt {
		return redisconn.AppendArg(buf, strconv.AppendInt(digits[:0], i, 10))
	}
	return redisconn.AppendArg(buf, strconv.AppendFloat(digits[:0], v, 'g', -1, 64))
}
