package search

import (
	"bytes"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/datatypes"
	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// gathered holds the values of a key by field. It is reused for the next key.
type gathered struct {
	isJSON    bool
	values    [][][]byte // compact JSON, or the values of a hash
	unescaped []byte     // buffer for a text without its escapes
	lower     []byte     // buffer for a word in lower case
}

func (g *gathered) reset(fields int, json bool) {
	g.isJSON = json
	for len(g.values) < fields {
		g.values = append(g.values, nil)
	}
	g.values = g.values[:fields]
	for i := range g.values {
		g.values[i] = g.values[i][:0]
	}
}

// pathNode is one name in the paths of all fields. One walk over a document
// finds the values of all paths that consist of names.
type pathNode struct {
	fields      []int
	children    []*pathNode
	name        string
	otherFields []int // at the root: fields with other paths
}

// child finds the node of a name. It starts at hint, because documents often
// have their members in the same order.
func (n *pathNode) child(name []byte, hint *int) *pathNode {
	for range n.children {
		if *hint >= len(n.children) {
			*hint = 0
		}
		kid := n.children[*hint]
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
		n.otherFields = append(n.otherFields, at)
		return
	}
	for _, name := range names {
		hint := 0
		kid := n.child([]byte(name), &hint)
		if kid == nil {
			kid = &pathNode{name: name}
			n.children = append(n.children, kid)
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
	g := &ix.gathered
	g.reset(len(ix.fields), false)
	for at := range ix.fields {
		if v, there := h.Get([]byte(ix.fields[at].path)); there {
			g.values[at] = append(g.values[at], v)
		}
	}
	return g
}

// gatherJSON reads the values of all fields from a compact document.
func (ix *index) gatherJSON(text []byte) *gathered {
	g := &ix.gathered
	g.reset(len(ix.fields), true)
	g.collect(text, jsondoc.Whole(text), &ix.pathTree)
	for _, at := range ix.pathTree.otherFields {
		for _, f := range ix.fields[at].jsonPath.Find(text) {
			g.values[at] = append(g.values[at], text[f.From:f.To])
		}
	}
	return g
}

func (g *gathered) collect(text []byte, at jsondoc.Span, n *pathNode) {
	for _, field := range n.fields {
		g.values[field] = append(g.values[field], text[at.From:at.To])
	}
	var it jsondoc.Children
	if n.children == nil || !it.Open(text, at) || !it.IsObject {
		return
	}
	hint := 0
	for it.Next() {
		if kid := n.child(jsondoc.Unquote(nil, it.Name()), &hint); kid != nil {
			g.collect(text, it.Span, kid)
		}
	}
}

// Errors of RediSearch for values that it cannot index.
const (
	failureNumber       = "Invalid JSON type: Numeric type can represent only NUMERIC field"
	failureString       = "Invalid JSON type: String type can represent only TEXT, TAG, GEO or GEOMETRY field"
	failureBoolean      = "Invalid JSON type: Boolean type can be represent only TAG field"
	failureObject       = "Invalid JSON type: Object type can represent only GEOMETRY fields"
	failureMixedText    = "TEXT/TAG fields can only contain strings or nulls"
	failureMixedNumbers = "NUMERIC fields can only contain numeric or nulls"
	failureEmptyList    = "Success (not an error)" // RediSearch's text for an empty list in a SORTABLE field
	failureMissing      = "Key does not exist: "
	failureMissingHash  = "Key does not exist or is not a hash: "
	failureHashNumber   = "Invalid numeric value: "
	failureTooMany      = "OOM: rtcollector's embedded server indexes no more documents"
)

// check returns the first field whose value has the wrong type, and the error.
// The error is empty if all types are right.
func (ix *index) check(g *gathered) (at int, fault string) {
	for i := range ix.fields {
		values := g.values[i]
		switch {
		case len(values) == 0:
		case !g.isJSON:
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

// eachElement visits a value, or all elements of a list.
func (g *gathered) eachElement(val []byte, visit func([]byte)) {
	if !g.isJSON || val[0] != '[' {
		visit(val)
		return
	}
	var it jsondoc.Children
	it.Open(val, jsondoc.Whole(val))
	for it.Next() {
		visit(val[it.Span.From:it.Span.To])
	}
}

// eachText visits the strings of a value. A boolean is its word.
func (g *gathered) eachText(val []byte, visit func([]byte)) {
	g.eachElement(val, func(val []byte) {
		switch {
		case !g.isJSON:
		case val[0] == '"' && bytes.IndexByte(val, '\\') < 0:
			val = val[1 : len(val)-1]
		case val[0] == '"':
			g.unescaped = jsondoc.Unquote(g.unescaped[:0], val)
			val = g.unescaped
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

// parseNumber parses a number that was checked. It returns false for null.
func parseNumber(val []byte) (float64, bool) {
	if n, ok := resp.ParseInt(val); ok && len(val) < 16 {
		return float64(n), true
	}
	if v, err := strconv.ParseFloat(string(val), 64); err == nil {
		return v, true
	}
	return resp.ParseDouble(val)
}
