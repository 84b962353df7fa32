package redisconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxArray limits the length that a reply may announce. No command that we write has more arguments.
	maxArray = 1 << 14

	// maxRefusal is how many bytes of an error reply are kept. There may be one for each of many commands.
	maxRefusal = 1 << 10
)

var errLine = errors.New("read reply: line without its end")

// Reader reads replies of RESP2 without allocating. It knows the types with which writing commands are answered.
type Reader struct{ br *bufio.Reader }

// NewReader reads replies from r.
func NewReader(r io.Reader) *Reader { return &Reader{bufio.NewReaderSize(r, 64<<10)} }

// Line reads one line and returns its type byte and the rest. The text is valid until the next read.
func (r *Reader) Line() (kind byte, text []byte, err error) {
	line, err := r.br.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			err = errLine
		}
		return 0, nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return 0, nil, errLine
	}
	kind, text = line[0], line[1:len(line)-2]
	if kind == '-' && len(text) > maxRefusal {
		text = text[:maxRefusal]
	}
	return kind, text, nil
}

// Array reads the head of an array and returns its length. It returns an error reply as a [ServerError], after which the stream is in
// order.
func (r *Reader) Array() (int, error) {
	kind, text, err := r.Line()
	switch {
	case err != nil:
		return 0, err
	case kind == '-':
		return 0, ServerError(text)
	case kind != '*':
		return 0, fmt.Errorf("read reply: %q where an array should be", kind)
	}
	n, err := strconv.Atoi(string(text)) // the string does not escape, so it is not allocated
	if err != nil || n < 0 || n > maxArray {
		return 0, errors.New("read reply: array of impossible length")
	}
	return n, nil
}

// Item reads an integer, a status or an error. refusal is the text of the error, valid until the next read; it is nil for the other
// types.
func (r *Reader) Item() (refusal []byte, err error) {
	kind, text, err := r.Line()
	switch {
	case err != nil:
		return nil, err
	case kind == '-':
		return bytes.TrimSpace(text), nil
	case kind != ':' && kind != '+':
		return nil, fmt.Errorf("read reply: %q where an integer should be", kind)
	}
	return nil, nil
}
