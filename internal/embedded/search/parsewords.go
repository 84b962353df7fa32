package search

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// The ends of a query: words, words with stars, phrases.

// termUnit is a word; in dialect 1 all words that follow belong to it.
func (p *queryParser) termUnit() *node {
	n := p.term()
	for first := true; p.dialect == 1 && p.err == ""; first = false {
		switch t := p.peek(); {
		case t.kind == tokTerm || t.kind == tokNumber:
			n = join(nodeAnd, n, p.term())
		case t.kind == tokStop && !first:
			p.at++
		default:
			return n
		}
	}
	return n
}

func (p *queryParser) term() *node {
	t := p.peek()
	p.at++
	text := t.text
	if t.kind == tokParam {
		val, ok := p.param(t.text)
		if !ok {
			return nil
		}
		text = val
	} else if p.ix.def.stop.contains([]byte(strings.ToLower(text))) {
		return nil
	}
	return p.newWord(wordMatch{text: strings.ToLower(unescapeQuery(text))})
}

func (p *queryParser) param(name string) (string, bool) {
	val, ok := p.params[name]
	if !ok {
		p.fail(resp.Error(fmt.Sprintf("No such parameter `%s`", name)))
	}
	return val, ok
}

func (p *queryParser) newWord(w wordMatch) *node {
	if !p.count(&w) {
		return nil
	}
	return &node{kind: nodeWord, words: []wordMatch{w}}
}

// count keeps the work of a query bounded. One word with a star is looked for
// among all words of the index, and counts as many.
func (p *queryParser) count(w *wordMatch) bool {
	const star = 128
	if p.terms++; w.before || w.after {
		p.terms += star
	}
	if p.terms > maxQueryTerms {
		p.fail(errQueryLong)
		return false
	}
	return true
}

func affixOf(t *token, lower bool) wordMatch {
	text := unescapeQuery(t.text)
	if lower {
		text = strings.ToLower(text)
	}
	return wordMatch{text: text, before: t.kind != tokPrefix, after: t.kind != tokSuffix}
}

// newPhrase splits what stood in quotes into words as a text is.
func (p *queryParser) newPhrase(text string) *node {
	n := &node{kind: nodePhrase}
	s := wordScanner{text: []byte(text)}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if p.ix.def.stop.contains(word) {
			continue
		}
		w := wordMatch{text: string(word)}
		if !p.count(&w) {
			return nil
		}
		n.words = append(n.words, w)
	}
	if len(n.words) == 0 {
		return nil
	}
	return n
}

func (p *queryParser) fuzzy() *node {
	for n := 0; n < 3 && p.accept('%'); n++ {
	}
	if k := p.peek().kind; k != tokTerm && k != tokNumber && k != tokStop && k != tokParam {
		return p.syntax()
	}
	return p.fail(notSupported("A fuzzy word (%word%)"))
}

// quoted is a phrase in dialect 1, whose words the lexer has seen. In dialect 2 the lexer has found no closing quote.
func (p *queryParser) quoted() *node {
	p.at++
	if p.dialect > 1 {
		return p.syntax()
	}
	n := &node{kind: nodePhrase}
	for p.err == "" && !p.accept('"') {
		t := p.peek()
		switch {
		case t.kind == tokTerm || t.kind == tokNumber:
			w := wordMatch{text: strings.ToLower(unescapeQuery(t.text))}
			if !p.count(&w) {
				return nil
			}
			n.words = append(n.words, w)
		case t.kind != tokStop || len(n.words) < 2:
			return p.syntax()
		}
		p.at++
	}
	if len(n.words) == 0 {
		p.at--
		return p.syntax()
	}
	return n
}
