package search

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokTerm
	tokNumber
	tokPrefix   // fail*
	tokSuffix   // *ure
	tokContains // *ail*
	tokPhrase   // "a phrase"
	tokField    // @name
	tokParam    // $name
	tokArrow
	tokCompare // the operator in @n>=5
	tokOther   // a character of the grammar: ( ) { } [ ] : | - ~ * % " ;
)

// token is a part of a query. A token without a text of its own has the text of
// an earlier one, which the errors of RediSearch quote.
type token struct {
	kind tokenKind
	char byte // of tokOther
	pos  int
	text string
	num  float64
}

// queryLexer splits a query into tokens. Like RediSearch it ignores characters
// that the grammar does not have.
type queryLexer struct {
	query  string
	at     int
	tokens []token
	text   string // of the last token with a text of its own
}

func (l *queryLexer) emit(t token) {
	switch t.kind {
	case tokEnd, tokOther:
		t.text = l.text
	}
	l.text = t.text
	l.tokens = append(l.tokens, t)
}

// lex returns the tokens of a query. The last one is tokEnd.
func (l *queryLexer) lex() []token {
	last := 0
	for l.at < len(l.query) {
		if n := len(l.tokens); n > 0 {
			last = l.tokens[n-1].pos
		}
		l.readToken()
	}
	if n := len(l.tokens); n > 0 {
		last = l.tokens[n-1].pos
	}
	l.emit(token{kind: tokEnd, pos: last})
	return l.tokens
}

// readToken reads the next token.
func (l *queryLexer) readToken() {
	c, start := l.query[l.at], l.at
	switch {
	case l.readWord(start):
		return
	case c == '*' && l.readAffix():
		return
	case c == '@' || c == '$':
		if n := l.termEnd(start + 1); n > start+1 {
			kind := tokField
			if c == '$' {
				kind = tokParam
			}
			l.at = n
			l.emit(token{kind: kind, pos: start, text: l.query[start+1 : n]})
			return
		}
	case strings.HasPrefix(l.query[start:], "=>"):
		l.at += 2
		l.emit(token{kind: tokArrow, pos: start, text: l.query[start+1 : min(start+3, len(l.query))]}) // RediSearch quotes one character too many
		return
	case (c == '"' || c == '\'') && l.readPhrase(c):
		return
	case l.readComparison():
		return
	}
	l.at++
	if strings.IndexByte(`(){}[]:|-~*%";`, c) >= 0 {
		l.emit(token{kind: tokOther, char: c, pos: start})
	}
}

// readWord reads a number or a term, and a star after it.
func (l *queryLexer) readWord(start int) bool {
	end, kind := l.termEnd(start), tokTerm
	if n := l.numberEnd(start); n > start && n >= end {
		end, kind = n, tokNumber
	}
	if end == start {
		return false
	}
	l.at = end
	text := l.query[start:end]
	t := token{kind: kind, pos: start, text: text}
	switch {
	case end < len(l.query) && l.query[end] == '*':
		l.at++
		t.kind = tokPrefix
	case kind == tokNumber:
		t.num = parseQueryNumber(text)
	}
	l.emit(t)
	return true
}

// readAffix reads the term after a star.
func (l *queryLexer) readAffix() bool {
	start := l.at + 1
	end := max(l.termEnd(start), l.numberEnd(start))
	if end == start {
		return false
	}
	t := token{kind: tokSuffix, pos: l.at, text: l.query[start:end]}
	l.at = end
	if end < len(l.query) && l.query[end] == '*' {
		l.at++
		t.kind = tokContains
	}
	l.emit(t)
	return true
}

// readPhrase reads a quoted phrase.
func (l *queryLexer) readPhrase(quote byte) bool {
	for i := l.at + 1; i < len(l.query); i++ {
		if l.query[i] == '\\' {
			i++
			continue
		}
		if l.query[i] == quote {
			l.emit(token{kind: tokPhrase, pos: l.at, text: l.query[l.at+1 : i]})
			l.at = i + 1
			return true
		}
	}
	return false
}

// readComparison reads the operator of @field>=5. It must follow a field and precede a
// number or a parameter.
func (l *queryLexer) readComparison() bool {
	if n := len(l.tokens); n == 0 || l.tokens[n-1].kind != tokField {
		return false
	}
	rest := l.query[l.at:]
	for _, op := range []string{"==", "!=", ">=", "<=", ">", "<"} {
		after := strings.TrimLeft(strings.TrimPrefix(rest, op), " \t\n")
		if !strings.HasPrefix(rest, op) || after == "" {
			continue
		}
		if strings.TrimLeft(after, "+-")[:min(1, len(strings.TrimLeft(after, "+-")))] == "$" || numberLength(after) > 0 {
			l.emit(token{kind: tokCompare, pos: l.at, text: op})
			l.at += len(op)
			return true
		}
	}
	return false
}

// termEnd returns the end of the term that starts at an offset.
func (l *queryLexer) termEnd(at int) int {
	for at < len(l.query) {
		c := l.query[at]
		switch {
		case c == '\\':
			if at+1 >= len(l.query) || !isPunct(l.query[at+1]) && !isQuerySpace(l.query[at+1]) {
				return at
			}
			at++
		case c != '_' && c < utf8.RuneSelf && (c <= ' ' || c == 0x7f || isPunct(c)):
			return at
		}
		at++
	}
	return at
}

func isQuerySpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func (l *queryLexer) numberEnd(at int) int { return at + numberLength(l.query[at:]) }

// numberLength returns the length of the number that a text starts with.
func numberLength(s string) int {
	sign := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign = 1
	}
	if rest := s[sign:]; len(rest) >= 3 && strings.EqualFold(rest[:3], "inf") {
		return sign + 3
	}
	n := sign + resp.CountDigits([]byte(s[sign:]))
	whole := n - sign
	if n+1 < len(s) && s[n] == '.' {
		if frac := resp.CountDigits([]byte(s[n+1:])); frac > 0 {
			n, whole = n+1+frac, 1
		}
	}
	if whole == 0 {
		return 0
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		from := n + 1
		if from < len(s) && (s[from] == '-' || s[from] == '+') {
			from++
		}
		if exp := resp.CountDigits([]byte(s[min(from, len(s)):])); exp > 0 {
			n = from + exp
		}
	}
	return n
}

// parseQueryNumber converts a number token. Numbers out of range become infinite.
func parseQueryNumber(text string) float64 {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	if strings.HasPrefix(text, "-") {
		return math.Inf(-1)
	}
	return math.Inf(1)
}

// unescape removes the backslashes before punctuation and blanks.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (isPunct(s[i+1]) || isQuerySpace(s[i+1])) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
