package jsondoc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// compactString copies a string with its quotes. Few strings have escapes.
func (w *compactor) compactString() bool {
	in, start := w.in, w.at
	for at := start + 1; ; at++ {
		if at += plainPrefix(in[at:]); at >= len(in) {
			return w.fail(msgEOFString, len(in))
		}
		c := in[at]
		if c == '"' {
			w.at = at + 1
			w.out = append(w.out, in[start:w.at]...)
			return true
		}
		if c < ' ' {
			return w.fail(msgControlCharacter, at+1)
		}
		w.out = append(w.out, in[start:at]...)
		if w.at = at; !w.compactEscape() {
			return false
		}
		start, at = w.at, w.at-1
	}
}

// plainPrefix returns the number of bytes before the first quote, backslash or
// control character. It compares eight bytes at a time, because most of a
// document is plain text.
func plainPrefix(s []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(s[n:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		found := ((x - ' '*ones) | (quote - ones) | (slash - ones)) &^ x & tops
		// Each term sets the top bit of a byte that matches. A borrow can also
		// set it in higher bytes, but the lowest one is right.
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

// compactEscape writes the character that an escape means.
func (w *compactor) compactEscape() bool {
	if w.at+1 >= len(w.in) {
		return w.fail(msgEOFString, len(w.in))
	}
	c := w.in[w.at+1]
	w.at += 2
	switch c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		w.out = append(w.out, '\\', c)
	case '/':
		w.out = append(w.out, '/')
	case 'u':
		return w.compactUnicodeEscape()
	default:
		return w.fail(msgInvalidEscape, w.at)
	}
	return true
}

func (w *compactor) compactUnicodeEscape() bool {
	r, ok := w.parseHex()
	if !ok {
		return false
	}
	if r >= 0xdc00 && r < 0xe000 {
		return w.fail(msgLoneSurrogate, w.at)
	}
	if r >= 0xd800 && r < 0xdc00 {
		for _, want := range []byte(`\u`) {
			if w.at >= len(w.in) {
				return w.fail(msgEOFString, w.at)
			}
			w.at++
			if w.in[w.at-1] != want {
				return w.fail(msgUnexpectedEndOfEscape, w.at)
			}
		}
		low, ok := w.parseHex()
		if !ok {
			return false
		}
		if low < 0xdc00 || low >= 0xe000 {
			return w.fail(msgLoneSurrogate, w.at)
		}
		r = utf16.DecodeRune(r, low)
	}
	w.out = appendRune(w.out, r)
	return true
}

func (w *compactor) parseHex() (rune, bool) {
	if len(w.in)-w.at < 4 {
		return 0, w.fail(msgEOFString, len(w.in))
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
		return 0, w.fail(msgInvalidEscape, w.at)
	}
	return r, true
}

func appendRune(dst []byte, r rune) []byte {
	if r >= ' ' && r != '"' && r != '\\' {
		return utf8.AppendRune(dst, r)
	}
	return appendEscaped(dst, byte(r))
}

// appendEscaped escapes a control character, a quote or a backslash.
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

// appendString appends a text as a JSON string.
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

// Unquote returns the content of a compact JSON string with quotes. Without
// escapes that is a part of raw; otherwise it is appended to dst.
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
		case 'u': // compact text has it only for control characters
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
