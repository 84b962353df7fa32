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
	// maxDepth is the maximum nesting of arrays and maps. Redis uses seven levels (COMMAND, FT.PROFILE); decoders are recursive.
	maxDepth = 32

	// maxLine is the maximum length of a line in bytes. Long texts are bulk strings; only error texts of scripts exceed a kilobyte. Such a
	// line fits into the buffer of go-redis, which copies longer ones several times.
	maxLine = 16 << 10

	// maxAttributes is the maximum number of attributes before a reply. We request none; decoders process them recursively.
	maxAttributes = 16

	// elementCost is the memory of an element in addition to its bytes: a slot of a slice or map, and a boxed header.
	elementCost = 64
)

// ErrNotRESP means that the peer does not use the protocol of Redis.
var ErrNotRESP = errors.New("it does not use the protocol of Redis")

// RESP is a connection to a Redis that checks replies before it passes them on. It limits the memory of all data between two writes, counted
// as its bytes plus 64 for each element. A header that announces more ends the connection, and the reader does not see it. RESP supports
// RESP2 and RESP3 except streamed types, which Redis does not send (https://redis.io/docs/latest/develop/reference/protocol-spec/).
//
// One goroutine may read while another writes.
type RESP struct {
	net.Conn
	limit int64

	written  atomic.Bool // there was a write since the last read
	released atomic.Bool
	err      error // ends all reading

	cost        int64
	bulk        int64        // bytes of a bulk string that are still to come, with its end
	openArrays  []int64      // elements that are still to come, of each open array
	attributes  int          // of the current reply
	partialLine bytes.Buffer // the beginning of a line whose end has not been read
	refusal     string
}

// NewRESP returns a guarded connection. Limit is in bytes of memory between two requests.
func NewRESP(conn net.Conn, limit int64) *RESP { return &RESP{Conn: conn, limit: limit} }

// NetConn returns the underlying connection.
func (r *RESP) NetConn() net.Conn { return r.Conn }

// Release ends the checks. From now on the caller decodes the protocol itself and must limit what it reads.
func (r *RESP) Release() { r.released.Store(true) }

// Refusal returns the text of the last reply if it was an error, otherwise "".
func (r *RESP) Refusal() string { return r.refusal }

// Write implements net.Conn. It starts a new exchange.
func (r *RESP) Write(b []byte) (int, error) {
	r.written.Store(true)
	return r.Conn.Write(b)
}

// Read implements net.Conn. If the data violates a limit, it returns the bytes before the violation together with the error.
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

// scan follows the protocol. It returns how many bytes may be passed on, and an error if the next one violates a limit.
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

// keepPartialLine stores the beginning of a line until its end arrives.
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

// processLine processes a complete line.
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
		return &LimitError{fmt.Sprintf("announces a text of %d bytes, more than the limit of %d", n, r.limit)}
	}
	if err := r.addCost(n); err != nil {
		return err
	}
	r.bulk = n + 2
	return nil
}

// openArray processes the header of an array or map whose entries have the given number of elements: 1 or 2.
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
		return &LimitError{fmt.Sprintf("announces %d elements, more than the limit of %d", n, r.limit/elementCost/each)}
	case len(r.openArrays) == maxDepth:
		return &LimitError{fmt.Sprintf("nests its reply more than %d deep", maxDepth)}
	}
	if isAttribute {
		n = n*each + 1 // the reply follows the attribute and is part of the same element
	} else {
		n *= each
	}
	r.openArrays = append(r.openArrays, n)
	return r.addCost(n * elementCost)
}

// addCost adds to the memory of the current exchange.
func (r *RESP) addCost(n int64) error {
	if r.cost += n; r.cost > r.limit {
		return &LimitError{fmt.Sprintf("sends more than the limit of %d bytes", r.limit)}
	}
	return nil
}

// endElement ends an element, and also all arrays whose last element it is.
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

// parseLength parses a length: digits, or -1. It rejects other notations, which decoders may interpret differently.
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
