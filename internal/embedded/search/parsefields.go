package search

import (
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// fieldUnit parses "@name:" with its value, "@a|b:" for several fields, or
// "@n>=5".
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
	return p.refuseAttributes(n)
}

// inFields parses the words that a text field must have.
func (p *queryParser) inFields(names []*token) *node {
	mask := make(fieldMask, len(p.index.fields))
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
		if n = p.nested(p.unit); p.err == "" && !n.isTextOnly() {
			return p.failAt("Syntax error", start)
		}
	}
	n.restrict(mask)
	return n
}

// nested parses one level deeper and bounds the depth.
func (p *queryParser) nested(parse func() *node) *node {
	if p.depth++; p.depth > maxQueryDepth {
		return p.fail(errQueryDepth)
	}
	defer func() { p.depth-- }()
	return parse()
}

// isTextOnly reports whether a node has only words without fields of their own.
func (n *node) isTextOnly() bool {
	if n == nil {
		return true
	}
	if n.kind == nodeTag || n.kind == nodeNumber || n.kind == nodeAll || n.fields != nil {
		return false
	}
	for _, kid := range n.children {
		if !kid.isTextOnly() {
			return false
		}
	}
	return true
}

// resolve returns the position of a field of a type. It returns -1 if there is
// none, in dialect 2 with an error.
func (p *queryParser) resolve(t *token, kind fieldKind) int {
	at := p.index.field(unescapeQuery(t.text))
	switch {
	case at < 0 && p.dialect > 1:
		p.failAt("Unknown field", t)
	case at >= 0 && p.index.fields[at].kind != kind:
		if p.dialect > 1 {
			p.failAt("Expected a "+kind.String()+" field", t)
		}
		return -1
	}
	return at
}

// tag parses {a|b c|d*}. In dialect 1, as in the grammar of RediSearch, the
// list continues after the brace if a "|" follows, and the brace may be
// missing.
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
			return p.failSyntax()
		default:
			if p.index.field(unescapeQuery(name.text)) < 0 {
				return nil
			}
			return n
		}
	}
	return nil
}

// tagValue parses one value. Several words form one value with blanks between
// them.
func (p *queryParser) tagValue(n *node) bool {
	t := p.peek()
	if t.kind == tokPrefix || t.kind == tokSuffix || t.kind == tokContains {
		p.at++
		return p.addTag(n, newAffix(t, false))
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
		case t.kind == tokStop && len(parts) > 1: // the grammar ignores it
		case len(parts) == 0:
			p.failSyntax()
			return false
		default:
			return p.addTag(n, wordMatch{text: strings.Join(parts, " ")})
		}
		p.at++
	}
}

func (p *queryParser) addTag(n *node, w wordMatch) bool {
	if n.field >= 0 && !p.index.fields[n.field].caseSensitive {
		w.text = strings.ToLower(w.text)
	}
	n.words = append(n.words, w)
	return p.countWork(&w)
}

// numbers parses [0 (5], and in dialect 2 also [5].
func (p *queryParser) numbers(name *token) *node {
	p.at++
	n := &node{kind: nodeNumber, name: name.text}
	if p.dialect > 1 && p.index.field(unescapeQuery(name.text)) < 0 { // its type is checked last
		return p.failAt("Unknown field", name)
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
		return p.failSyntax()
	}
	if !p.expect(']') {
		return nil
	}
	n.field = p.resolve(name, fieldNumeric)
	if p.dialect == 1 && p.index.field(unescapeQuery(name.text)) < 0 {
		return nil
	}
	return n
}

// vectorRange parses [VECTOR_RANGE 0.5 $blob]. The grammar of RediSearch
// accepts any word in the first place.
func (p *queryParser) vectorRange() *node {
	p.at++
	if k := p.peek().kind; k == tokNumber || k == tokParam {
		if p.at++; p.peek().kind == tokParam {
			return p.fail(notSupported("A search by distance"))
		}
	}
	return p.failSyntax()
}

// bound parses one end of a range.
func (p *queryParser) bound(b *bound) bool {
	b.excluded = p.accept('(')
	sign := 1.0
	for p.accept('-') {
		sign = -sign
	}
	t := p.peek()
	switch {
	case t.kind == tokNumber:
		b.value = sign * t.num
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
		b.value = sign * v
	default:
		p.failSyntax()
		return false
	}
	p.at++
	return true
}

// checkRanges rejects ranges in the wrong order after the query has been
// parsed.
func (p *queryParser) checkRanges(n *node) {
	if n == nil {
		return
	}
	if n.kind == nodeNumber && n.min.value > n.max.value {
		p.fail(resp.Error("Invalid numeric range (min > max): @" + n.name + ":[" + formatDouble(n.min.value) + " " + formatDouble(n.max.value) + "]"))
	}
	for _, kid := range n.children {
		p.checkRanges(kid)
	}
}

// formatDouble formats a number like %f of C.
func formatDouble(v float64) string {
	if math.IsInf(v, 0) {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'f', 6, 64), "+"))
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}

// comparison parses @n>=5 of dialect 2.
func (p *queryParser) comparison(name *token) *node {
	op := p.peek().text
	p.at++
	n := &node{kind: nodeNumber, name: name.text, field: p.resolve(name, fieldNumeric)}
	var b bound
	if p.err != "" || !p.bound(&b) {
		return nil
	}
	n.min, n.max = bound{value: math.Inf(-1)}, bound{value: math.Inf(1)}
	switch op {
	case ">":
		n.min = bound{b.value, true}
	case ">=":
		n.min = b
	case "<":
		n.max = bound{b.value, true}
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
