package guard

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
)

const (
	// maxDepth is how deep arrays and maps may be nested. Redis nests seven deep (COMMAND, FT.PROFILE); decoders recurse.
	maxDepth = 32

	// maxLine is the longest line in bytes. Long texts are bulk strings; only error texts of scripts exceed a kilobyte. It fits
	// into the buffer of go-redis, which copies longer ones several times.
	maxLine = 16 << 10

	// maxAttributes is how many attributes may precede a reply. We ask for none; decoders recurse over them.
	maxAttributes = 16

	// elementCost is what an element takes in memory beside its bytes: a slot of a slice or map, and a boxed header.
	elementCost = 64
)

// ErrNotRESP means that the peer does not speak the protocol of Redis.
var ErrNotRESP = errors.New("it does not speak the protocol of Redis")

// RESP is a connection to a Redis whose replies are checked before they are handed on. What has been read since the last
// write may take a limited amount of memory, counted as its bytes and 64 for each element. A header that announces more
// ends the connection: the reader never sees it. RESP2 and RESP3 are known, but for streamed types, which Redis does not send
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
//
// One goroutine may read while another writes.
type RESP struct {
	net.Conn
	limit int64

	written  atomic.Bool // since the last read
	released atomic.Bool
	err      error // ends all reading

	cost      int64
	bulk       int64        // bytes of a bulk string that are still to come, with its end
	openArrays       []int64      // elements that are still to come, of each open array
	attributes int          // of the current reply
	partialLine       bytes.Buffer // the beginning of a line whose end has not been read
	refusal    string
}

// NewRESP guards a connection. The limit is in bytes of memory between two requests.
func NewRESP(conn net.Conn, limit int64) *RESP { return &RESP{Conn: conn, limit: limit} }

// NetConn returns the connection below.
func (r *RESP) NetConn() net.Conn { return r.Conn }

// Release ends the checks: from now on the caller reads the protocol itself and bounds what it takes.
func (r *RESP) Release() { r.released.Store(true) }

// Refusal returns the last reply if it was an error, else "".
func (r *RESP) Refusal() string { return r.refusal }

// Write implements net.Conn. It begins a new exchange.
func (r *RESP) Write(b []byte) (int, error) {
	r.written.Store(true)
	return r.Conn.Write(b)
}

// Read implements net.Conn. Bytes before a violation are handed on together with the error.
func (r *RESP) Read(b []byte) (int, error) {
	if r.released.Load() {
		return r.Conn.Read(b)
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.Conn.Read(b)
	if r.written.Swap(false) {
		r.cost = 0
	}
	if good, bad := r.scan(b[:n]); bad != nil {
		r.err = bad
		return good, bad
	}
	return n, err
}

// scan follows the protocol and returns how many bytes may be handed on, and what is wrong with the next.
func (r *RESP) scan(b []byte) (int, error) {
	for at := 0; at < len(b); {
		if r.bulk > 0 {
			n := min(r.bulk, int64(len(b)-at))
			r.bulk -= n
			at += int(n)
			if r.bulk == 0 {
				r.endElement()
			}
			continue
		}
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return r.keepPartialLine(b, at)
		}
		line := b[at : at+end+1]
		if r.partialLine.Len() > 0 {
			r.partialLine.Write(line)
			line = r.partialLine.Bytes()
		}
		if err := r.processLine(line); err != nil {
			return at, err
		}
		r.partialLine.Reset()
		at += end + 1
	}
	return len(b), nil
}

// keepPartialLine keeps a line until its end has been read.
func (r *RESP) keepPartialLine(b []byte, at int) (int, error) {
	if r.partialLine.Len()+len(b)-at > maxLine {
		return at, &LimitError{fmt.Sprintf("sends a line of more than %d bytes", maxLine)}
	}
	r.partialLine.Write(b[at:])
	if !isTypeByte(r.partialLine.Bytes()[0]) {
		return at, newNotRESPError(r.partialLine.Bytes())
	}
	return len(b), nil
}

