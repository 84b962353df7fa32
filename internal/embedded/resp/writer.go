package resp

import "strconv"

const (
	// MaxValueReplyBytes is the reply size from which JSON and search commands
	// answer an error: a short request can name a large value many times.
	MaxValueReplyBytes = 64 << 20
	// maxReplyBytes bounds the reply to one command of any kind.
	maxReplyBytes = 128 << 20
	// freeReplyBytes is the reply size that needs no share of the budget.
	freeReplyBytes = 64 << 10
	// maxNumberBytes is more than any header or number needs.
	maxNumberBytes = 64
)

// Writer encodes replies into a buffer. The zero Writer is ready and unbounded.
type Writer struct {
	// RESP3 selects the protocol version.
	RESP3 bool

	buf      []byte
	memory   Lease
	bounded  bool
	overflow bool
}

// Bound makes the Writer take the memory of large replies from a lease.
func (w *Writer) Bound(memory Lease) { w.memory, w.bounded = memory, true }

// Release gives the lease back, for a client that is gone.
func (w *Writer) Release() { w.memory.Release() }

// Len returns the number of bytes in the buffer.
func (w *Writer) Len() int { return len(w.buf) }

// Bytes returns the encoded replies. They are valid until the next write.
func (w *Writer) Bytes() []byte { return w.buf }

// Cap returns the size of the buffer in memory.
func (w *Writer) Cap() int { return cap(w.buf) }

// Overflowed reports whether the replies exceeded their bounds. They are lost
// then, further writes do nothing, and the client must be disconnected.
func (w *Writer) Overflowed() bool { return w.overflow }

// Truncate removes everything after the first n bytes.
func (w *Writer) Truncate(n int) {
	if !w.overflow {
		w.buf = w.buf[:n]
	}
}

