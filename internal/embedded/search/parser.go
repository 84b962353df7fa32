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

// node is a part of a parsed query. A nil node is one that RediSearch leaves
// out: stop words, and in dialect 1 tags and numbers of unknown fields.
type node struct {
	kind nodeKind
	// words of a phrase, or one word; the values of a tag
	words []wordMatch
	// fields that a word or phrase may be in; nil: all of type TEXT
	fields fieldMask
	field  int    // of a tag or number; -1 matches nothing
	name   string // of the field of a number, for errors
	min    bound
	max    bound
	kids   []*node
}

// wordMatch is a word with a star before or behind it, or none.
type wordMatch struct {
	text          string
	before, after bool
}

type bound struct {
	at   float64
	open bool // the value itself does not match
}

// fieldMask holds a true at the place of each field that is meant.
type fieldMask []bool

// restrict limits the words below a node to fields.
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
	for _, kid := range n.kids {
		kid.restrict(fields)
	}
}

// join makes an and or or of two nodes, one of which may be nil.
func join(kind nodeKind, a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.kind == kind:
		a.kids = append(a.kids, b)
		return a
	}
	return &node{kind: kind, kids: []*node{a, b}}
}

func negate(n *node) *node {
	if n == nil {
		return nil
	}
	return &node{kind: nodeNot, kids: []*node{n}}
}

const (
	maxQueryDepth = 100
	maxQueryTerms = 8192
	maxQueryBytes = 16 << 10

	errQueryDepth = resp.Error("Parser stack overflow. Try moving nested parentheses more to the left")
	errQueryLong  = resp.Error("Query is longer than rtcollector's embedded server takes")
)

// queryParser turns tokens into nodes. Dialect 1 binds as RediSearch's grammar
// does: "|" before what stands side by side, "-" over all that follows.
// Dialect 2 binds in the usual order.
type queryParser struct {
	ix      *index
	dialect int
	params  map[string]string
	tokens  []token
	at      int
	depth   int
	terms   int
	// wordsOnly is how many unions are open that may have no fields
	wordsOnly int
	err       resp.Error
}

// parseSearch parses a query; nil without an error finds nothing.
func parseSearch(ix *index, query string, dialect int, params map[string]string) (*node, resp.Error) {
	if len(query) > maxQueryBytes {
		return nil, errQueryLong
	}
	lexer := queryLexer{query: query, dialect: dialect, stop: &ix.def.stop}
	p := queryParser{ix: ix, dialect: dialect, params: params, tokens: lexer.lex()}
	if p.star() {
		return &node{kind: nodeAll}, ""
	}
	var n *node
	if p.peek().kind != tokEnd {
		n = p.sequence(false)
	}
	p.noAttributes(n)
	if p.err == "" && p.peek().kind != tokEnd {
		p.syntax()
	}
	if p.err == "" && slices.ContainsFunc(ix.fields, func(f field) bool { return f.kind != fieldNumeric }) { // the real server looks then only
		p.checkRanges(n)
	}
	if p.err != "" {
		return nil, p.err
	}
	return n, ""
}

// star is a query that is a star, in dialect 2 also in parentheses.
func (p *queryParser) star() bool {
	n := len(p.tokens) - 1
	open := 0
	for p.dialect > 1 && open < n/2 && p.tokens[open].isChar('(') && p.tokens[n-1-open].isChar(')') {
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
		p.syntax()
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

func (p *queryParser) syntax() *node {
	t := p.peek()
	return p.fail(resp.Error(fmt.Sprintf("Syntax error at offset %d near %s", t.pos, t.text)))
}

// about is an error on a field: its place and name are added.
func (p *queryParser) about(what string, t *token) *node {
	return p.fail(resp.Error(fmt.Sprintf("%s at offset %d near %s", what, t.pos, t.text)))
}

// sequence is what stands side by side, up to a closing parenthesis or the
// end. low ends it also before "-", "~" and a quote: so does what a "-" of
// dialect 1 holds.
func (p *queryParser) sequence(low bool) *node {
	if p.depth++; p.depth > maxQueryDepth {
		return p.fail(errQueryDepth)
	}
	defer func() { p.depth-- }()
	if p.dialect > 1 {
		return p.either()
	}
	n := p.union()
	for p.err == "" && p.startsUnit() && (!low || !p.isNext('-') && !p.isNext('~') && !p.isNext('"')) {
		n = join(nodeAnd, n, p.union())
	}
	return n
}

// union is units with "|" between them, in dialect 1.
func (p *queryParser) union() *node {
	n := p.unit()
	for p.err == "" && p.accept('|') {
		n = join(nodeOr, n, p.unit())
	}
	return n
}

// either is sequences with "|" between them, in dialect 2. When the first two are of words only, all must be: so it is
// in RediSearch's grammar.
func (p *queryParser) either() *node {
	n := p.all()
	words := n.textOnly()
	for count := 2; p.err == "" && p.accept('|'); count++ {
		if count == 3 && words {
			p.wordsOnly++
			defer func() { p.wordsOnly-- }()
		}
		other := p.all()
		words = words && other.textOnly()
		n = join(nodeOr, n, other)
	}
	return n
}

func (p *queryParser) all() *node {
	n := p.unit()
	for p.err == "" && p.startsUnit() {
		n = join(nodeAnd, n, p.unit())
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

func (p *queryParser) unit() *node {
	t := p.peek()
	switch {
	case t.kind == tokField && p.wordsOnly > 0:
	case t.kind == tokField:
		return p.fieldUnit()
	case t.kind == tokTerm || t.kind == tokNumber || t.kind == tokParam && p.dialect > 1:
		return p.termUnit()
	case t.kind == tokStop:
		p.at++
		return nil
	case t.kind == tokPrefix || t.kind == tokSuffix || t.kind == tokContains:
		p.at++
		return p.newWord(affixOf(t, true))
	case t.kind == tokExact:
		p.at++
		return p.newPhrase(t.text)
	case p.accept('('):
		n := p.sequence(false)
		p.expect(')')
		return p.noAttributes(n)
	case p.accept('-'):
		return negate(p.operand())
	case p.accept('~'):
		if n := p.operand(); n != nil {
			return &node{kind: nodeOptional, kids: []*node{n}}
		}
		return nil
	case p.isNext('"'):
		return p.quoted()
	case p.isNext('*') && (p.at == 0 || p.dialect > 1 && p.onlyOpen()):
		p.at++ // it may stand alone only
	case p.isNext('%'):
		return p.fuzzy()
	}
	return p.syntax()
}

// onlyOpen tells that all before the present token is opening parentheses.
func (p *queryParser) onlyOpen() bool {
	return !slices.ContainsFunc(p.tokens[:p.at], func(t token) bool { return !t.isChar('(') })
}

// noAttributes refuses (…)=>{$weight: 2}.
func (p *queryParser) noAttributes(n *node) *node {
	if p.err == "" && p.at > 0 && p.peek().kind == tokArrow {
		if p.at++; !p.isNext('{') {
			return p.syntax()
		}
		return p.fail(notSupported("A query attribute (=>)"))
	}
	return n
}

// operand is what "-" or "~" stands before.
func (p *queryParser) operand() *node {
	if p.dialect == 1 {
		return p.sequence(true)
	}
	if p.depth++; p.depth > maxQueryDepth {
		return p.fail(errQueryDepth)
	}
	defer func() { p.depth-- }()
	return p.unit()
}
