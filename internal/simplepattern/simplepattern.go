// Package simplepattern has the patterns with which Netdata's configurations select charts and hosts. internal/match has the patterns of our
// own settings.
//
// A list has words, separated by white space. The first word that matches decides: "!" before a word means no. "*" in a word stands for any
// text, and there are no other wildcards. A backslash takes the next character literally. Upper and lower case differ.
package simplepattern

import "strings"

// List is a parsed list of patterns. The zero value has no words and matches nothing.
type List struct{ words []word }

// word is one pattern. Its pieces were separated by stars, so a word without a star has one piece.
type word struct {
	pieces []string
	isNo   bool
}

// Parse parses a list. Every text is a list.
func Parse(text string) List {
	var l List
	for i := 0; i < len(text); {
		if isBlank(text[i]) {
			i++
			continue
		}
		var w word
		if text[i] == '!' {
			w.isNo = true
			i++
		}
		var length int
		w.pieces, length = parsePieces(text[i:])
		i += length
		if length > 0 { // a lone "!" is not a word
			l.words = append(l.words, w)
		}
	}
	return l
}

// parsePieces parses a word up to the next blank. A star directly after another one inside a word is literal, as in Netdata.
func parsePieces(text string) (pieces []string, length int) {
	var piece strings.Builder
	afterStar := false
	i := 0
	for ; i < len(text) && !isBlank(text[i]); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			piece.WriteByte(text[i])
			afterStar = false
		case c == '*' && !afterStar:
			pieces = append(pieces, piece.String())
			piece.Reset()
			afterStar = true
		case c == '*' && (i+1 == len(text) || isBlank(text[i+1]) || len(pieces) == 1 && pieces[0] == ""):
			// At the start and at the end of a word, several stars are one.
		default:
			piece.WriteByte(c)
			afterStar = false
		}
	}
	return append(pieces, piece.String()), i
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// IsEmpty reports whether the list has no words.
func (l List) IsEmpty() bool { return len(l.words) == 0 }

// Match reports whether the list selects something that has one or several names. The first word that matches any of the names decides. An
// empty name matches nothing.
func (l List) Match(names ...string) bool {
	for _, w := range l.words {
		for _, name := range names {
			if name != "" && w.match(name) {
				return !w.isNo
			}
		}
	}
	return false
}

// match finds the pieces from left to right. The first one must be at the start of the name and the last one at its end.
func (w word) match(name string) bool {
	first, last := w.pieces[0], w.pieces[len(w.pieces)-1]
	if len(w.pieces) == 1 {
		return name == first
	}
	rest, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for _, piece := range w.pieces[1 : len(w.pieces)-1] {
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, last)
}

// UnmarshalScalar implements conf.Scalar.
func (l *List) UnmarshalScalar(text string) error {
	*l = Parse(text)
	return nil
}
