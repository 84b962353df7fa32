package sysloginput

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/rtcollector/rtcollector/internal/bom"
)

// Framing is how a stream is divided into messages: RFC 6587.
type Framing string

// The framings.
const (
	AutoFraming    Framing = "auto"            // detected for each message
	OctetCounting  Framing = "octet-counting"  // "<length> <message>"
	NonTransparent Framing = "non-transparent" // a trailer ends the message
)

const (
	smallBuffer    = 4 << 10
	readAhead      = 64 << 10 // size of the buffer of a busy stream
	maxCountDigits = 9        // so that a length fits into 32 bits
)

// errFraming is the error of a stream that is not framed as configured.
var errFraming = errors.New("the message does not begin with its length: use framing: auto, which accepts both kinds")

// frames divides a stream into messages. It truncates messages to maxMessage bytes and skips their rest, which bounds the memory for a
// sender.
type frames struct {
	framing    Framing
	trailer    byte
	maxMessage int

	buf        []byte
	start, end int  // the unread part of buf
	lastRead   int  // bytes of the last read
	skipBytes  int  // bytes left to skip of a truncated message
	skipLine   bool // skip up to the next trailer

	endsWithNUL bool // an earlier message ended with NUL
}

// nextMessage returns the next message if it is complete, and whether it was truncated. It is valid until the next call of readMore.
func (f *frames) nextMessage() (message []byte, cut, ok bool, err error) {
	for {
		if !f.skipTruncated() {
			return nil, false, false, nil
		}
		f.trimSeparators()
		data := f.buf[f.start:f.end]
		if strings.HasPrefix(bom.Mark, string(data)) { // nothing, or a part of the mark
			return nil, false, false, nil
		}
		count, header, known := f.parseCount(data)
		switch {
		case !known:
			return nil, false, false, nil
		case header == 0 && f.framing == OctetCounting:
			return nil, false, false, errFraming
		case header > 0:
			message, cut, ok = f.takeCounted(data[header:], count, header)
		default:
			message, cut, ok = f.takeLine(data)
		}
		if !ok || len(message) > 0 {
			return message, cut, ok, nil
		}
	}
}

// skipTruncated skips the rest of a truncated message. It returns false if more of it must follow.
func (f *frames) skipTruncated() bool {
	n := min(f.skipBytes, f.end-f.start)
	f.start += n
	f.skipBytes -= n
	if f.skipLine {
		at, rest := f.findTrailer(f.buf[f.start:f.end])
		if at < 0 {
			f.start += rest
			return false
		}
		f.start += at
		f.skipLine = false
	}
	return f.skipBytes == 0
}

// findTrailer returns where a message without a length ends, or -1. In that case the data from rest on must be searched again
// together with what follows.
//
// RFC 6587, section 3.4.2 allows trailers other than LF, of which NUL is common (Python's SysLogHandler). With automatic framing
// a NUL before a priority ends a message, and from then on every NUL of the stream does.
func (f *frames) findTrailer(data []byte) (at, rest int) {
	end := bytes.IndexByte(data, f.trailer)
	if f.framing != AutoFraming || f.trailer != '\n' {
		return end, len(data)
	}
	line := data
	if end >= 0 {
		line = data[:end]
	}
	for from := 0; ; from++ {
		next := bytes.IndexByte(line[from:], 0)
		if next < 0 {
			return end, len(data)
		}
		from += next
		is, known := isPriority(data[from+1:])
		switch {
		case is, f.endsWithNUL:
			f.endsWithNUL = true
			return from, from
		case !known:
			return end, from
		}
	}
}

