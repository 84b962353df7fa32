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

// Reader reads replies of RESP2 without allocating. It does not know how a reply is built: the caller asks for what must come next.
type Reader struct{ br *bufio.Reader }

// maxText is the length of the longest text that a reply may contain.
const maxText = 64<<10 - 2 // with its end, it fits into the buffer

// NewReader reads replies from r.
func NewReader(r io.Reader) *Reader { return &Reader{bufio.NewReaderSize(r, maxText+2)} }

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
func (r *Reader) Array() (int, error) { return r.ArrayUpTo(maxArray) }

// ArrayUpTo is like [Reader.Array] for arrays with at most limit elements.
func (r *Reader) ArrayUpTo(limit int) (int, error) {
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
	if err != nil || n < 0 || n > limit {
		return 0, errors.New("read reply: array of impossible length")
	}
	return n, nil
}

// Text reads a string, a status or a number as text, which is valid until the next read. It is nil for a null. It returns an error reply
// as a [ServerError], after which the stream is in order.
func (r *Reader) Text() ([]byte, error) {
	kind, text, err := r.Line()
	switch {
	case err != nil:
		return nil, err
	case kind == '-':
		return nil, ServerError(text)
	case kind == '+', kind == ':':
		return text, nil
	case kind != '$':
		return nil, fmt.Errorf("read reply: %q where a text should be", kind)
	}
	n, err := strconv.Atoi(string(text))
	switch {
	case err != nil || n < -1:
		return nil, errors.New("read reply: text of impossible length")
	case n == -1:
		return nil, nil
	case n > maxText:
		return nil, fmt.Errorf("read reply: a text of %d bytes, more than the limit of %d", n, maxText)
	}
	text, err = r.br.Peek(n + 2)
	if err != nil {
		return nil, noEOF(err)
	}
	if string(text[n:]) != "\r\n" {
		return nil, errLine
	}
	_, err = r.br.Discard(n + 2)
	return text[:n], err
}

// Int reads a number. It returns an error reply as a [ServerError].
func (r *Reader) Int() (int64, error) {
	text, err := r.Text()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read reply: %.40q where a number should be", text)
	}
	return n, nil
}

// maxSkipped is how many arrays may be nested in a reply that is skipped.
const maxSkipped = 8

// Skip reads a reply of any kind and ignores it, even if it is an error.
func (r *Reader) Skip() error { return r.skip(maxSkipped) }

func (r *Reader) skip(depth int) error {
	next, err := r.br.Peek(1)
	if err != nil {
		return noEOF(err)
	}
	if next[0] != '*' {
		if _, err = r.Text(); isReply(err) {
			err = nil
		}
		return err
	}
	n, err := r.Array()
	if err == nil && depth == 0 {
		return errors.New("read reply: too many nested arrays")
	}
	for range n {
		if err = r.skip(depth - 1); err != nil {
			return err
		}
	}
	return err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
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
