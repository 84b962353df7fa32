package search

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// open finds the index of a request, with the store locked for reading:
// release it in any case.
func (m *Module) openIndex(c *keyspace.Session, name []byte) *index {
	c.Store.RLock(0)
	ix := m.find(name)
	if ix == nil {
		c.Fail(resp.Error("No such index " + string(name)))
		return nil
	}
	ix.uses.Add(1)
	return ix
}

func (m *Module) runSearch(c *keyspace.Session, args [][]byte) {
	ix := m.openIndex(c, args[1])
	defer c.Store.RUnlock()
	if ix == nil {
		return
	}
	var r searchRequest
	if c.Fail(r.parse(args[2:], false)) {
		return
	}
	root, err := parseSearch(ix, r.query, r.dialect, r.params)
	if c.Fail(err) {
		return
	}
	ix.dialects.Or(1 << (r.dialect - 1))
	e := ix.newEvaluator()
	found := e.find(root)
	hits, err := e.choose(found, r.sort, r.page)
	if c.Fail(err) {
		return
	}
	writeHits(c, e, &r, int64(found.count()), hits)
}

// searchReply writes the documents: in RESP3 a map of maps, else a flat list.
func writeHits(c *keyspace.Session, e *evaluator, r *searchRequest, total int64, hits []hit) {
	start, per := c.Out.Len(), 2
	if r.noContent {
		per = 1
	}
	if c.Out.RESP3 {
		writeResultHead(c, len(hits))
	} else {
		c.Out.Array(1 + per*len(hits))
		c.Out.Int(total)
	}
	reader := newRowReader(e, r)
	for i := range hits {
		key := e.ix.slots[hits[i].slot].key
		if c.Out.RESP3 {
			c.Out.Map(per + 1)
			c.Out.Simple("id")
		}
		c.Out.Bulk(key)
		if !r.noContent {
			writeRow(c, reader.row(&hits[i]))
		}
		if c.Out.RESP3 {
			c.Out.Simple("values")
			c.Out.Array(0)
		}
		if c.FailLongReply(start) {
			return
		}
	}
	if c.Out.RESP3 {
		writeResultTail(c, total)
	}
}

func writeResultHead(c *keyspace.Session, results int) {
	c.Out.Map(5)
	c.Out.Simple("attributes")
	c.Out.Array(0)
	c.Out.NamedText("format", "STRING")
	c.Out.Simple("results")
	c.Out.Array(results)
}

func writeResultTail(c *keyspace.Session, total int64) {
	c.Out.NamedInt("total_results", total)
	c.Out.Simple("warning")
	c.Out.Array(0)
}

// row writes the fields of one result.
func writeRow(c *keyspace.Session, cells []cell) {
	if c.Out.RESP3 {
		c.Out.Simple("extra_attributes")
	}
	c.Out.Map(len(cells))
	for _, f := range cells {
		c.Out.Bulk(f.name)
		writeValue(&c.Out, f.val)
	}
}

// cell is a named value of a result.
type cell struct {
	name string
	val  value
}

// rowReader reads the fields that a search returns: those asked for, or what
// it is sorted by and the whole indexedKey.
type rowReader struct {
	e     *evaluator
	r     *searchRequest
	props []property
	cells []cell
}

func newRowReader(e *evaluator, r *searchRequest) *rowReader {
	rr := &rowReader{e: e, r: r}
	seen := map[string]bool{}
	for _, f := range r.returns {
		if seen[f.name] {
			continue
		}
		seen[f.name] = true
		p, _ := e.ix.property(f.path)
		p.name = f.name
		rr.props = append(rr.props, p)
	}
	return rr
}

func (rr *rowReader) row(h *hit) []cell {
	rr.cells = rr.cells[:0]
	for i := range rr.props {
		rr.add(rr.props[i].name, rr.e.read(h.slot, &rr.props[i]))
	}
	if rr.r.returns != nil {
		return rr.cells
	}
	if len(rr.r.sort) > 0 && rr.e.ix.def.json {
		rr.add(rr.r.sort[0].name, h.keys[0])
	}
	doc := rr.e.ix.slots[h.slot]
	if rr.e.ix.def.json {
		if v := jsonValue(doc.document.Text()); v.kind == valueNull {
			rr.cells = append(rr.cells, cell{"$", v})
		} else {
			rr.add("$", v)
		}
	} else {
		rr.addHash(doc)
	}
	return rr.cells
}

func (rr *rowReader) add(name string, v value) {
	if v.kind != valueNone {
		rr.cells = append(rr.cells, cell{name, v})
	}
}

// hash adds all fields of a hash: those of the schema first, in its order. Redis
// has them in the order in which they were set, which is not kept here.
func (rr *rowReader) addHash(doc *indexedKey) {
	done := map[string]bool{}
	each := func(name string) {
		if !done[name] {
			done[name] = true
			rr.add(name, value{kind: valueText, text: string(doc.hashField(name))})
		}
	}
	if len(rr.r.sort) > 0 {
		if p, _ := rr.e.ix.property(rr.r.sort[0].name); doc.hashHas(p.hash) {
			each(p.hash)
		}
	}
	for i := range rr.e.ix.fields {
		if f := &rr.e.ix.fields[i]; doc.hashHas(f.path) {
			each(f.path)
		}
	}
	for _, name := range doc.hash.FieldNames() {
		each(name)
	}
}
