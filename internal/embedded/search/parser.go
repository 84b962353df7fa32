package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type nodeKind uint8

const (
	nodeAll nodeKind = iota
	nodeWord
	nodePhrase
	nodeTag
	nodeNumber
	nodeAnd
	nodeOr
	nodeNot
	nodeOptional
)

// node is a part of a parsed query. A nil node is one that RediSearch ignores,
// such as a stop word.
type node struct {
	kind nodeKind
	// words is one word, the words of a phrase or the values of a tag.
	words []wordMatch
	// fields are those that a word or phrase may be in. nil means all text
	// fields.
	fields   fieldMask
	field    int    // of a tag or number; -1 finds nothing
	name     string // of the field of a number, for errors only
	min      bound
	max      bound
	children []*node
}

// wordMatch is a word, possibly with stars.
type wordMatch struct {
	text                  string
	starBefore, starAfter bool
}

type bound struct {
	value    float64
	excluded bool // the bound itself is excluded
}

// fieldMask selects fields by their positions.
type fieldMask []bool

// restrict limits the words of a node to fields.
func (n *node) restrict(fields fieldMask) {
	if n == nil {
		return
	}
	if n.kind == nodeWord || n.kind == nodePhrase {
		if n.fields == nil {
			n.fields = fields
			return
		}
		both := make(fieldMask, len(fields))
		for i := range fields {
			both[i] = fields[i] && n.fields[i]
		}
		n.fields = both
	}
	for _, kid := range n.children {
		kid.restrict(fields)
	}
}

// join combines two nodes with "and" or "or". Either can be nil.
func join(kind nodeKind, a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.kind == kind:
		a.children = append(a.children, b)
		return a
	}
	return &node{kind: kind, children: []*node{a, b}}
}

func negate(n *node) *node {
	if n == nil {
		return nil
	}
	return &node{kind: nodeNot, children: []*node{n}}
}

const (
	maxQueryDepth = 100
	maxQueryTerms = 8192
	maxQueryBytes = 16 << 10

	errQueryDepth = resp.Error("Parser stack overflow. Try moving nested parentheses more to the left")
	errQueryLong  = resp.Error("Query is longer than rtcollector's embedded server takes")
)

// queryParser builds nodes from the tokens of a query in dialect 2.
type queryParser struct {
	index  *index
	params map[string]string
	tokens []token
	at     int
	depth  int
	work   int
	// wordsOnly counts the open unions that may not contain fields.
	wordsOnly int
	err       resp.Error
}

// parseSearch parses a query. A nil node without an error finds nothing.
func parseSearch(ix *index, query string, params map[string]string) (*node, resp.Error) {
	if len(query) > maxQueryBytes {
		return nil, errQueryLong
	}
	lexer := queryLexer{query: query}
	p := queryParser{index: ix, params: params, tokens: lexer.lex()}
	if p.isStar() {
		return &node{kind: nodeAll}, ""
	}
	var n *node
	if p.peek().kind != tokEnd {
		n = p.parseNested(p.parseAlternatives)
	}
	p.refuseAttributes(n)
	if p.err == "" && p.peek().kind != tokEnd {
		p.failSyntax()
	}
	if p.err == "" && slices.ContainsFunc(ix.fields, func(f field) bool { return f.kind != fieldNumeric }) { // RediSearch checks ranges only then
		p.checkRanges(n)
	}
	if p.err != "" {
		return nil, p.err
	}
	return n, ""
}

// isStar reports whether the query is a star, possibly in parentheses.
func (p *queryParser) isStar() bool {
	n := len(p.tokens) - 1
	open := 0
	for open < n/2 && p.tokens[open].isChar('(') && p.tokens[n-1-open].isChar(')') {
		open++
	}
	return n == 2*open+1 && p.tokens[open].isChar('*')
}

func (t *token) isChar(c byte) bool { return t.kind == tokOther && t.char == c }

func (p *queryParser) peek() *token { return &p.tokens[p.at] }

