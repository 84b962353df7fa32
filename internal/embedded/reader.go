package embedded

import (
	"bytes"
	"errors"
	"io"
)

// Limits of one command. A declared length costs nothing: memory is taken only
// as bytes arrive, and never beyond maxCommandBytes per connection.
const (
	maxArgs         = 1 << 18
	maxCommandBytes = 32 << 20
	maxInlineBytes  = 64 << 10
	maxLengthLine   = 32
	// Redis' own limits for clients that have not authenticated.
	maxArgsUnauthenticated = 10
	maxBulkUnauthenticated = 16 << 10

	readBufferBytes = 16 << 10
	// A buffer that one huge command made large is dropped afterwards.
	keepBufferBytes = 1 << 20
)

// protocolError is answered to the client before its connection is closed.
type protocolError string

func (e protocolError) Error() string { return "ERR Protocol error: " + string(e) }

// errCrossProtocol: a web browser was talked into sending HTTP to us.
var errCrossProtocol = errors.New("HTTP request on a Redis port")

type span struct{ from, to int }

// reader parses commands out of one buffer, which it reuses. It keeps offsets,
// not slices, while a command is incomplete, because the buffer may move.
type reader struct {
	src     io.Reader
	buf     []byte
	start   int // first byte of the current command
	pos     int // next byte to parse
	end     int // end of what was read
	spans   []span
	args    [][]byte
	trusted bool
	// beforeRead runs before each read, which may wait: replies to complete
	// commands must not wait for the rest of an incomplete one.
	beforeRead func()
	mem        lease // what buf takes beyond its first size; without a budget it is free
}

func newReader(src io.Reader) *reader {
	return &reader{src: src, buf: make([]byte, readBufferBytes), trusted: true, beforeRead: func() {}}
}

// next returns the next command; its arguments are valid until the following
// call. Errors are protocolError, errCrossProtocol or those of the connection.
func (r *reader) next() ([][]byte, error) {
	for {
		r.release()
		if r.pos == r.end {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		var err error
		if r.buf[r.pos] == '*' {
			err = r.multibulk()
		} else {
			err = r.inline()
		}
		if err != nil {
			return nil, err
		}
		if len(r.spans) > 0 { // Redis ignores "*0", "*-1" and an empty line
			return r.materialize(), nil
		}
	}
}

func (r *reader) release() {
	r.start, r.spans = r.pos, r.spans[:0]
	if r.pos == r.end {
		r.start, r.pos, r.end = 0, 0, 0
		if len(r.buf) > keepBufferBytes {
			r.buf, r.spans, r.args = make([]byte, readBufferBytes), nil, nil
			r.mem.resize(0)
		}
	}
}

func (r *reader) materialize() [][]byte {
	r.args = r.args[:0]
	for _, s := range r.spans {
		from, to := r.start+s.from, r.start+s.to
		r.args = append(r.args, r.buf[from:to:to])
	}
	return r.args
}

// fill reads at least one more byte, making room by moving or growing.
func (r *reader) fill() error {
	if r.end == len(r.buf) {
		if err := r.makeRoom(); err != nil {
			return err
		}
	}
	r.beforeRead()
	for tries := 0; tries < 100; tries++ {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (r *reader) makeRoom() error {
	used := r.end - r.start
	if used >= maxCommandBytes {
		return protocolError("command too large")
	}
	target := r.buf
	if used > len(r.buf)/2 {
		size := min(2*len(r.buf), maxCommandBytes)
		if r.mem.from != nil && !r.mem.resize(int64(size)) {
			return protocolError("too much memory in the buffers of all clients")
		}
		target = make([]byte, size)
	}
	copy(target, r.buf[r.start:r.end])
	r.buf, r.pos, r.end, r.start = target, r.pos-r.start, used, 0
	return nil
}

// line returns the offsets, relative to start, of the next line without CRLF.
func (r *reader) line(limit int, tooLong protocolError) (span, error) {
	scanned := 0
	for {
		if i := bytes.IndexByte(r.buf[r.pos+scanned:r.end], '\n'); i >= 0 {
			if scanned+i > limit {
				return span{}, tooLong
			}
			from := r.pos - r.start
			to := from + scanned + i
			r.pos += scanned + i + 1
			if to > from && r.buf[r.start+to-1] == '\r' {
				to--
			}
			return span{from, to}, nil
		}
		scanned = r.end - r.pos
		if scanned > limit {
			return span{}, tooLong
		}
		if err := r.fill(); err != nil {
			return span{}, err
		}
	}
}

func (r *reader) length(tooLong, invalid protocolError) (int64, error) {
	s, err := r.line(maxLengthLine, tooLong)
	if err != nil {
		return 0, err
	}
	n, ok := parseInt(r.buf[r.start+s.from+1 : r.start+max(s.to, s.from+1)])
	if !ok {
		return 0, invalid
	}
	return n, nil
}

func (r *reader) multibulk() error {
	const invalid = protocolError("invalid multibulk length")
	n, err := r.length("too big mbulk count string", invalid)
	if err != nil {
		return err
	}
	if n > maxArgs {
		return invalid
	}
	if !r.trusted && n > maxArgsUnauthenticated {
		return protocolError("unauthenticated multibulk length")
	}
	for ; n > 0; n-- {
		if err := r.bulk(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) bulk() error {
	const invalid = protocolError("invalid bulk length")
	if r.pos == r.end {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if c := r.buf[r.pos]; c != '$' {
		return protocolError("expected '$', got '" + printable(c) + "'")
	}
	n, err := r.length("too big bulk count string", invalid)
	if err != nil {
		return err
	}
	if n < 0 || n > maxCommandBytes {
		return invalid
	}
	if !r.trusted && n > maxBulkUnauthenticated {
		return protocolError("unauthenticated bulk length")
	}
	for r.end-r.pos < int(n)+2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	from := r.pos - r.start
	r.spans = append(r.spans, span{from, from + int(n)})
	r.pos += int(n) + 2 // Redis does not look at the two bytes either
	return nil
}

func printable(c byte) string {
	if c < ' ' || c > '~' {
		return "?"
	}
	return string(rune(c))
}
