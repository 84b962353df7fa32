package search

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// openSearch parses FT.SEARCH or FT.AGGREGATE and returns the request with an
// evaluator for its query.
func (m *Module) openSearch(args [][]byte, aggregate bool) (*searchRequest, *evaluator, resp.Error) {
	ix := m.find(args[1])
	if ix == nil {
		return nil, nil, resp.Error("No such index " + string(args[1]))
	}
	ix.useCount.Add(1)
	r := &searchRequest{}
	err := r.parse(args[2:], aggregate)
	if err != "" {
		return nil, nil, err
	}
	if r.root, err = parseSearch(ix, r.query, r.params); err != "" {
		return nil, nil, err
	}
	ix.dialects.Or(1 << (r.dialect - 1))
	return r, ix.newEvaluator(), ""
}

func (m *Module) runSearch(c *keyspace.Session, args [][]byte) {
	c.Store.RLock(0)
	defer c.Store.RUnlock()
	r, e, err := m.openSearch(args, false)
	if c.Fail(err) {
		return
	}
	found := e.findSlots(r.root)
	hits, err := e.selectPage(found, r.sort, r.page)
	if c.Fail(err) {
		return
	}
	writeHits(c, e, r, int64(found.count()), hits)
}

// writeHits answers the keys with their fields: a map of maps in RESP3, a flat
// list in RESP2.
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
		key := e.index.slots[hits[i].slot].key
		if c.Out.RESP3 {
			c.Out.Map(per + 1)
			c.Out.Simple("id")
		}
		c.Out.Bulk(key)
		if !r.noContent {
			writeRow(c, reader.readRow(&hits[i]))
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

// writeRow answers the fields of one result.
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

// rowReader reads the fields of a result: the requested ones, or the sort key
// and the whole document.
type rowReader struct {
	evaluator  *evaluator
	request    *searchRequest
	properties []property
	cells      []cell
}

func newRowReader(e *evaluator, r *searchRequest) *rowReader {
	rr := &rowReader{evaluator: e, request: r}
	seen := map[string]bool{}
	for _, f := range r.returnFields {
		if seen[f.name] {
			continue
		}
		seen[f.name] = true
		p, _ := e.index.resolveProperty(f.path)
		p.name = f.name
		rr.properties = append(rr.properties, p)
	}
	return rr
}

func (rr *rowReader) readRow(h *hit) []cell {
	rr.cells = rr.cells[:0]
	for i := range rr.properties {
		rr.addCell(rr.properties[i].name, rr.evaluator.readProperty(h.slot, &rr.properties[i]))
	}
	if rr.request.returnFields != nil {
		return rr.cells
	}
	if len(rr.request.sort) > 0 && rr.evaluator.index.definition.isJSON {
		rr.addCell(rr.request.sort[0].name, h.keys[0])
	}
	doc := rr.evaluator.index.slots[h.slot]
	if rr.evaluator.index.definition.isJSON {
		if v := valueOfJSON(doc.document.Text()); v.kind == valueNull {
			rr.cells = append(rr.cells, cell{"$", v})
		} else {
			rr.addCell("$", v)
		}
	} else {
		rr.addHash(doc)
	}
	return rr.cells
}

func (rr *rowReader) addCell(name string, v value) {
	if v.kind != valueNone {
		rr.cells = append(rr.cells, cell{name, v})
	}
}

// addHash adds all fields of a hash, those of the schema first. Redis answers
// them in the order in which they were set, which is not stored here.
func (rr *rowReader) addHash(doc *indexedKey) {
	done := map[string]bool{}
	each := func(name string) {
		if !done[name] {
			done[name] = true
			rr.addCell(name, value{kind: valueText, text: string(doc.hashField(name))})
		}
	}
	if len(rr.request.sort) > 0 {
		if p, _ := rr.evaluator.index.resolveProperty(rr.request.sort[0].name); doc.hashHas(p.hash) {
			each(p.hash)
		}
	}
	for i := range rr.evaluator.index.fields {
		if f := &rr.evaluator.index.fields[i]; doc.hashHas(f.path) {
			each(f.path)
		}
	}
	for _, name := range doc.hash.FieldNames() {
		each(name)
	}
}
