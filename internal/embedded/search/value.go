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
	valueNone valueKind = iota // there is no such field
	valueNull
	valueNumber
	valueText
)

// value is the value of a property in a document, a hash or a group.
type value struct {
	kind valueKind
	num  float64
	text string // of a number too if it comes from a hash
}

func numberValue(v float64) value { return value{kind: valueNumber, num: v} }

// String formats numbers as RediSearch does: whole ones plain, others with
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

// number returns the value for reducers.
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

// valueOfJSON converts a compact JSON value.
func valueOfJSON(text []byte) value {
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

// readSortable returns the value that a SORTABLE field stores for sorting; for
// texts of hashes that is the lower case. Other fields return the value itself.
func (e *evaluator) readSortable(slot uint32, p *property) value {
	v := e.readProperty(slot, p)
	f := &e.index.fields[p.field]
	switch {
	case !f.sortable:
	case !e.index.definition.isJSON && !f.unnormalized && v.kind == valueText:
		v.text = strings.ToLower(v.text)
	case e.index.definition.isJSON && (v.kind == valueText || v.kind == valueNumber && f.kind != fieldNumeric):
		at := p.path.Find(e.index.slots[slot].document.Text())[0]
		return sortableOfJSON(e.index.slots[slot].document.Text()[at.From:at.To])
	}
	return v
}

// sortableOfJSON converts a compact JSON value to the value that is stored for
// sorting. For a list that is the first element.
func sortableOfJSON(text []byte) value {
	if text[0] == '[' && len(text) > len("[]") {
		var elements jsondoc.Children
		elements.Open(text, jsondoc.Whole(text))
		elements.Next()
		text = text[elements.Span.From:elements.Span.To]
	}
	if text[0] == 't' || text[0] == 'f' {
		return value{kind: valueText, text: string(text)}
	}
	return valueOfJSON(text)
}

// compare compares numbers by size, all other values by text.
func (v value) compare(other value) int {
	if v.kind == valueNumber && other.kind == valueNumber {
		return cmp.Compare(v.num, other.num)
	}
	return cmp.Compare(v.String(), other.String())
}

// property is a name that a request reads from documents or hashes.
type property struct {
	name  string
	field int // position in the schema, or -1
	path  jsondoc.Path
	hash  string
}

// resolveProperty resolves a name or a path. It returns whether the schema has it.
func (ix *index) resolveProperty(path string) (p property, known bool) {
	p = property{name: path, field: ix.fieldAt(path), hash: path}
	if p.field >= 0 {
		f := &ix.fields[p.field]
		p.path, p.hash = f.jsonPath, f.path
		return p, true
	}
	if ix.definition.isJSON {
		var err resp.Error
		if p.path, err = jsondoc.ParsePath([]byte(path)); err != "" || p.path.IsLegacy() {
			p.path = jsondoc.Nowhere()
		}
	}
	return p, false
}

// readProperty returns the value of a property.
func (e *evaluator) readProperty(slot uint32, p *property) value {
	doc := e.index.slots[slot]
	if !e.index.definition.isJSON {
		return e.readHash(slot, doc, p)
	}
	if p.field >= 0 && e.index.fields[p.field].kind == fieldNumeric {
		if v := e.index.columns[p.field].numbers[slot]; !math.IsNaN(v) {
			return numberValue(v)
		}
	}
	found := p.path.Find(doc.document.Text())
	if len(found) == 0 {
		return value{}
	}
	return valueOfJSON(doc.document.Text()[found[0].From:found[0].To])
}

func (e *evaluator) readHash(slot uint32, doc *indexedKey, p *property) value {
	if !doc.hashHas(p.hash) {
		return value{}
	}
	v := value{kind: valueText, text: string(doc.hashField(p.hash))}
	if p.field >= 0 && e.index.fields[p.field].kind == fieldNumeric {
		return numberValue(e.index.columns[p.field].numbers[slot])
	}
	return v
}
