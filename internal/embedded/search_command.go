package embedded

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// open finds the index of a request, with the store locked for reading:
// release it in any case.
func (c *conn) openIndex(name []byte) *searchIndex {
	st := c.srv.store
	st.rlock(0)
	ix := st.search.find(name)
	if ix == nil {
		c.fail(resp.Error("No such index " + string(name)))
		return nil
	}
	ix.uses.Add(1)
	return ix
}

func ftSearch(c *conn, args [][]byte) {
	ix := c.openIndex(args[1])
	defer c.srv.store.mu.RUnlock()
	if ix == nil {
		return
	}
	var r searchRequest
	if c.fail(r.parse(args[2:], false)) {
		return
	}
	root, err := parseSearch(ix, r.query, r.dialect, r.params)
	if c.fail(err) {
		return
	}
	ix.dialects.Or(1 << (r.dialect - 1))
	e := c.evaluator(ix)
	found := e.find(root)
	hits, err := e.choose(found, r.sort, r.page)
	if c.fail(err) {
		return
	}
	c.searchReply(e, &r, int64(found.count()), hits)
}

func (c *conn) evaluator(ix *searchIndex) *evaluator {
	e := ix.newEvaluator()
	if !ix.def.json {
		e.hashes = c.srv.store.dbs[0]
	}
	return e
}

// searchReply writes the documents: in RESP3 a map of maps, else a flat list.
func (c *conn) searchReply(e *evaluator, r *searchRequest, total int64, hits []hit) {
	start, per := c.out.Len(), 2
	if r.noContent {
		per = 1
	}
	if c.out.RESP3 {
		c.searchHead(len(hits))
	} else {
		c.out.Array(1 + per*len(hits))
		c.out.Int(total)
	}
	reader := newRowReader(e, r)
	for i := range hits {
		key := e.ix.slots[hits[i].slot].key
		if c.out.RESP3 {
			c.out.Map(per + 1)
			c.out.Simple("id")
		}
		c.out.Bulk(key)
		if !r.noContent {
			c.row(reader.row(&hits[i]))
		}
		if c.out.RESP3 {
			c.out.Simple("values")
			c.out.Array(0)
		}
		if c.tooLong(start) {
			return
		}
	}
	if c.out.RESP3 {
		c.searchTail(total)
	}
}

func (c *conn) searchHead(results int) {
	c.out.Map(5)
	c.out.Simple("attributes")
	c.out.Array(0)
	c.out.NamedText("format", "STRING")
	c.out.Simple("results")
	c.out.Array(results)
}

func (c *conn) searchTail(total int64) {
	c.out.NamedInt("total_results", total)
	c.out.Simple("warning")
	c.out.Array(0)
}

// row writes the fields of one result.
func (c *conn) row(cells []cell) {
	if c.out.RESP3 {
		c.out.Simple("extra_attributes")
	}
	c.out.Map(len(cells))
	for _, f := range cells {
		c.out.Bulk(f.name)
		writeValue(&c.out, f.val)
	}
}

// cell is a named value of a result.
type cell struct {
	name string
	val  value
}

// rowReader reads the fields that a search returns: those asked for, or what
// it is sorted by and the whole document.
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
		if v := jsonValue(doc.json); v.kind == valueNull {
			rr.cells = append(rr.cells, cell{"$", v})
		} else {
			rr.add("$", v)
		}
	} else {
		rr.hash(doc)
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
func (rr *rowReader) hash(doc *document) {
	done := map[string]bool{}
	each := func(name string) {
		if !done[name] {
			done[name] = true
			rr.add(name, value{kind: valueText, text: string(rr.e.hashField(doc.key, name))})
		}
	}
	if len(rr.r.sort) > 0 {
		if p, _ := rr.e.ix.property(rr.r.sort[0].name); rr.e.hashHas(doc.key, p.hash) {
			each(p.hash)
		}
	}
	for i := range rr.e.ix.fields {
		if f := &rr.e.ix.fields[i]; rr.e.hashHas(doc.key, f.path) {
			each(f.path)
		}
	}
	for _, name := range rr.e.hashes.hash(doc.key).names() {
		each(name)
	}
}
