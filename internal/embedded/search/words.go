package search

import (
	"bytes"
	"unicode/utf8"
)

// wordScanner splits a text into words as RediSearch does: at blanks and
// punctuation but for the underscore, in lower case. A backslash takes the next
// character into the word; control characters are dropped.
type wordScanner struct {
	text []byte
	at   int
	buf  []byte // words that had to be changed
}

// next returns the next word, valid until the following call; false: no more.
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
			word = s.normal(word)
		}
		if len(word) > 0 {
			s.at = at
			return word, true
		}
	}
	s.at = at
	return nil, false
}

// What a byte means to the scanner.
const (
	classPlain  = 'p' // a lower case letter or digit
	classOther  = 'o' // also part of a word, which must be brought in form
	classEscape = 'e' // takes the next byte into the word
	classEnd    = ' '
)

// classes has the class of each byte. A constant, so that looking one up is
// all there is to do for each byte of a text.
const classes = "" +
	"ooooooooo " + "oooooooooooooooooooooo" + " " + // control characters but for the tab, then the blank
	"               " + "pppppppppp" + "       " + // ! to /, digits, : to @
	"oooooooooooooooooooooooooo" + " e  o " + // A to Z, then [ \ ] ^ _ `
	"pppppppppppppppppppppppppp" + "    o" + // a to z, then { | } ~ and DEL
	"oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo" + // UTF-8
	"oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo"

// isPunct is C's ispunct.
func isPunct(c byte) bool {
	return c >= '!' && c <= '/' || c >= ':' && c <= '@' || c >= '[' && c <= '`' || c >= '{' && c <= '~'
}

// normal removes escapes and control characters and lowers the case.
func (s *wordScanner) normal(word []byte) []byte {
	out, escaped, ascii := s.buf[:0], false, true
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
	s.buf = out
	if !ascii {
		return bytes.ToLower(out)
	}
	return out
}

// defaultStopWord tells whether a word is left out of every text, unless an
// index has its own STOPWORDS.
func defaultStopWord(word string) bool {
	switch word {
	case "a", "is", "the", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "it", "no", "not",
		"of", "on", "or", "such", "that", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with":
		return true
	}
	return false
}

// stopWords are those of one index.
type stopWords struct {
	own  bool // list replaces the default
	list map[string]bool
}

func (s *stopWords) contains(word []byte) bool {
	if s.own {
		return s.list[string(word)]
	}
	return len(word) <= len("these") && defaultStopWord(string(word))
}

// tagScanner splits a value into tags: at the separator, without the blanks
// around; 0 takes the value as it is. Unless case matters they are lowered.
type tagScanner struct {
	text      []byte
	separator byte
	exact     bool
	done      bool
	buf       []byte
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
	if s.exact {
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
	s.buf = append(s.buf[:0], tag...)
	for i, c := range s.buf {
		if c >= 'A' && c <= 'Z' {
			s.buf[i] = c + 'a' - 'A'
		}
	}
	return s.buf
}
