// Package terminal makes text safe to show: what a terminal would obey is written out instead.
//
// What the program prints falls into three groups:
//
//   - Text for people is escaped, wherever it goes: a file is shown with cat later, and a pipe may end in a terminal.
//   - JSON is escaped as JSON has it (\u009b), so that programs read the same values.
//   - TS.ADD commands are quoted by the output that prints them, as redis-cli reads them (\x9b), and are plain ASCII.
//
// Control sequences of our own (the live table, colours) are written to the writer below, around text that [AppendLine]
// has escaped.
package terminal

import (
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Style is how unsafe characters are written.
type Style int

const (
	// Text writes \x1b for control characters and invalid bytes, and \u202e for longer ones. Line feeds and tabs stay.
	Text Style = iota
	// JSON writes \u001b for characters, with surrogates if need be, and \ufffd for invalid bytes. Strings are the only
	// place of a JSON text where one of them can be, so the values stay the same.
	JSON
)

// isUnsafe reports whether a terminal may obey a character, or show something other than what is there: control
// characters (ISO 6429, C0 and C1), separators of lines, and invisible formatting such as bidirectional overrides.
// Joiners (Persian, Indic scripts and emoji need them) and visible marks of numbers are safe.
func isUnsafe(r rune) bool {
	switch {
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return true
	case r < 0xa0:
		return false
	case r == '\u2028' || r == '\u2029':
		return true
	case r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	}
	return unicode.Is(unicode.Cf, r)
}

// AppendLine appends a text that must stay within a line of text: everything unsafe is escaped, line feeds too. Tabs
// become blanks.
func AppendLine(buf []byte, text string) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			buf = appendByte(buf, text[i])
		case r == '\t':
			buf = append(buf, ' ')
		case isUnsafe(r):
			buf = Text.appendRune(buf, r)
		default:
			buf = append(buf, text[i:i+size]...)
		}
		i += size
	}
	return buf
}

// Line returns a text that must stay within a line: see [AppendLine].
func Line(text string) string { return string(AppendLine(nil, text)) }

const hex = "0123456789abcdef"

func appendByte(buf []byte, b byte) []byte { return append(buf, '\\', 'x', hex[b>>4], hex[b&15]) }

func appendUnit(buf []byte, u uint16) []byte {
	return append(buf, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// appendRune appends an unsafe character in the notation of the style.
func (s Style) appendRune(buf []byte, r rune) []byte {
	switch {
	case s == Text && r < 0x100:
		return appendByte(buf, byte(r))
	case r < 0x10000:
		return appendUnit(buf, uint16(r))
	case s == JSON:
		r -= 0x10000
		return appendUnit(appendUnit(buf, uint16(0xd800+r>>10)), uint16(0xdc00+r&0x3ff))
	}
	buf = append(buf, '\\', 'U', '0', '0')
	for shift := 20; shift >= 0; shift -= 4 {
		buf = append(buf, hex[r>>shift&15])
	}
	return buf
}

// appendInvalid appends a byte that is not part of UTF-8.
func (s Style) appendInvalid(buf []byte, b byte) []byte {
	if s == JSON {
		return appendUnit(buf, 0xfffd)
	}
	return appendByte(buf, b)
}

// Append appends a whole text, escaped. Line feeds and tabs stay.
func (s Style) Append(buf, text []byte) []byte {
	buf, rest := s.escape(buf, text)
	for _, b := range rest {
		buf = s.appendInvalid(buf, b)
	}
	return buf
}

// Writer escapes what goes through it. It may be used by several goroutines; each Write reaches the writer below as one.
type Writer struct {
	w     io.Writer
	style Style

	mu   sync.Mutex
	rest []byte // the beginning of a character whose end is in the next Write
	buf  []byte
}

// NewWriter returns a writer that escapes and then writes to w.
func NewWriter(w io.Writer, style Style) *Writer { return &Writer{w: w, style: style} }

// Unwrap returns the writer below. What is written there is not escaped.
func (t *Writer) Unwrap() io.Writer { return t.w }

// Write implements io.Writer. The number of bytes is len(p), or 0 with an error: how much of the escaped text was
// written says nothing about p.
func (t *Writer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := p
	if len(t.rest) > 0 {
		text = append(t.rest, p...)
	}
	var rest []byte
	t.buf, rest = t.style.escape(t.buf[:0], text)
	t.rest = append([]byte(nil), rest...)
	if len(t.buf) == 0 {
		return len(p), nil
	}
	if _, err := t.w.Write(t.buf); err != nil {
		return 0, err
	}
	const kept = 64 << 10
	if cap(t.buf) > kept {
		t.buf = nil
	}
	return len(p), nil
}

// Flush writes the beginning of a character that never ended, escaped.
func (t *Writer) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.style.Append(nil, t.rest)
	t.rest = nil
	if len(out) == 0 {
		return nil
	}
	_, err := t.w.Write(out)
	return err
}

// escape appends the escaped text to buf, and returns the beginning of a character at the end of the text apart.
func (s Style) escape(buf, text []byte) (escaped, rest []byte) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1 && !utf8.FullRune(text[i:]):
			return buf, text[i:]
		case r == utf8.RuneError && size == 1:
			buf = s.appendInvalid(buf, text[i])
		case r != '\n' && r != '\t' && isUnsafe(r):
			buf = s.appendRune(buf, r)
		default:
			buf = append(buf, text[i:i+size]...)
		}
		i += size
	}
	return buf, nil
}