// isPriority reports whether text begins with a priority such as "<13>". Known is false if text is too short to decide.
func isPriority(text []byte) (is, known bool) {
	const maxLen = len("<191>")
	for i, c := range text[:min(len(text), maxLen)] {
		switch {
		case i == 0 && c == '<', i > 0 && i < maxLen-1 && isDigit(c):
		case i > 1 && c == '>':
			return true, true
		default:
			return false, true
		}
	}
	return false, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// mayBeComplete reports whether the data ends with a NUL. If nothing follows soon, it is a complete message.
func (f *frames) mayBeComplete() bool {
	return f.framing == AutoFraming && f.trailer == '\n' && f.end > f.start && f.buf[f.end-1] == 0 && f.buf[f.start] == '<' && !f.skipLine
}

// completeMessage treats the data as a complete message.
func (f *frames) completeMessage() { f.endsWithNUL = true }

// trimSeparators drops what may separate messages. Some senders add a newline to the trailer, and some programs on Windows begin a stream
// with a byte order mark.
func (f *frames) trimSeparators() {
	for f.start < f.end {
		if bytes.HasPrefix(f.buf[f.start:f.end], []byte(bom.Mark)) {
			f.start += len(bom.Mark)
			continue
		}
		switch f.buf[f.start] {
		case '\n', '\r', 0, ' ':
			f.start++
		default:
			return
		}
	}
}

// parseCount parses the length before a message. Header is 0 if there is none. Known is false if more data is needed to decide.
func (f *frames) parseCount(data []byte) (count, header int, known bool) {
	if f.framing == NonTransparent || data[0] < '1' || data[0] > '9' {
		return 0, 0, true
	}
	i := 0
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9'; i++ {
		if i == maxCountDigits {
			return 0, 0, true
		}
		count = 10*count + int(data[i]-'0')
	}
	switch {
	case i == len(data):
		return 0, 0, false
	case data[i] != ' ':
		return 0, 0, true
	case f.framing == OctetCounting:
		return count, i + 1, true
	case i+1 == len(data):
		return 0, 0, false
	case data[i+1] != '<': // a line that begins with a number
		return 0, 0, true
	}
	return count, i + 1, true
}

// takeCounted returns a message whose length is known.
func (f *frames) takeCounted(data []byte, count, header int) (message []byte, cut, ok bool) {
	n := min(count, f.maxMessage)
	if len(data) < n {
		return nil, false, false
	}
	f.start += header + n
	f.skipBytes = count - n
	return data[:n], n < count, true
}

// takeLine returns a message that ends with the trailer.
func (f *frames) takeLine(data []byte) (message []byte, cut, ok bool) {
	const ahead = len("<191>")
	at, rest := f.findTrailer(data[:min(len(data), f.maxMessage+1+ahead)])
	switch {
	case at >= 0 && at <= f.maxMessage:
		f.start += at + 1
		return data[:at], false, true
	case len(data) > f.maxMessage && (at >= 0 || rest > f.maxMessage || len(data) > f.maxMessage+ahead):
		f.start += f.maxMessage
		f.skipLine = true
		return data[:f.maxMessage], true, true
	}
	return nil, false, false
}

// takeRest returns what is left at the end of a stream: a message without trailer, or the beginning of a message.
func (f *frames) takeRest() (message []byte, cut bool) {
	if !f.skipTruncated() {
		return nil, false
	}
	f.trimSeparators()
	data := f.buf[f.start:f.end]
	f.start = f.end
	if len(data) == 0 {
		return nil, false
	}
	if _, header, known := f.parseCount(data); known && header > 0 {
		return data[header:], true
	}
	return data[:min(len(data), f.maxMessage)], len(data) > f.maxMessage
}

// isPending reports whether a message is incomplete.
func (f *frames) isPending() bool { return f.end > f.start || f.skipBytes > 0 || f.skipLine }

// readMore reads once. The buffer grows with the stream, up to the size of a message.
func (f *frames) readMore(r io.Reader) error {
	f.makeRoom()
	n, err := r.Read(f.buf[f.end:])
	f.end += n
	f.lastRead = n
	if n > 0 {
		return nil // the error is reported by next
	}
	return err
}

func (f *frames) makeRoom() {
	left := f.end - f.start
	full := f.end == len(f.buf)
	if f.start > 0 {
		copy(f.buf, f.buf[f.start:f.end])
		f.start, f.end = 0, left
	}
	switch {
	case len(f.buf) == 0:
		f.buf = make([]byte, smallBuffer)
	case full && len(f.buf) < max(readAhead, f.maxMessage+maxCountDigits+2): // a busy stream: read more at once
		f.resizeBuffer(min(2*len(f.buf), max(readAhead, f.maxMessage+maxCountDigits+2)))
	case left == 0 && f.lastRead < smallBuffer && len(f.buf) > smallBuffer:
		f.buf = make([]byte, smallBuffer)
	}
}

func (f *frames) resizeBuffer(size int) {
	buf := make([]byte, size)
	copy(buf, f.buf[:f.end])
	f.buf = buf
}
