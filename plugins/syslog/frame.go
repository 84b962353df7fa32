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
	smallBuffer = 4 << 10
	readAhead   = 64 << 10 // of a busy stream
	maxCount    = 9        // digits of a length, so that it fits 32 bits
)

// errFraming is the error of a stream that is not framed as configured.
var errFraming = errors.New("the stream has no length where one must be; framing: auto takes both kinds")

// frames divides a stream into messages. It truncates messages to max bytes and skips their rest, which bounds the memory for a
// sender.
type frames struct {
	framing Framing
	trailer byte
	max     int

	buf        []byte
	start, end int  // the unread part of buf
	last       int  // bytes of the last read
	skip       int  // bytes left to skip of a truncated message
	skipLine   bool // skip up to the next trailer

	endsWithNUL bool // as an earlier message did
}

// next returns the next message if it is complete, and whether it was truncated. It is valid until the next call of fill.
func (f *frames) next() (message []byte, cut, ok bool, err error) {
	for {
		if !f.skipped() {
			return nil, false, false, nil
		}
		f.trim()
		data := f.buf[f.start:f.end]
		if strings.HasPrefix(bom.Mark, string(data)) { // nothing, or a part of the mark
			return nil, false, false, nil
		}
		count, header, known := f.count(data)
		switch {
		case !known:
			return nil, false, false, nil
		case header == 0 && f.framing == OctetCounting:
			return nil, false, false, errFraming
		case header > 0:
			message, cut, ok = f.counted(data[header:], count, header)
		default:
			message, cut, ok = f.line(data)
		}
		if !ok || len(message) > 0 {
			return message, cut, ok, nil
		}
	}
}

// skipped skips the rest of a truncated message. It reports false if more of it is to come.
func (f *frames) skipped() bool {
	n := min(f.skip, f.end-f.start)
	f.start += n
	f.skip -= n
	if f.skipLine {
		at, rest := f.trailerIn(f.buf[f.start:f.end])
		if at < 0 {
			f.start += rest
			return false
		}
		f.start += at
		f.skipLine = false
	}
	return f.skip == 0
}

// trailerIn returns where a message without a length ends, or -1. In that case the data from rest on must be searched again
// together with what follows.
//
// RFC 6587, section 3.4.2 allows trailers other than LF, of which NUL is common (Python's SysLogHandler). With automatic framing
// a NUL before a priority ends a message, and from then on every NUL of the stream does.
func (f *frames) trailerIn(data []byte) (at, rest int) {
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
	const most = len("<191>")
	for i, c := range text[:min(len(text), most)] {
		switch {
		case i == 0 && c == '<', i > 0 && i < most-1 && isDigit(c):
		case i > 1 && c == '>':
			return true, true
		default:
			return false, true
		}
	}
	return false, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// mayBeWhole reports whether the data ends with a NUL. If nothing follows soon, it is a complete message.
func (f *frames) mayBeWhole() bool {
	return f.framing == AutoFraming && f.trailer == '\n' && f.end > f.start && f.buf[f.end-1] == 0 && f.buf[f.start] == '<' && !f.skipLine
}

// settle treats the data as a complete message.
func (f *frames) settle() { f.endsWithNUL = true }

// trim drops what may separate messages. Some senders add a newline to the trailer, and some programs on Windows begin a stream
// with a byte order mark.
func (f *frames) trim() {
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

// count parses the length before a message. Header is 0 if there is none. Known is false if more data is needed to decide.
func (f *frames) count(data []byte) (count, header int, known bool) {
	if f.framing == NonTransparent || data[0] < '1' || data[0] > '9' {
		return 0, 0, true
	}
	i := 0
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9'; i++ {
		if i == maxCount {
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

// counted returns a message whose length is known.
func (f *frames) counted(data []byte, count, header int) (message []byte, cut, ok bool) {
	n := min(count, f.max)
	if len(data) < n {
		return nil, false, false
	}
	f.start += header + n
	f.skip = count - n
	return data[:n], n < count, true
}

// line returns a message that ends with the trailer.
func (f *frames) line(data []byte) (message []byte, cut, ok bool) {
	const ahead = len("<191>")
	at, rest := f.trailerIn(data[:min(len(data), f.max+1+ahead)])
	switch {
	case at >= 0 && at <= f.max:
		f.start += at + 1
		return data[:at], false, true
	case len(data) > f.max && (at >= 0 || rest > f.max || len(data) > f.max+ahead):
		f.start += f.max
		f.skipLine = true
		return data[:f.max], true, true
	}
	return nil, false, false
}

// rest returns what is left at the end of a stream: a message without trailer, or the beginning of a message.
func (f *frames) rest() (message []byte, cut bool) {
	if !f.skipped() {
		return nil, false
	}
	f.trim()
	data := f.buf[f.start:f.end]
	f.start = f.end
	if len(data) == 0 {
		return nil, false
	}
	if _, header, known := f.count(data); known && header > 0 {
		return data[header:], true
	}
	return data[:min(len(data), f.max)], len(data) > f.max
}

// pending reports whether a message is incomplete.
func (f *frames) pending() bool { return f.end > f.start || f.skip > 0 || f.skipLine }

// fill reads once. The buffer grows with the stream, up to the size of a message.
func (f *frames) fill(r io.Reader) error {
	f.makeRoom()
	n, err := r.Read(f.buf[f.end:])
	f.end += n
	f.last = n
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
	case full && len(f.buf) < max(readAhead, f.max+maxCount+2): // a busy stream: read more at once
		f.resize(min(2*len(f.buf), max(readAhead, f.max+maxCount+2)))
	case left == 0 && f.last < smallBuffer && len(f.buf) > smallBuffer:
		f.buf = make([]byte, smallBuffer)
	}
}

func (f *frames) resize(size int) {
	buf := make([]byte, size)
	copy(buf, f.buf[:f.end])
	f.buf = buf
}
