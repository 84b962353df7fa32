package embedded

import (
	"bytes"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// gathered is a document's values, each at the place of its field. It is
// reused from document to document.
type gathered struct {
	json   bool
	values [][][]byte // compact JSON, or what a hash has
	plain  []byte     // a text without its escapes
	lower  []byte     // a word in lower case
}

func (g *gathered) reset(fields int, json bool) {
	g.json = json
	for len(g.values) < fields {
		g.values = append(g.values, nil)
	}
	g.values = g.values[:fields]
	for i := range g.values {
		g.values[i] = g.values[i][:0]
	}
}

// pathNode is a step of paths that consist of names; all of them are followed
// in one walk over a document.
type pathNode struct {
	fields []int
	next   []*pathNode
	name   string
	other  []int // at the root: fields whose paths need a walk of their own
}

// child finds a member among those that are looked for. hint is where the next
// one is expected: documents tend to have their members in one order.
func (n *pathNode) child(name []byte, hint *int) *pathNode {
	for range n.next {
		if *hint >= len(n.next) {
			*hint = 0
		}
		kid := n.next[*hint]
		*hint++
		if string(name) == kid.name {
			return kid
		}
	}
	return nil
}

func (n *pathNode) add(p *jsonPath, at int) {
	for _, s := range p.steps {
		if s.kind != stepName {
			n.other = append(n.other, at)
			return
		}
	}
	for _, s := range p.steps {
		hint := 0
		kid := n.child([]byte(s.name), &hint)
		if kid == nil {
			kid = &pathNode{name: s.name}
			n.next = append(n.next, kid)
		}
		n = kid
	}
	n.fields = append(n.fields, at)
}

// gatherHash reads the values of all fields from a hash.
func (ix *searchIndex) gatherHash(h *hashObject) *gathered {
	g := &ix.scratch
	g.reset(len(ix.fields), false)
	for at := range ix.fields {
		if v, there := h.get([]byte(ix.fields[at].path)); there {
			g.values[at] = append(g.values[at], v)
		}
	}
	return g
}

// gatherJSON finds the values of all fields in a compact document.
func (ix *searchIndex) gatherJSON(text []byte) *gathered {
	g := &ix.scratch
	g.reset(len(ix.fields), true)
	g.walk(text, textSpan{0, 0, len(text)}, &ix.paths)
	for _, at := range ix.paths.other {
		for _, f := range ix.fields[at].json.find(text) {
			g.values[at] = append(g.values[at], text[f.from:f.to])
		}
	}
	return g
}

func (g *gathered) walk(text []byte, at textSpan, n *pathNode) {
	for _, field := range n.fields {
		g.values[field] = append(g.values[field], text[at.from:at.to])
	}
	var it children
	if n.next == nil || !it.open(text, at) || !it.object {
		return
	}
	hint := 0
	for it.next() {
		if kid := n.child(unquoteJSON(nil, it.name()), &hint); kid != nil {
			g.walk(text, it.span, kid)
		}
	}
}

// What RediSearch says about documents that it cannot index.
const (
	faultNumber     = "Invalid JSON type: Numeric type can represent only NUMERIC field"
	faultString     = "Invalid JSON type: String type can represent only TEXT, TAG, GEO or GEOMETRY field"
	faultBoolean    = "Invalid JSON type: Boolean type can be represent only TAG field"
	faultObject     = "Invalid JSON type: Object type can represent only GEOMETRY fields"
	faultMixedText  = "TEXT/TAG fields can only contain strings or nulls"
	faultMixedNum   = "NUMERIC fields can only contain numeric or nulls"
	faultEmptyList  = "Success (not an error)" // an empty list in a SORTABLE field, in RediSearch's words
	faultGone       = "Key does not exist: "
	faultGoneHash   = "Key does not exist or is not a hash: "
	faultHashNumber = "Invalid numeric value: "
	faultTooMany    = "OOM: rtcollector's embedded server indexes no more documents"
)

// check returns what is wrong with the first value that does not fit its
// field, and the field's place.
func (ix *searchIndex) check(g *gathered) (at int, fault string) {
	for i := range ix.fields {
		values := g.values[i]
		switch {
		case len(values) == 0:
		case !g.json:
			fault = ix.fields[i].checkHash(values[0])
		case len(values) == 1 && values[0][0] != '[':
			fault = ix.fields[i].checkJSON(values[0])
		case len(values) == 1:
			fault = ix.fields[i].checkList(values[0])
		default:
			fault = ix.fields[i].checkSeveral(values)
		}
		if fault != "" {
			return i, fault
		}
	}
	return 0, ""
}

func (f *field) checkHash(val []byte) string {
	if f.kind == fieldNumeric {
		if _, ok := resp.ParseDouble(val); !ok {
			return faultHashNumber + "'" + string(val) + "'"
		}
	}
	return ""
}

func (f *field) checkJSON(val []byte) string {
	switch val[0] {
	case 'n':
	case '"':
		if f.kind == fieldNumeric {
			return faultString
		}
	case 't', 'f':
		if f.kind != fieldTag {
			return faultBoolean
		}
	case '{':
		return faultObject
	default:
		if f.kind != fieldNumeric {
			return faultNumber
		}
	}
	return ""
}

func (f *field) checkList(list []byte) string {
	var it children
	it.open(list, textSpan{0, 0, len(list)})
	if len(list) == len("[]") && f.sortable {
		return faultEmptyList
	}
	for it.next() {
		if fault := f.checkElement(list[it.span.from]); fault != "" {
			return fault
		}
	}
	return ""
}

func (f *field) checkSeveral(values [][]byte) string {
	for _, val := range values {
		if fault := f.checkElement(val[0]); fault != "" {
			return fault
		}
	}
	return ""
}

func (f *field) checkElement(first byte) string {
	number := first == '-' || first >= '0' && first <= '9'
	switch {
	case first == 'n':
	case f.kind == fieldNumeric && !number:
		return faultMixedNum
	case f.kind != fieldNumeric && first != '"':
		return faultMixedText
	}
	return ""
}

// eachElement visits a value, or what is in it when it is a list.
func (g *gathered) eachElement(val []byte, visit func([]byte)) {
	if !g.json || val[0] != '[' {
		visit(val)
		return
	}
	var it children
	it.open(val, textSpan{0, 0, len(val)})
	for it.next() {
		visit(val[it.span.from:it.span.to])
	}
}

// eachText visits the strings of a value; a boolean is the word for it.
func (g *gathered) eachText(val []byte, visit func([]byte)) {
	g.eachElement(val, func(val []byte) {
		switch {
		case !g.json:
		case val[0] == '"' && bytes.IndexByte(val, '\\') < 0:
			val = val[1 : len(val)-1]
		case val[0] == '"':
			g.plain = unquoteJSON(g.plain[:0], val)
			val = g.plain
		case val[0] == 'n':
			return
		}
		visit(val)
	})
}

func (g *gathered) eachNumber(val []byte, visit func(float64)) {
	g.eachElement(val, func(val []byte) {
		if v, ok := parseNumber(val); ok {
			visit(v)
		}
	})
}

// parseNumber reads a number that was checked; false for null.
func parseNumber(val []byte) (float64, bool) {
	if n, ok := resp.ParseInt(val); ok && len(val) < 16 {
		return float64(n), true
	}
	if v, err := strconv.ParseFloat(string(val), 64); err == nil {
		return v, true
	}
	return resp.ParseDouble(val)
}
