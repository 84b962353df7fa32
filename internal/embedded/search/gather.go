package search

import (
	"bytes"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/datatypes"
	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// gathered is a indexedKey's values, each at the place of its field. It is
// reused from indexedKey to indexedKey.
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
// in one walk over a indexedKey.
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

func (n *pathNode) add(p *jsondoc.Path, at int) {
	names, ok := p.Names()
	if !ok {
		n.other = append(n.other, at)
		return
	}
	for _, name := range names {
		hint := 0
		kid := n.child([]byte(name), &hint)
		if kid == nil {
			kid = &pathNode{name: name}
			n.next = append(n.next, kid)
		}
		n = kid
	}
	n.fields = append(n.fields, at)
}

// gather reads the values of all fields. They are valid until the next call.
func (ix *index) gather(k *indexedKey) *gathered {
	if k.document != nil {
		return ix.gatherJSON(k.document.Text())
	}
	return ix.gatherHash(k.hash)
}

// gatherHash reads the values of all fields from a hash.
func (ix *index) gatherHash(h *datatypes.Hash) *gathered {
	g := &ix.scratch
	g.reset(len(ix.fields), false)
	for at := range ix.fields {
		if v, there := h.Get([]byte(ix.fields[at].path)); there {
			g.values[at] = append(g.values[at], v)
		}
	}
	return g
}

// gatherJSON finds the values of all fields in a compact indexedKey.
func (ix *index) gatherJSON(text []byte) *gathered {
	g := &ix.scratch
	g.reset(len(ix.fields), true)
	g.walk(text, jsondoc.Whole(text), &ix.paths)
	for _, at := range ix.paths.other {
		for _, f := range ix.fields[at].json.Find(text) {
			g.values[at] = append(g.values[at], text[f.From:f.To])
		}
	}
	return g
}

func (g *gathered) walk(text []byte, at jsondoc.Span, n *pathNode) {
	for _, field := range n.fields {
		g.values[field] = append(g.values[field], text[at.From:at.To])
	}
	var it jsondoc.Children
	if n.next == nil || !it.Open(text, at) || !it.IsObject {
		return
	}
	hint := 0
	for it.Next() {
		if kid := n.child(jsondoc.Unquote(nil, it.Name()), &hint); kid != nil {
			g.walk(text, it.Span, kid)
		}
	}
}

// What RediSearch says about documents that it cannot index.
const (
	failureNumber       = "Invalid JSON type: Numeric type can represent only NUMERIC field"
	failureString       = "Invalid JSON type: String type can represent only TEXT, TAG, GEO or GEOMETRY field"
	failureBoolean      = "Invalid JSON type: Boolean type can be represent only TAG field"
	failureObject       = "Invalid JSON type: Object type can represent only GEOMETRY fields"
	failureMixedText    = "TEXT/TAG fields can only contain strings or nulls"
	failureMixedNumbers = "NUMERIC fields can only contain numeric or nulls"
	failureEmptyList    = "Success (not an error)" // an empty list in a SORTABLE field, in RediSearch's words
	failureMissing      = "Key does not exist: "
	failureMissingHash  = "Key does not exist or is not a hash: "
	failureHashNumber   = "Invalid numeric value: "
	failureTooMany      = "OOM: rtcollector's embedded server indexes no more documents"
)

// check returns what is wrong with the first value that does not fit its
// field, and the field's place.
func (ix *index) check(g *gathered) (at int, fault string) {
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
			return failureHashNumber + "'" + string(val) + "'"
		}
	}
	return ""
}

func (f *field) checkJSON(val []byte) string {
	switch val[0] {
	case 'n':
	case '"':
		if f.kind == fieldNumeric {
			return failureString
		}
	case 't', 'f':
		if f.kind != fieldTag {
			return failureBoolean
		}
	case '{':
		return failureObject
	default:
		if f.kind != fieldNumeric {
			return failureNumber
		}
	}
	return ""
}

func (f *field) checkList(list []byte) string {
	var it jsondoc.Children
	it.Open(list, jsondoc.Whole(list))
	if len(list) == len("[]") && f.sortable {
		return failureEmptyList
	}
	for it.Next() {
		if fault := f.checkElement(list[it.Span.From]); fault != "" {
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
		return failureMixedNumbers
	case f.kind != fieldNumeric && first != '"':
		return failureMixedText
	}
	return ""
}

// eachElement visits a value, or what is in it when it is a list.
func (g *gathered) eachElement(val []byte, visit func([]byte)) {
	if !g.json || val[0] != '[' {
		visit(val)
		return
	}
	var it jsondoc.Children
	it.Open(val, jsondoc.Whole(val))
	for it.Next() {
		visit(val[it.Span.From:it.Span.To])
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
			g.plain = jsondoc.Unquote(g.plain[:0], val)
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
