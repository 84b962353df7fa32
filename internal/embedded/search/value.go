package search

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type valueKind uint8

const (
	valueNone valueKind = iota // the indexedKey has no such field
	valueNull
	valueNumber
	valueText
)

// value is what a indexedKey or a group has in a property.
type value struct {
	kind valueKind
	num  float64
	text string // also of a number that a hash holds
}

func numberValue(v float64) value { return value{kind: valueNumber, num: v} }

// String writes numbers as RediSearch does: whole ones plain, others with
// twelve digits.
func (v value) String() string {
	if v.kind != valueNumber || v.text != "" {
		return v.text
	}
	if v.num == math.Trunc(v.num) && math.Abs(v.num) < 1<<63 {
		return strconv.FormatInt(int64(v.num), 10)
	}
	return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v.num, 'g', 12, 64), "+"))
}

// number is the value as reducers take it.
func (v value) number() (float64, bool) {
	switch v.kind {
	case valueNumber:
		return v.num, true
	case valueText:
		return resp.ParseDouble([]byte(v.text))
	}
	return 0, false
}

func writeValue(w *resp.Writer, v value) {
	if v.kind == valueNull || v.kind == valueNone {
		w.Null()
	} else {
		w.Bulk(v.String())
	}
}

// jsonValue is what a compact JSON value is in a reply.
func jsonValue(text []byte) value {
	switch text[0] {
	case '"':
		return value{kind: valueText, text: string(jsondoc.Unquote(nil, text))}
	case '{', '[':
		return value{kind: valueText, text: string(text)}
	case 't':
		return numberValue(1)
	case 'f':
		return numberValue(0)
	case 'n':
		return value{kind: valueNull}
	}
	v, _ := parseNumber(text)
	return numberValue(v)
}

// kept is read for a step that takes what is kept for sorting, if anything is: of a hash a text in lower case.
func (e *evaluator) kept(slot uint32, p *property) value {
	v := e.read(slot, p)
	f := &e.ix.fields[p.field]
	switch {
	case !f.sortable:
	case !e.ix.def.json && !f.unf && v.kind == valueText:
		v.text = strings.ToLower(v.text)
	case e.ix.def.json && (v.kind == valueText || v.kind == valueNumber && f.kind != fieldNumeric):
		at := p.path.Find(e.ix.slots[slot].document.Text())[0]
		return sortableValue(e.ix.slots[slot].document.Text()[at.From:at.To])
	}
	return v
}

// sortableValue is what of a compact JSON value is kept for sorting: of a list the first element.
func sortableValue(text []byte) value {
	if text[0] == '[' && len(text) > len("[]") {
		var elements jsondoc.Children
		elements.Open(text, jsondoc.Whole(text))
		elements.Next()
		text = text[elements.Span.From:elements.Span.To]
	}
	if text[0] == 't' || text[0] == 'f' {
		return value{kind: valueText, text: string(text)}
	}
	return jsonValue(text)
}

// compare orders values: numbers by size, else by text.
func (v value) compare(other value) int {
	if v.kind == valueNumber && other.kind == valueNumber {
		return cmp.Compare(v.num, other.num)
	}
	return cmp.Compare(v.String(), other.String())
}

// property is a name that a request reads from documents.
type property struct {
	name  string
	field int // of the schema; -1: path leads to it
	path  jsondoc.Path
	hash  string
}

// property resolves a name or path: known tells that it is in the schema.
func (ix *index) property(path string) (p property, known bool) {
	p = property{name: path, field: ix.field(path), hash: path}
	if p.field >= 0 {
		f := &ix.fields[p.field]
		p.path, p.hash = f.json, f.path
		return p, true
	}
	if ix.def.json {
		var err resp.Error
		if p.path, err = jsondoc.ParsePath([]byte(path)); err != "" || p.path.IsLegacy() {
			p.path = jsondoc.Nowhere()
		}
	}
	return p, false
}

// read returns what a indexedKey has in a property.
func (e *evaluator) read(slot uint32, p *property) value {
	doc := e.ix.slots[slot]
	if !e.ix.def.json {
		return e.readHash(slot, doc, p)
	}
	if p.field >= 0 && e.ix.fields[p.field].kind == fieldNumeric {
		if v := e.ix.columns[p.field].numbers[slot]; !math.IsNaN(v) {
			return numberValue(v)
		}
	}
	found := p.path.Find(doc.document.Text())
	if len(found) == 0 {
		return value{}
	}
	return jsonValue(doc.document.Text()[found[0].From:found[0].To])
}

func (e *evaluator) readHash(slot uint32, doc *indexedKey, p *property) value {
	if !doc.hashHas(p.hash) {
		return value{}
	}
	v := value{kind: valueText, text: string(doc.hashField(p.hash))}
	if p.field >= 0 && e.ix.fields[p.field].kind == fieldNumeric {
		return numberValue(e.ix.columns[p.field].numbers[slot])
	}
	return v
}
