package promtext

import "strings"

// scanner takes pieces from the front of a text.
type scanner struct{ text string }

func (s *scanner) blanks() { s.text = strings.TrimLeft(s.text, " \t") }

func (s *scanner) take(c byte) bool {
	if s.text == "" || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

// word takes a name, which may be in quotes.
func (s *scanner) word() (text string, isQuoted bool) {
	if text, ok := s.quoted(); ok {
		return text, true
	}
	end := strings.IndexAny(s.text, " \t=,\"{}")
	if end < 0 {
		end = len(s.text)
	}
	text, s.text = s.text[:end], s.text[end:]
	return text, false
}

// quoted takes a text in quotes. Of what is behind a backslash, n is a new line, anything else itself.
func (s *scanner) quoted() (string, bool) {
	if s.text == "" || s.text[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.text = s.text[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.text):
			i++
			if s.text[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(s.text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
