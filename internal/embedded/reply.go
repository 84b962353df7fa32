package embedded

import "strconv"

const (
	// maxReplyBytes is when JSON and Search answer an error instead: a few bytes of
	// request can ask for the same large value many times.
	maxReplyBytes = 64 << 20
	// maxUnsentBytes bounds the reply to one command of any kind.
	maxUnsentBytes = 128 << 20
	// freeReplyBytes is what a reply may take without asking the budget.
	freeReplyBytes = 64 << 10
)

// reply collects encoded answers. Errors are written with their first word as
// the code ("ERR", "OOM", "WRONGTYPE").
type reply struct {
	buf   []byte
	resp3 bool
	lease *lease // nil: whoever has the reply bounds it
	// overflow: the reply grew beyond what may be held. It is dropped, further
	// writes do nothing, and the client must be disconnected.
	overflow bool
}

// fits reports whether n more bytes may be written.
func (r *reply) fits(n int) bool {
	size := int64(len(r.buf) + n)
	if r.lease == nil || size <= max(freeReplyBytes, r.lease.held) && !r.overflow {
		return true
	}
	if !r.overflow && size <= maxUnsentBytes && r.lease.resize(min(2*size, maxUnsentBytes)) {
		return true
	}
	r.overflow, r.buf = true, nil
	return false
}

// truncate takes back everything after the first n bytes.
func (r *reply) truncate(n int) {
	if !r.overflow {
		r.buf = r.buf[:n]
	}
}

// reset empties the reply and keeps its buffer, unless that is huge.
func (r *reply) reset() {
	if cap(r.buf) > keepBufferBytes {
		r.buf = nil
	}
	r.buf = r.buf[:0]
	r.lease.resize(0)
}

func (r *reply) header(kind byte, n int) {
	if !r.fits(32) {
		return
	}
	r.buf = strconv.AppendInt(append(r.buf, kind), int64(n), 10)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) array(n int) { r.header('*', n) }

// mapOf starts a map of n pairs; RESP2 has none and gets 2n elements.
func (r *reply) mapOf(n int) {
	if r.resp3 {
		r.header('%', n)
	} else {
		r.header('*', 2*n)
	}
}

// pairs starts n key-value pairs which RESP2 gets as arrays of arrays.
func (r *reply) pairs(n int) {
	if r.resp3 {
		r.header('%', n)
	} else {
		r.header('*', n)
	}
}

// pair starts one entry of pairs.
func (r *reply) pair(n int) {
	if !r.resp3 {
		r.header('*', n)
	}
}

func (r *reply) set(n int) {
	if r.resp3 {
		r.header('~', n)
	} else {
		r.header('*', n)
	}
}

func (r *reply) simple(s string) { r.line('+', s) }

func (r *reply) ok() { r.simple("OK") }

func (r *reply) error(msg string) { r.line('-', msg) }

// line keeps CR and LF out: an error or a name can be what a client sent.
func (r *reply) line(kind byte, msg string) {
	if !r.fits(len(msg) + 3) {
		return
	}
	r.buf = append(r.buf, kind)
	for i := range len(msg) {
		c := msg[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		r.buf = append(r.buf, c)
	}
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) int(n int64) {
	if !r.fits(32) {
		return
	}
	r.buf = strconv.AppendInt(append(r.buf, ':'), n, 10)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) bool(b bool) {
	if b {
		r.int(1)
	} else {
		r.int(0)
	}
}

func (r *reply) bulk(s string) {
	if r.fits(len(s) + 32) {
		r.header('$', len(s))
		r.buf = append(append(r.buf, s...), '\r', '\n')
	}
}

func (r *reply) bulkBytes(b []byte) {
	if r.fits(len(b) + 32) {
		r.header('$', len(b))
		r.buf = append(append(r.buf, b...), '\r', '\n')
	}
}

// pushOf starts a message of n parts that no command asked for.
func (r *reply) pushOf(n int) {
	if r.resp3 {
		r.header('>', n)
	} else {
		r.header('*', n)
	}
}

func (r *reply) null() {
	if !r.fits(5) {
		return
	}
	if r.resp3 {
		r.buf = append(r.buf, "_\r\n"...)
	} else {
		r.buf = append(r.buf, "$-1\r\n"...)
	}
}

func (r *reply) nullArray() {
	if !r.fits(5) {
		return
	}
	if r.resp3 {
		r.buf = append(r.buf, "_\r\n"...)
	} else {
		r.buf = append(r.buf, "*-1\r\n"...)
	}
}

// value writes a sample's value: a simple string on RESP2, a double on RESP3.
func (r *reply) value(v float64) {
	if !r.fits(64) {
		return
	}
	if r.resp3 {
		r.buf = appendValue3(append(r.buf, ','), v)
	} else {
		r.buf = appendValue2(append(r.buf, '+'), v)
	}
	r.buf = append(r.buf, '\r', '\n')
}

// double writes a number that is no sample's: bulk on RESP2.
func (r *reply) double(v float64) {
	if r.resp3 {
		r.value(v)
	} else {
		r.bulk(string(appendValue3(nil, v)))
	}
}

func (r *reply) sample(s sample) {
	r.array(2)
	r.int(s.ts)
	r.value(s.v)
}

func (r *reply) samples(list []sample) {
	r.array(len(list))
	for _, s := range list {
		r.sample(s)
	}
}

// verbatim writes a text for people (INFO): verbatim on RESP3, bulk on RESP2.
func (r *reply) verbatim(s string) {
	if !r.resp3 {
		r.bulk(s)
		return
	}
	if !r.fits(len(s) + 32) {
		return
	}
	r.header('=', len(s)+4)
	r.buf = append(append(append(r.buf, "txt:"...), s...), '\r', '\n')
}