// Reset empties the buffer. It keeps the memory unless it is large.
func (w *Writer) Reset() {
	if cap(w.buf) > KeptBufferBytes {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	w.memory.Release()
}

// Take empties the Writer and returns the encoded replies, nil if there are
// none. The caller owns them.
func (w *Writer) Take() []byte {
	b := w.buf
	w.buf = nil
	return b
}

// reserve reports whether n more bytes may be written.
func (w *Writer) reserve(n int) bool {
	size := int64(len(w.buf) + n)
	if !w.bounded || size <= max(freeReplyBytes, w.memory.held) && !w.overflow {
		return true
	}
	if !w.overflow && size <= maxReplyBytes && w.memory.Resize(min(2*size, maxReplyBytes)) {
		return true
	}
	w.overflow, w.buf = true, nil
	return false
}

func (w *Writer) header(kind byte, n int) {
	if !w.reserve(maxNumberBytes) {
		return
	}
	w.buf = strconv.AppendInt(append(w.buf, kind), int64(n), 10)
	w.buf = append(w.buf, '\r', '\n')
}

// arrayOr writes the header of an array of n2 elements, or in RESP3 that of
// another type with n3 elements.
func (w *Writer) arrayOr(n2 int, kind3 byte, n3 int) {
	if w.RESP3 {
		w.header(kind3, n3)
	} else {
		w.header('*', n2)
	}
}

// Array starts an array of n elements.
func (w *Writer) Array(n int) { w.header('*', n) }

// Map starts a map of n pairs. RESP2 gets an array of 2n elements.
func (w *Writer) Map(n int) { w.arrayOr(2*n, '%', n) }

// Pairs starts n key-value pairs, each of which Pair must start. RESP3 gets a
// map, RESP2 an array of arrays.
func (w *Writer) Pairs(n int) { w.arrayOr(n, '%', n) }

// Pair starts one entry of Pairs, which has n elements in RESP2.
func (w *Writer) Pair(n int) {
	if !w.RESP3 {
		w.header('*', n)
	}
}

// Set starts a set of n elements. RESP2 gets an array.
func (w *Writer) Set(n int) { w.arrayOr(n, '~', n) }

// Push starts an out-of-band message of n elements. RESP2 gets an array.
func (w *Writer) Push(n int) { w.arrayOr(n, '>', n) }

// Simple writes a simple string.
func (w *Writer) Simple(s string) { w.line('+', s) }

// OK writes the usual reply to a command that succeeded.
func (w *Writer) OK() { w.Simple("OK") }

// Error writes an error reply.
func (w *Writer) Error(text Error) { w.line('-', string(text)) }

// line replaces CR and LF, because the text can contain what a client sent.
func (w *Writer) line(kind byte, text string) {
	if !w.reserve(len(text) + 3) {
		return
	}
	w.buf = append(w.buf, kind)
	for i := range len(text) {
		c := text[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		w.buf = append(w.buf, c)
	}
	w.buf = append(w.buf, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) {
	if !w.reserve(maxNumberBytes) {
		return
	}
	w.buf = strconv.AppendInt(append(w.buf, ':'), n, 10)
	w.buf = append(w.buf, '\r', '\n')
}

// Bool writes 1 or 0.
func (w *Writer) Bool(b bool) {
	if b {
		w.Int(1)
	} else {
		w.Int(0)
	}
}

// Bulk writes a string.
func (w *Writer) Bulk(s string) {
	if w.reserve(len(s) + maxNumberBytes) {
		w.header('$', len(s))
		w.buf = append(append(w.buf, s...), '\r', '\n')
	}
}

// BulkBytes writes a string.
func (w *Writer) BulkBytes(b []byte) {
	if w.reserve(len(b) + maxNumberBytes) {
		w.header('$', len(b))
		w.buf = append(append(w.buf, b...), '\r', '\n')
	}
}

// Bulks writes an array of strings.
func (w *Writer) Bulks(list []string) {
	w.Array(len(list))
	for _, s := range list {
		w.Bulk(s)
	}
}

// BulkSet writes a set of strings.
func (w *Writer) BulkSet(list []string) {
	w.Set(len(list))
	for _, s := range list {
		w.Bulk(s)
	}
}

// Null writes a null in the place of a string.
func (w *Writer) Null() { w.null("$-1\r\n") }

// NullArray writes a null in the place of an array.
func (w *Writer) NullArray() { w.null("*-1\r\n") }

// null writes a null, for which RESP2 has two forms.
func (w *Writer) null(resp2 string) {
	if !w.reserve(len(resp2)) {
		return
	}
	if w.RESP3 {
		w.buf = append(w.buf, "_\r\n"...)
	} else {
		w.buf = append(w.buf, resp2...)
	}
}

// SampleValue writes the value of a sample as RedisTimeSeries does: a simple
// string in RESP2, a double in RESP3.
func (w *Writer) SampleValue(v float64) {
	if !w.reserve(maxNumberBytes) {
		return
	}
	if w.RESP3 {
		w.buf = AppendDouble(append(w.buf, ','), v)
	} else {
		w.buf = AppendSampleValue(append(w.buf, '+'), v)
	}
	w.buf = append(w.buf, '\r', '\n')
}

// Double writes a number as Redis itself does: a string in RESP2.
func (w *Writer) Double(v float64) {
	if w.RESP3 {
		w.SampleValue(v)
	} else {
		w.Bulk(string(AppendDouble(nil, v)))
	}
}

// Verbatim writes a text for people. RESP2 gets a string.
func (w *Writer) Verbatim(s string) {
	if !w.RESP3 {
		w.Bulk(s)
		return
	}
	if !w.reserve(len(s) + maxNumberBytes) {
		return
	}
	w.header('=', len(s)+len("txt:"))
	w.buf = append(append(append(w.buf, "txt:"...), s...), '\r', '\n')
}

// NamedInt writes a pair of a name and an integer, as INFO commands of modules
// do.
func (w *Writer) NamedInt(name string, n int64) {
	w.Simple(name)
	w.Int(n)
}

// NamedText writes a pair of a name and a text.
func (w *Writer) NamedText(name, text string) {
	w.Simple(name)
	w.Simple(text)
}

// NamedDouble writes a pair of a name and a number.
func (w *Writer) NamedDouble(name string, v float64) {
	w.Simple(name)
	w.Double(v)
}
