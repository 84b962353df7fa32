package search

import (
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// fieldUnit is @name: and what it holds, @a|b: of several, or @n>=5.
func (p *queryParser) fieldUnit() *node {
	names := []*token{p.peek()}
	p.at++
	if t := p.peek(); t.kind == tokCompare {
		return p.comparison(names[0])
	}
	for p.err == "" && p.isNext('|') && p.tokens[p.at+1].kind == tokTerm {
		names = append(names, &p.tokens[p.at+1])
		p.at += 2
	}
	if !p.expect(':') {
		return nil
	}
	var n *node
	switch {
	case len(names) == 1 && p.isNext('{'):
		n = p.tag(names[0])
	case len(names) == 1 && p.isNext('['):
		n = p.numbers(names[0])
	default:
		n = p.inFields(names)
	}
	return p.noAttributes(n)
}

// inFields is what words a text field must have.
func (p *queryParser) inFields(names []*token) *node {
	mask := make(fieldMask, len(p.ix.fields))
	for _, t := range names {
		at := p.resolve(t, fieldText)
		if p.err != "" {
			return nil
		}
		if at >= 0 {
			mask[at] = true
		}
	}
	var n *node
	if p.dialect == 1 {
		n = p.nested(p.union)
	} else {
		start := p.peek()
		if n = p.nested(p.unit); p.err == "" && !n.textOnly() {
			return p.about("Syntax error", start)
		}
	}
	n.restrict(mask)
	return n
}

func (p *queryParser) nested(parse func() *node) *node {
	if p.depth++; p.depth > maxQueryDepth {
		return p.fail(errQueryDepth)
	}
	defer func() { p.depth-- }()
	return parse()
}

// textOnly tells that below a node there are words only, none with a field of
// its own.
func (n *node) textOnly() bool {
	if n == nil {
		return true
	}
	if n.kind == nodeTag || n.kind == nodeNumber || n.kind == nodeAll || n.fields != nil {
		return false
	}
	for _, kid := range n.kids {
		if !kid.textOnly() {
			return false
		}
	}
	return true
}

// resolve finds a field of a type; -1 is none, in dialect 2 with an error.
func (p *queryParser) resolve(t *token, kind fieldKind) int {
	at := p.ix.field(unescapeQuery(t.text))
	switch {
	case at < 0 && p.dialect > 1:
		p.about("Unknown field", t)
	case at >= 0 && p.ix.fields[at].kind != kind:
		if p.dialect > 1 {
			p.about("Expected a "+kind.String()+" field", t)
		}
		return -1
	}
	return at
}

// tag is {a|b c|d*}. In dialect 1 the list goes on behind the brace when a "|"
// follows there, and the brace may be missing: so it is in RediSearch's grammar.
func (p *queryParser) tag(name *token) *node {
	p.at++
	n := &node{kind: nodeTag, field: p.resolve(name, fieldTag)}
	if p.err != "" || !p.tagValue(n) {
		return nil
	}
	for p.err == "" {
		switch {
		case p.accept('|'):
			p.tagValue(n)
		case p.accept('}'):
			if p.dialect > 1 {
				return n
			}
		case p.dialect > 1:
			return p.syntax()
		default:
			if p.ix.field(unescapeQuery(name.text)) < 0 {
				return nil
			}
			return n
		}
	}
	return nil
}

// tagValue reads one value; several words make one with blanks between them.
func (p *queryParser) tagValue(n *node) bool {
	t := p.peek()
	if t.kind == tokPrefix || t.kind == tokSuffix || t.kind == tokContains {
		p.at++
		return p.addTag(n, affixOf(t, false))
	}
	var parts []string
	for t := p.peek(); ; t = p.peek() {
		switch {
		case t.kind == tokParam && p.dialect > 1:
			val, ok := p.param(t.text)
			if !ok {
				return false
			}
			parts = append(parts, val)
		case t.kind == tokTerm || t.kind == tokNumber || t.kind == tokExact:
			parts = append(parts, unescapeQuery(t.text))
		case t.kind == tokStop && len(parts) == 0:
			p.at++
			return p.addTag(n, wordMatch{text: t.text})
		case t.kind == tokStop && len(parts) > 1: // the grammar drops it
		case len(parts) == 0:
			p.syntax()
			return false
		default:
			return p.addTag(n, wordMatch{text: strings.Join(parts, " ")})
		}
		p.at++
	}
}

func (p *queryParser) addTag(n *node, w wordMatch) bool {
	if n.field >= 0 && !p.ix.fields[n.field].exact {
		w.text = strings.ToLower(w.text)
	}
	n.words = append(n.words, w)
	return p.count(&w)
}

// numbers is [0 (5], in dialect 2 also [5].
func (p *queryParser) numbers(name *token) *node {
	p.at++
	n := &node{kind: nodeNumber, name: name.text}
	if p.dialect > 1 && p.ix.field(unescapeQuery(name.text)) < 0 { // its type is looked at last
		return p.about("Unknown field", name)
	}
	if p.dialect > 1 && p.peek().kind == tokTerm {
		return p.vectorRange()
	}
	if !p.bound(&n.min) {
		return nil
	}
	if p.dialect > 1 && p.accept(']') {
		n.max, n.field = n.min, p.resolve(name, fieldNumeric)
		return n
	}
	if !p.bound(&n.max) {
		return nil
	}
	if k := p.peek().kind; k == tokNumber || k == tokParam {
		if p.at++; p.peek().kind == tokTerm || p.peek().kind == tokParam {
			return p.fail(notSupported("A search by distance"))
		}
		return p.syntax()
	}
	if !p.expect(']') {
		return nil
	}
	n.field = p.resolve(name, fieldNumeric)
	if p.dialect == 1 && p.ix.field(unescapeQuery(name.text)) < 0 {
		return nil
	}
	return n
}

// vectorRange is [VECTOR_RANGE 0.5 $blob], of which RediSearch's grammar knows any first word.
func (p *queryParser) vectorRange() *node {
	p.at++
	if k := p.peek().kind; k == tokNumber || k == tokParam {
		if p.at++; p.peek().kind == tokParam {
			return p.fail(notSupported("A search by distance"))
		}
	}
	return p.syntax()
}

func (p *queryParser) bound(b *bound) bool {
	b.open = p.accept('(')
	sign := 1.0
	for p.accept('-') {
		sign = -sign
	}
	t := p.peek()
	switch {
	case t.kind == tokNumber:
		b.at = sign * t.num
	case t.kind == tokParam && p.dialect > 1:
		val, ok := p.param(t.text)
		if !ok {
			return false
		}
		v, isNumber := resp.ParseDouble([]byte(val))
		if !isNumber {
			p.fail(resp.Error("Invalid numeric value (" + val + ") for parameter `" + t.text + "`"))
			return false
		}
		b.at = sign * v
	default:
		p.syntax()
		return false
	}
	p.at++
	return true
}

// checkRanges looks for numbers in the wrong order, once all else is right.
func (p *queryParser) checkRanges(n *node) {
	if n == nil {
		return
	}
	if n.kind == nodeNumber && n.min.at > n.max.at {
		p.fail(resp.Error("Invalid numeric range (min > max): @" + n.name + ":[" + cDouble(n.min.at) + " " + cDouble(n.max.at) + "]"))
	}
	for _, kid := range n.kids {
		p.checkRanges(kid)
	}
}

// cDouble is C's %f.
func cDouble(v float64) string {
	if math.IsInf(v, 0) {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'f', 6, 64), "+"))
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}

// comparison is @n>=5 of dialect 2.
func (p *queryParser) comparison(name *token) *node {
	op := p.peek().text
	p.at++
	n := &node{kind: nodeNumber, name: name.text, field: p.resolve(name, fieldNumeric)}
	var b bound
	if p.err != "" || !p.bound(&b) {
		return nil
	}
	n.min, n.max = bound{at: math.Inf(-1)}, bound{at: math.Inf(1)}
	switch op {
	case ">":
		n.min = bound{b.at, true}
	case ">=":
		n.min = b
	case "<":
		n.max = bound{b.at, true}
	case "<=":
		n.max = b
	default:
		n.min, n.max = b, b
	}
	if op == "!=" {
		return negate(n)
	}
	return n
}
