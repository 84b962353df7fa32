package promtext

import "strings"

// scanner consumes a text from its front.
type scanner struct{ rest string }

// skipBlanks skips blanks and tabs.
func (s *scanner) skipBlanks() { s.rest = strings.TrimLeft(s.rest, " \t") }

// skipByte skips c and reports whether it was there.
func (s *scanner) skipByte(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// readName reads a name, which may be in quotes.
func (s *scanner) readName() (text string, isQuoted bool) {
	if text, ok := s.readQuoted(); ok {
		return text, true
	}
	end := strings.IndexAny(s.rest, " \t=,\"{}")
	if end < 0 {
		end = len(s.rest)
	}
	text, s.rest = s.rest[:end], s.rest[end:]
	return text, false
}

// readQuoted reads a text in quotes. After a backslash, n means a new line and any other character itself.
func (s *scanner) readQuoted() (string, bool) {
	if s.rest == "" || s.rest[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.rest):
			i++
			if s.rest[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(s.rest[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
