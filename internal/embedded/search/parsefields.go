package search

import (
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// parseFieldUnit parses "@name:" with its value, "@a|b:" for several fields, or
// "@n>=5".
func (p *queryParser) parseFieldUnit() *node {
	names := []*token{p.peek()}
	p.at++
	if t := p.peek(); t.kind == tokCompare {
		return p.parseComparison(names[0])
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
		n = p.parseTag(names[0])
	case len(names) == 1 && p.isNext('['):
		n = p.parseRange(names[0])
	default:
		n = p.parseTextFields(names)
	}
	return p.refuseAttributes(n)
}

// parseTextFields parses the words that a text field must have.
func (p *queryParser) parseTextFields(names []*token) *node {
	mask := make(fieldMask, len(p.index.fields))
	for _, t := range names {
		at := p.resolveField(t, fieldText)
		if p.err != "" {
			return nil
		}
		mask[at] = true
	}
	start := p.peek()
	n := p.parseNested(p.parseUnit)
	if p.err == "" && !n.isTextOnly() {
		return p.failAt("Syntax error", start)
	}
	n.restrict(mask)
	return n
}

// parseNested parses one level deeper and bounds the depth.
func (p *queryParser) parseNested(parse func() *node) *node {
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

// resolveField returns the position of a field of a type. It fails and returns
// -1 if there is none.
func (p *queryParser) resolveField(t *token, kind fieldKind) int {
	at := p.index.fieldAt(unescape(t.text))
	switch {
	case at < 0:
		p.failAt("Unknown field", t)
	case p.index.fields[at].kind != kind:
		p.failAt("Expected a "+kind.String()+" field", t)
		return -1
	}
	return at
}

// parseTag parses {a|b c|d*}.
func (p *queryParser) parseTag(name *token) *node {
	p.at++
	n := &node{kind: nodeTag, field: p.resolveField(name, fieldTag)}
	if p.err != "" || !p.parseTagValue(n) {
		return nil
	}
	for p.err == "" {
		switch {
		case p.accept('|'):
			p.parseTagValue(n)
		case p.accept('}'):
			return n
		default:
			return p.failSyntax()
		}
	}
	return nil
}

// parseTagValue parses one value. Several words form one value with blanks between
// them.
func (p *queryParser) parseTagValue(n *node) bool {
	t := p.peek()
	if t.kind == tokPrefix || t.kind == tokSuffix || t.kind == tokContains {
		p.at++
		return p.addTag(n, newAffix(t, false))
	}
	var parts []string
	for t := p.peek(); ; t = p.peek() {
		switch {
		case t.kind == tokParam:
			val, ok := p.parameter(t.text)
			if !ok {
				return false
			}
			parts = append(parts, val)
		case t.kind == tokTerm || t.kind == tokNumber || t.kind == tokPhrase:
			parts = append(parts, unescape(t.text))
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

// parseRange parses [0 (5] and [5].
func (p *queryParser) parseRange(name *token) *node {
	p.at++
	n := &node{kind: nodeNumber, name: name.text}
	if p.index.fieldAt(unescape(name.text)) < 0 { // its type is checked last
		return p.failAt("Unknown field", name)
	}
	if p.peek().kind == tokTerm {
		return p.parseVectorRange()
	}
	if !p.parseBound(&n.min) {
		return nil
	}
	if p.accept(']') {
		n.max, n.field = n.min, p.resolveField(name, fieldNumeric)
		return n
	}
	if !p.parseBound(&n.max) {
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
	n.field = p.resolveField(name, fieldNumeric)
	return n
}

// parseVectorRange parses [VECTOR_RANGE 0.5 $blob]. The grammar of RediSearch
// accepts any word in the first place.
func (p *queryParser) parseVectorRange() *node {
	p.at++
	if k := p.peek().kind; k == tokNumber || k == tokParam {
		if p.at++; p.peek().kind == tokParam {
			return p.fail(notSupported("A search by distance"))
		}
	}
	return p.failSyntax()
}

// parseBound parses one end of a range.
func (p *queryParser) parseBound(b *bound) bool {
	b.excluded = p.accept('(')
	sign := 1.0
	for p.accept('-') {
		sign = -sign
	}
	t := p.peek()
	switch t.kind {
	case tokNumber:
		b.value = sign * t.num
	case tokParam:
		val, ok := p.parameter(t.text)
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

// parseComparison parses @n>=5.
func (p *queryParser) parseComparison(name *token) *node {
	op := p.peek().text
	p.at++
	n := &node{kind: nodeNumber, name: name.text, field: p.resolveField(name, fieldNumeric)}
	var b bound
	if p.err != "" || !p.parseBound(&b) {
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
