package jsondoc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// string copies a string, the quotes included; its content rarely has escapes.
func (w *compactor) string() bool {
	in, start := w.in, w.at
	for at := start + 1; ; at++ {
		if at += plainPrefix(in[at:]); at >= len(in) {
			return w.mistake(msgEOFString, len(in))
		}
		c := in[at]
		if c == '"' {
			w.at = at + 1
			w.out = append(w.out, in[start:w.at]...)
			return true
		}
		if c < ' ' {
			return w.mistake(msgControlCharacter, at+1)
		}
		w.out = append(w.out, in[start:at]...)
		if w.at = at; !w.escape() {
			return false
		}
		start, at = w.at, w.at-1
	}
}

// plainPrefix is how many bytes there are before a quote, a backslash or a
// control character. It looks at eight at a time: most of a Document is text.
func plainPrefix(s []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(s[n:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		found := ((x - ' '*ones) | (quote - ones) | (slash - ones)) &^ x & tops
		// Each term borrows into a byte's top bit where the byte is too small,
		// or zero. Above that byte it may be wrong, but the lowest one counts.
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(s); n++ {
		if c := s[n]; c < ' ' || c == '"' || c == '\\' {
			return n
		}
	}
	return n
}

// escape writes the character that an escape stands for.
func (w *compactor) escape() bool {
	if w.at+1 >= len(w.in) {
		return w.mistake(msgEOFString, len(w.in))
	}
	c := w.in[w.at+1]
	w.at += 2
	switch c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		w.out = append(w.out, '\\', c)
	case '/':
		w.out = append(w.out, '/')
	case 'u':
		return w.unicode()
	default:
		return w.mistake(msgInvalidEscape, w.at)
	}
	return true
}

func (w *compactor) unicode() bool {
	r, ok := w.hex()
	if !ok {
		return false
	}
	if r >= 0xdc00 && r < 0xe000 {
		return w.mistake(msgLoneSurrogate, w.at)
	}
	if r >= 0xd800 && r < 0xdc00 {
		for _, want := range []byte(`\u`) {
			if w.at >= len(w.in) {
				return w.mistake(msgEOFString, w.at)
			}
			w.at++
			if w.in[w.at-1] != want {
				return w.mistake(msgUnexpectedEndOfEscape, w.at)
			}
		}
		low, ok := w.hex()
		if !ok {
			return false
		}
		if low < 0xdc00 || low >= 0xe000 {
			return w.mistake(msgLoneSurrogate, w.at)
		}
		r = utf16.DecodeRune(r, low)
	}
	w.out = appendRune(w.out, r)
	return true
}

func (w *compactor) hex() (rune, bool) {
	if len(w.in)-w.at < 4 {
		return 0, w.mistake(msgEOFString, len(w.in))
	}
	var r rune
	bad := false
	for _, c := range w.in[w.at : w.at+4] {
		d, ok := resp.HexDigit(c)
		bad = bad || !ok
		r = r<<4 | rune(d)
	}
	w.at += 4
	if bad {
		return 0, w.mistake(msgInvalidEscape, w.at)
	}
	return r, true
}

func appendRune(dst []byte, r rune) []byte {
	if r >= ' ' && r != '"' && r != '\\' {
		return utf8.AppendRune(dst, r)
	}
	return appendEscaped(dst, byte(r))
}

// appendEscaped escapes a byte below the blank, a quote or a backslash.
func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// appendString writes a text as a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst = appendEscaped(dst, c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Unquote returns the content of a compact JSON string, quotes included in
// raw. Without escapes that is a part of raw; else it is written behind dst.
func Unquote(dst, raw []byte) []byte {
	body := raw[1 : len(raw)-1]
	i := bytes.IndexByte(body, '\\')
	if i < 0 {
		return body
	}
	from := len(dst)
	dst = append(dst, body[:i]...)
	for ; i < len(body); i++ {
		if body[i] != '\\' {
			dst = append(dst, body[i])
			continue
		}
		i++
		switch c := body[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u': // compact text has it for control characters only
			high, _ := resp.HexDigit(body[i+3])
			low, _ := resp.HexDigit(body[i+4])
			dst = append(dst, high<<4|low)
			i += 4
		default:
			dst = append(dst, c)
		}
	}
	return dst[from:]
}
