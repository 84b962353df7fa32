// Package terminal makes text safe to show on a terminal: it escapes control characters and other unsafe characters.
//
// What the program prints falls into three groups:
//
//   - Text for people is always escaped, because a file may be shown with cat later, and a pipe may lead to a terminal.
//   - JSON is escaped as JSON (\u009b), so that programs read the original values.
//   - TS.ADD commands are quoted for redis-cli (\x9b) by the output that prints them, and are plain ASCII.
//
// Our own control sequences (the terminal view, colours) are written to the underlying writer, around text that [AppendLine] has escaped.
package terminal

import (
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Style is a notation for unsafe characters.
type Style int

const (
	// Text writes \x1b for control characters and invalid bytes, and \u202e for longer ones. Line feeds and tabs stay.
	Text Style = iota
	// JSON writes \u001b for characters, with surrogates if necessary, and \ufffd for invalid bytes. In JSON, such characters can only be
	// in strings, so the values do not change.
	JSON
)

// isUnsafe reports whether a character can control a terminal or hide text: control characters (ISO 6429, C0 and C1), line separators,
// and invisible formatting such as bidirectional overrides. Joiners (Persian, Indic scripts and emoji need them) and visible number marks
// are safe.
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

// AppendLine appends a text for one line. It escapes all unsafe characters, including line feeds. Tabs become blanks.
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

// Line returns a text escaped as by [AppendLine].
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

// appendInvalid appends an invalid byte in the notation of the style.
func (s Style) appendInvalid(buf []byte, b byte) []byte {
	if s == JSON {
		return appendUnit(buf, 0xfffd)
	}
	return appendByte(buf, b)
}

// Append appends a complete text, escaped except for line feeds and tabs.
func (s Style) Append(buf, text []byte) []byte {
	buf, rest := s.escape(buf, text)
	for _, b := range rest {
		buf = s.appendInvalid(buf, b)
	}
	return buf
}

// Writer escapes text and writes it to another writer. Several goroutines may use it; each Write causes at most one underlying Write.
type Writer struct {
	w     io.Writer
	style Style

	mu   sync.Mutex
	rest []byte // incomplete character at the end of the last Write
	buf  []byte
}

// NewWriter returns a writer that escapes and then writes to w.
func NewWriter(w io.Writer, style Style) *Writer { return &Writer{w: w, style: style} }

// Unwrap returns the underlying writer, which does not escape.
func (t *Writer) Unwrap() io.Writer { return t.w }

// Write implements io.Writer. It returns len(p), or 0 and an error.
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

// Flush writes an incomplete character at the end of the text, escaped.
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

// plainLength returns how many bytes at the beginning are printable ASCII, line feeds and tabs.
func plainLength(text []byte) int {
	for i, b := range text {
		if (b < ' ' || b > '~') && b != '\n' && b != '\t' {
			return i
		}
	}
	return len(text)
}

// escape appends the escaped text to buf. It returns an incomplete character at the end of the text separately.
func (s Style) escape(buf, text []byte) (escaped, rest []byte) {
	for i := 0; i < len(text); {
		if n := plainLength(text[i:]); n > 0 { // nearly everything
			buf = append(buf, text[i:i+n]...)
			i += n
			continue
		}
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