func (p *queryParser) isNext(c byte) bool { return p.peek().isChar(c) }

func (p *queryParser) accept(c byte) bool {
	if !p.isNext(c) {
		return false
	}
	p.at++
	return true
}

func (p *queryParser) expect(c byte) bool {
	if p.err != "" {
		return false
	}
	if !p.accept(c) {
		p.failSyntax()
		return false
	}
	return true
}

func (p *queryParser) fail(err resp.Error) *node {
	if p.err == "" {
		p.err = err
	}
	return nil
}

func (p *queryParser) failSyntax() *node {
	t := p.peek()
	return p.fail(resp.Error(fmt.Sprintf("Syntax error at offset %d near %s", t.pos, t.text)))
}

// failAt adds the position and the name of a field to an error.
func (p *queryParser) failAt(what string, t *token) *node {
	return p.fail(resp.Error(fmt.Sprintf("%s at offset %d near %s", what, t.pos, t.text)))
}

// parseAlternatives parses conjunctions with "|" between them. As in the grammar
// of RediSearch, if the first two have only words, then all must.
func (p *queryParser) parseAlternatives() *node {
	n := p.parseConjunction()
	words := n.isTextOnly()
	for count := 2; p.err == "" && p.accept('|'); count++ {
		if count == 3 && words {
			p.wordsOnly++
			defer func() { p.wordsOnly-- }()
		}
		other := p.parseConjunction()
		words = words && other.isTextOnly()
		n = join(nodeOr, n, other)
	}
	return n
}

// parseConjunction parses units side by side.
func (p *queryParser) parseConjunction() *node {
	n := p.parseUnit()
	for p.err == "" && p.startsUnit() {
		n = join(nodeAnd, n, p.parseUnit())
	}
	return n
}

func (p *queryParser) startsUnit() bool {
	t := p.peek()
	switch t.kind {
	case tokEnd, tokArrow, tokCompare:
		return false
	case tokOther:
		return strings.IndexByte(`(-~%"`, t.char) >= 0
	}
	return true
}

// parseUnit parses a word, a field, a phrase or an expression in parentheses.
func (p *queryParser) parseUnit() *node {
	t := p.peek()
	switch {
	case t.kind == tokField && p.wordsOnly > 0:
	case t.kind == tokField:
		return p.parseFieldUnit()
	case t.kind == tokTerm || t.kind == tokNumber || t.kind == tokParam:
		return p.parseTerm()
	case t.kind == tokPrefix || t.kind == tokSuffix || t.kind == tokContains:
		p.at++
		return p.newWord(newAffix(t, true))
	case t.kind == tokPhrase:
		p.at++
		return p.newPhrase(t.text)
	case p.accept('('):
		n := p.parseNested(p.parseAlternatives)
		p.expect(')')
		return p.refuseAttributes(n)
	case p.accept('-'):
		return negate(p.parseNested(p.parseUnit))
	case p.accept('~'):
		if n := p.parseNested(p.parseUnit); n != nil {
			return &node{kind: nodeOptional, children: []*node{n}}
		}
		return nil
	case p.accept('"'): // the lexer found no closing quote
	case p.isNext('*') && p.onlyOpen():
		p.at++ // a star is only allowed alone
	case p.isNext('%'):
		return p.parseFuzzy()
	}
	return p.failSyntax()
}

// onlyOpen reports whether all tokens before the current one are opening
// parentheses.
func (p *queryParser) onlyOpen() bool {
	return !slices.ContainsFunc(p.tokens[:p.at], func(t token) bool { return !t.isChar('(') })
}

// refuseAttributes refuses (…)=>{$weight: 2}.
func (p *queryParser) refuseAttributes(n *node) *node {
	if p.err == "" && p.at > 0 && p.peek().kind == tokArrow {
		if p.at++; !p.isNext('{') {
			return p.failSyntax()
		}
		return p.fail(notSupported("A query attribute (=>)"))
	}
	return n
}
