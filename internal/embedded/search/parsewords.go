package search

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

func (p *queryParser) parseTerm() *node {
	t := p.peek()
	p.at++
	text := t.text
	if t.kind == tokParam {
		val, ok := p.parameter(t.text)
		if !ok {
			return nil
		}
		text = val
	} else if p.index.definition.stopWords.contains([]byte(strings.ToLower(text))) {
		return nil
	}
	return p.newWord(wordMatch{text: strings.ToLower(unescape(text))})
}

func (p *queryParser) parameter(name string) (string, bool) {
	val, ok := p.params[name]
	if !ok {
		p.fail(resp.Error(fmt.Sprintf("No such parameter `%s`", name)))
	}
	return val, ok
}

func (p *queryParser) newWord(w wordMatch) *node {
	if !p.countWork(&w) {
		return nil
	}
	return &node{kind: nodeWord, words: []wordMatch{w}}
}

// countWork bounds the work of a query. A word with a star is compared with all
// words of the index and counts like many words.
func (p *queryParser) countWork(w *wordMatch) bool {
	const star = 128
	if p.work++; w.starBefore || w.starAfter {
		p.work += star
	}
	if p.work > maxQueryTerms {
		p.fail(errQueryLong)
		return false
	}
	return true
}

func newAffix(t *token, lower bool) wordMatch {
	text := unescape(t.text)
	if lower {
		text = strings.ToLower(text)
	}
	return wordMatch{text: text, starBefore: t.kind != tokPrefix, starAfter: t.kind != tokSuffix}
}

// newPhrase splits a quoted phrase into words as it splits texts.
func (p *queryParser) newPhrase(text string) *node {
	n := &node{kind: nodePhrase}
	s := wordScanner{text: []byte(text)}
	for word, ok := s.next(); ok; word, ok = s.next() {
		if p.index.definition.stopWords.contains(word) {
			continue
		}
		w := wordMatch{text: string(word)}
		if !p.countWork(&w) {
			return nil
		}
		n.words = append(n.words, w)
	}
	if len(n.words) == 0 {
		return nil
	}
	return n
}

func (p *queryParser) parseFuzzy() *node {
	for n := 0; n < 3 && p.accept('%'); n++ {
	}
	if k := p.peek().kind; k != tokTerm && k != tokNumber && k != tokParam {
		return p.failSyntax()
	}
	return p.fail(notSupported("A fuzzy word (%word%)"))
}
