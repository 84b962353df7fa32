package search

import (
	"bytes"
	"unicode/utf8"
)

// wordScanner splits a text into words in lower case as RediSearch does: at
// blanks and at punctuation except the underscore. A backslash makes the next
// character part of the word. Control characters are dropped.
type wordScanner struct {
	text   []byte
	at     int
	buffer []byte // buffer for words that differ from the text
}

// next returns the next word, which is valid until the following call. It
// returns false at the end.
func (s *wordScanner) next() ([]byte, bool) {
	text, at := s.text, s.at
	for at < len(text) {
		start, plain := at, true
		for at < len(text) {
			switch classes[text[at]] {
			case classPlain:
				at++
				continue
			case classOther:
				plain = false
				at++
				continue
			case classEscape:
				plain = false
				at = min(at+2, len(text))
				continue
			}
			break
		}
		word := text[start:at]
		at++
		if !plain {
			word = s.normalize(word)
		}
		if len(word) > 0 {
			s.at = at
			return word, true
		}
	}
	s.at = at
	return nil, false
}

// Classes of bytes.
const (
	classPlain  = 'p' // a lower case letter or digit
	classOther  = 'o' // part of a word that must be normalized
	classEscape = 'e' // makes the next byte part of the word
	classEnd    = ' '
)

// classes is the class of each byte. It is a constant, so that a lookup is all
// that each byte costs.
const classes = "" +
	"ooooooooo " + "oooooooooooooooooooooo" + " " + // control characters but for the tab, then the blank
	"               " + "pppppppppp" + "       " + // ! to /, digits, : to @
	"oooooooooooooooooooooooooo" + " e  o " + // A to Z, then [ \ ] ^ _ `
	"pppppppppppppppppppppppppp" + "    o" + // a to z, then { | } ~ and DEL
	"oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo" + // UTF-8
	"oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo"

// isPunct is ispunct of C.
func isPunct(c byte) bool {
	return c >= '!' && c <= '/' || c >= ':' && c <= '@' || c >= '[' && c <= '`' || c >= '{' && c <= '~'
}

// normalize removes escapes and control characters and converts to lower case.
func (s *wordScanner) normalize(word []byte) []byte {
	out, escaped, ascii := s.buffer[:0], false, true
	for _, c := range word {
		switch {
		case c == ' ' && !escaped, c == '\t' && !escaped, c < ' ' || c == 0x7f:
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		default:
			ascii = ascii && c < utf8.RuneSelf
			out = append(out, c)
		}
		escaped = false
	}
	s.buffer = out
	if !ascii {
		return bytes.ToLower(out)
	}
	return out
}

// isDefaultStopWord reports whether a word is ignored by indexes without
// STOPWORDS.
func isDefaultStopWord(word string) bool {
	switch word {
	case "a", "is", "the", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "it", "no", "not",
		"of", "on", "or", "such", "that", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with":
		return true
	}
	return false
}

// stopWords are the stop words of one index.
type stopWords struct {
	isCustom bool // list replaces the default words
	list     map[string]bool
}

func (s *stopWords) contains(word []byte) bool {
	if s.isCustom {
		return s.list[string(word)]
	}
	return len(word) <= len("these") && isDefaultStopWord(string(word))
}

// tagScanner splits a value into tags at the separator and trims them. The
// separator 0 does not split. Tags are in lower case unless exact is set.
type tagScanner struct {
	text          []byte
	separator     byte
	caseSensitive bool
	done          bool
	buffer        []byte
}

func (s *tagScanner) next() ([]byte, bool) {
	for !s.done {
		tag := s.text
		if s.separator == 0 {
			s.done = true
		} else {
			var found bool
			tag, s.text, found = bytes.Cut(s.text, []byte{s.separator})
			s.done = !found
			tag = bytes.TrimSpace(tag)
		}
		if len(tag) > 0 {
			return s.lower(tag), true
		}
	}
	return nil, false
}

func (s *tagScanner) lower(tag []byte) []byte {
	if s.caseSensitive {
		return tag
	}
	changed := false
	for _, c := range tag {
		if c >= utf8.RuneSelf {
			return bytes.ToLower(tag)
		}
		changed = changed || c >= 'A' && c <= 'Z'
	}
	if !changed {
		return tag
	}
	s.buffer = append(s.buffer[:0], tag...)
	for i, c := range s.buffer {
		if c >= 'A' && c <= 'Z' {
			s.buffer[i] = c + 'a' - 'A'
		}
	}
	return s.buffer
}
