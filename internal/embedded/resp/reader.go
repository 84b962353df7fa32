package resp

import (
	"bytes"
	"errors"
	"io"
)

// Limits of one command. A declared length allocates nothing: the buffer grows
// only as bytes arrive, and never beyond MaxCommandBytes.
const (
	// MaxCommandBytes is the largest size of a command, and of one argument.
	MaxCommandBytes = 32 << 20
	// KeptBufferBytes is the largest buffer that is kept for the next command.
	KeptBufferBytes = 1 << 20

	maxArguments       = 1 << 18
	maxInlineBytes     = 64 << 10
	maxLengthLineBytes = 32
	readBufferBytes    = 16 << 10

	// Redis has the same limits for clients that have not authenticated.
	maxArgumentsUnauthenticated = 10
	maxBulkBytesUnauthenticated = 16 << 10
)

// ProtocolError describes malformed input. The server answers it and closes the
// connection.
type ProtocolError string

// Error returns the text of the error reply.
func (e ProtocolError) Error() string { return "ERR Protocol error: " + string(e) }

// ErrHTTP is returned for an HTTP request: a web page can make a browser send
// one to a local port.
var ErrHTTP = errors.New("HTTP request on a Redis port")

// span is a part of the current command, as offsets from its first byte.
type span struct{ from, to int }

// Reader parses commands out of one buffer, which it reuses. It keeps offsets
// instead of slices while a command is incomplete, because the buffer may move.
type Reader struct {
	// Authenticated lifts the limits for unknown clients.
	Authenticated bool
	// BeforeRead runs before each read, which may block. The server flushes its
	// replies here.
	BeforeRead func()
	// Memory accounts for the buffer beyond its first size.
	Memory Lease

	source    io.Reader
	buf       []byte
	start     int // first byte of the current command
	pos       int // next byte to parse
	end       int // end of the bytes that were read
	spans     []span
	arguments [][]byte
}

// NewReader returns a Reader of the commands in source.
func NewReader(source io.Reader) *Reader {
	return &Reader{source: source, buf: make([]byte, readBufferBytes), Authenticated: true, BeforeRead: func() {}}
}

// Next returns the next command. Its arguments are valid until the following
// call. The error is a ProtocolError, ErrHTTP or one of the source.
func (r *Reader) Next() ([][]byte, error) {
	for {
		r.dropCommand()
		if r.pos == r.end {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		var err error
		if r.buf[r.pos] == '*' {
			err = r.parseArray()
		} else {
			err = r.parseInline()
		}
		if err != nil {
			return nil, err
		}
		if len(r.spans) > 0 { // Redis ignores "*0", "*-1" and an empty line
			return r.collectArguments(), nil
		}
	}
}

// ReadAhead reads once into the free part of the buffer, while a command still
// uses its arguments. It reports whether there is room to read more.
func (r *Reader) ReadAhead() (more bool, err error) {
	if r.end == len(r.buf) {
		return false, nil
	}
	n, err := r.source.Read(r.buf[r.end:])
	r.end += n
	return r.end < len(r.buf), err
}

// Discard reads and drops input until it has dropped limit bytes or the source
// returns an error. The Reader is unusable afterwards.
func (r *Reader) Discard(limit int) {
	for dropped := 0; dropped < limit; {
		n, err := r.source.Read(r.buf)
		dropped += n
		if err != nil {
			return
		}
	}
}

// dropCommand forgets the command that was returned last.
func (r *Reader) dropCommand() {
	r.start, r.spans = r.pos, r.spans[:0]
	if r.pos == r.end {
		r.start, r.pos, r.end = 0, 0, 0
		if len(r.buf) > KeptBufferBytes {
			r.buf, r.spans, r.arguments = make([]byte, readBufferBytes), nil, nil
			r.Memory.Release()
		}
	}
}

func (r *Reader) collectArguments() [][]byte {
	r.arguments = r.arguments[:0]
	for _, s := range r.spans {
		from, to := r.start+s.from, r.start+s.to
		r.arguments = append(r.arguments, r.buf[from:to:to])
	}
	return r.arguments
}

// fill reads at least one more byte. It moves or grows the buffer for it.
func (r *Reader) fill() error {
	if r.end == len(r.buf) {
		if err := r.makeRoom(); err != nil {
			return err
		}
	}
	r.BeforeRead()
	for tries := 0; tries < 100; tries++ {
		n, err := r.source.Read(r.buf[r.end:])
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

func (r *Reader) makeRoom() error {
	used := r.end - r.start
	if used >= MaxCommandBytes {
		return ProtocolError("command too large")
	}
	target := r.buf
	if used > len(r.buf)/2 {
		size := min(2*len(r.buf), MaxCommandBytes)
		if !r.Memory.Resize(int64(size)) {
			return ProtocolError("too much memory in the buffers of all clients")
		}
		target = make([]byte, size)
	}
	copy(target, r.buf[r.start:r.end])
	r.buf, r.pos, r.end, r.start = target, r.pos-r.start, used, 0
	return nil
}

// parseLine returns the next line without CRLF.
func (r *Reader) parseLine(limit int, tooLong ProtocolError) (span, error) {
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

// parseLength reads "*3" or "$5" and returns the number.
func (r *Reader) parseLength(tooLong, invalid ProtocolError) (int64, error) {
	s, err := r.parseLine(maxLengthLineBytes, tooLong)
	if err != nil {
		return 0, err
	}
	n, ok := ParseInt(r.buf[r.start+s.from+1 : r.start+max(s.to, s.from+1)])
	if !ok {
		return 0, invalid
	}
	return n, nil
}

func (r *Reader) parseArray() error {
	const invalid = ProtocolError("invalid multibulk length")
	n, err := r.parseLength("too big mbulk count string", invalid)
	if err != nil {
		return err
	}
	if n > maxArguments {
		return invalid
	}
	if !r.Authenticated && n > maxArgumentsUnauthenticated {
		return ProtocolError("unauthenticated multibulk length")
	}
	for ; n > 0; n-- {
		if err := r.parseBulk(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) parseBulk() error {
	const invalid = ProtocolError("invalid bulk length")
	if r.pos == r.end {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if c := r.buf[r.pos]; c != '$' {
		return ProtocolError("expected '$', got '" + printable(c) + "'")
	}
	n, err := r.parseLength("too big bulk count string", invalid)
	if err != nil {
		return err
	}
	if n < 0 || n > MaxCommandBytes {
		return invalid
	}
	if !r.Authenticated && n > maxBulkBytesUnauthenticated {
		return ProtocolError("unauthenticated bulk length")
	}
	for r.end-r.pos < int(n)+2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	from := r.pos - r.start
	r.spans = append(r.spans, span{from, from + int(n)})
	r.pos += int(n) + 2 // Redis does not check these two bytes either
	return nil
}

func printable(c byte) string {
	if c < ' ' || c > '~' {
		return "?"
	}
	return string(rune(c))
}
