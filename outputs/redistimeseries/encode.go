package redistimeseries

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	maddFull    = "*1501\r\n$7\r\nTS.MADD\r\n" // 1 + 3 * perCommand
	maddTail    = "\r\n$7\r\nTS.MADD\r\n"
	maxExactInt = 1 << 53
)

// cursor walks over the samples that can be sent. Two walks over the same batches see the same ones in the same order
// as long as no entry changes, which is how a reply finds back to its sample.
type cursor struct {
	w       *Writer
	batches []*telemetry.Batch
	batch   int
	i       int
}

// next returns the next sample that can be sent. Those that cannot are counted in skipped.
func (c *cursor) next(skipped *tally) (e *entry, ms int64, v float64, ok bool) {
	for c.batch < len(c.batches) {
		b := c.batches[c.batch]
		if c.i == b.Len() {
			c.batch, c.i = c.batch+1, 0
			continue
		}
		s, ms, v := b.Sample(c.i)
		c.i++
		e := s.Memo(c.w.slot).(*entry) // ensure has put it there
		switch {
		case e.state != ready:
			c.skip(s, e, skipped)
		case v-v != 0: // NaN or an infinity: Redis refuses both
			skipped.add(notFinite)
		default:
			return e, ms, v, true
		}
	}
	return nil, 0, 0, false
}

// skip counts a sample whose series is not in Redis.
func (c *cursor) skip(s *telemetry.Series, e *entry, skipped *tally) {
	switch {
	case e.state == doubtful:
		skipped.add(inDoubt)
	case s != c.w.alive:
		skipped.add(unwritable)
	}
}

// sample is what next returned last.
func (c *cursor) sample() (*telemetry.Series, int64, float64) {
	return c.batches[c.batch].Sample(c.i - 1)
}

// encoder turns samples into TS.MADD commands. Samples of different groups never share one.
type encoder struct {
	cursor
	groups  [][]*telemetry.Batch // those after the cursor's
	most    int                  // samples in a command
	skipped tally
	ms      int64  // the time that stamp holds
	stamp   []byte // the time as an argument; nearly always the same for a whole batch
}

func (n *encoder) reset(w *Writer, groups [][]*telemetry.Batch) {
	n.cursor, n.groups = cursor{w: w}, groups
	n.most = w.pace.samples
	n.skipped = tally{}
	n.stamp = n.stamp[:0]
}

// chunk appends commands to buf until it is full or the samples are at an end.
func (n *encoder) chunk(buf []byte) ([]byte, int) {
	commands := 0
	for !redisconn.Full(buf) {
		before := len(buf)
		if buf = n.command(buf); len(buf) > before {
			commands++
			continue
		}
		if len(n.groups) == 0 {
			break
		}
		n.cursor, n.groups = cursor{w: n.w, batches: n.groups[0]}, n.groups[1:]
	}
	return buf, commands
}

// command appends one TS.MADD, or nothing when no samples are left. Its head is that of a full command; the last one
// usually is not, and is moved up.
func (n *encoder) command(buf []byte) []byte {
	start := len(buf)
	buf = append(buf, maddFull...)
	samples := 0
	for samples < n.most {
		e, ms, v, ok := n.next(&n.skipped)
		if !ok {
			break
		}
		if ms != n.ms || len(n.stamp) == 0 {
			n.setStamp(ms)
		}
		buf = append(buf, e.arg...)
		buf = append(buf, n.stamp...)
		buf = appendValue(buf, v)
		samples++
	}
	switch samples {
	case 0:
		return buf[:start]
	case perCommand:
		return buf
	}
	var head [32]byte
	h := strconv.AppendInt(append(head[:0], '*'), int64(1+3*samples), 10)
	h = append(h, maddTail...)
	copy(buf[start:], h)
	end := copy(buf[start+len(h):], buf[start+len(maddFull):])
	return buf[:start+len(h)+end]
}

// appendSample appends a TS.MADD with one sample.
func appendSample(buf []byte, e *entry, ms int64, v float64) []byte {
	var digits [20]byte
	buf = append(buf, "*4\r\n$7\r\nTS.MADD\r\n"...)
	buf = append(buf, e.arg...)
	buf = redisconn.AppendArg(buf, strconv.AppendInt(digits[:0], ms, 10))
	return appendValue(buf, v)
}

func (n *encoder) setStamp(ms int64) {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], ms, 10)
	n.ms, n.stamp = ms, redisconn.AppendArg(n.stamp[:0], d)
}

// appendValue appends a float as an argument, in the shortest form that reads back as the same number.
func appendValue(buf []byte, v float64) []byte {
	var digits [32]byte
	if i := int64(v); float64(i) == v && i > -maxExactInt && i < maxExactInt {
		return redisconn.AppendArg(buf, strconv.AppendInt(digits[:0], i, 10))
	}
	return redisconn.AppendArg(buf, strconv.AppendFloat(digits[:0], v, 'g', -1, 64))
}