func isTypeByte(c byte) bool { return bytes.IndexByte([]byte("+-:$*_,#(!=%~>|"), c) >= 0 }

func newNotRESPError(line []byte) error {
	return fmt.Errorf("%w: it answers %.60q", ErrNotRESP, bytes.TrimSpace(line))
}

// processLine takes a whole line.
func (r *RESP) processLine(line []byte) error {
	if len(line) < 3 || line[len(line)-2] != '\r' || !isTypeByte(line[0]) {
		return newNotRESPError(line)
	}
	if len(line) > maxLine {
		return &LimitError{fmt.Sprintf("sends a line of more than %d bytes", maxLine)}
	}
	text := line[1 : len(line)-2]
	if len(r.openArrays) == 0 {
		r.refusal = ""
		if line[0] == '-' {
			r.refusal = string(text)
		}
	}
	switch line[0] {
	case '$', '!', '=':
		return r.openBulk(line, text)
	case '*', '~', '>':
		return r.openArray(line, text, 1)
	case '%', '|':
		return r.openArray(line, text, 2)
	}
	if err := r.addCost(int64(len(line))); err != nil {
		return err
	}
	r.endElement()
	return nil
}

func (r *RESP) openBulk(line, text []byte) error {
	n, err := parseLength(line, text)
	switch {
	case err != nil:
		return err
	case n < 0: // null
		r.endElement()
		return nil
	case n > r.limit:
		return &LimitError{fmt.Sprintf("announces a text of %d bytes, more than the %d that are read", n, r.limit)}
	}
	if err := r.addCost(n); err != nil {
		return err
	}
	r.bulk = n + 2
	return nil
}

// openArray takes the header of an array of as many elements, or as many pairs.
func (r *RESP) openArray(line, text []byte, each int64) error {
	n, err := parseLength(line, text)
	isAttribute := line[0] == '|'
	switch {
	case err != nil:
		return err
	case isAttribute:
		if r.attributes++; r.attributes > maxAttributes {
			return &LimitError{fmt.Sprintf("sends more than %d attributes before a reply", maxAttributes)}
		}
	}
	switch {
	case n <= 0 && isAttribute:
		return nil
	case n <= 0:
		r.endElement()
		return nil
	case n > r.limit/elementCost/each:
		return &LimitError{fmt.Sprintf("announces %d elements, more than the %d that are read", n, r.limit/elementCost/each)}
	case len(r.openArrays) == maxDepth:
		return &LimitError{fmt.Sprintf("nests its reply more than %d deep", maxDepth)}
	}
	if isAttribute {
		n = n*each + 1 // its end is not the end of an element: the reply follows
	} else {
		n *= each
	}
	r.openArrays = append(r.openArrays, n)
	return r.addCost(n * elementCost)
}

// addCost counts memory that a reply takes.
func (r *RESP) addCost(n int64) error {
	if r.cost += n; r.cost > r.limit {
		return &LimitError{fmt.Sprintf("answers with more than the %d bytes that are read", r.limit)}
	}
	return nil
}

// endElement ends an element, and with it all arrays that it is the last of.
func (r *RESP) endElement() {
	for len(r.openArrays) > 0 {
		last := len(r.openArrays) - 1
		if r.openArrays[last]--; r.openArrays[last] > 0 {
			return
		}
		r.openArrays = r.openArrays[:last]
	}
	r.attributes = 0
}

// parseLength reads a length: digits, or -1. Nothing else that a decoder might understand in its own way is let through.
func parseLength(line, text []byte) (int64, error) {
	if string(text) == "-1" {
		return -1, nil
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, newNotRESPError(line)
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, &LimitError{fmt.Sprintf("announces a length of %.40s", text)}
	}
	if err != nil {
		return 0, newNotRESPError(line)
	}
	return n, nil
}
