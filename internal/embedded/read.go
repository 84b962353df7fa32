package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errThird = resp.Error("ERR TSDB: wrong 3rd argument")

func tsGet(c *conn, args [][]byte) {
	if len(args) > 3 {
		c.fail(errArity)
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	s := d.keys[string(args[1])]
	if s == nil {
		c.fail(d.missing(args[1]))
		return
	}
	latest := len(args) > 2
	if latest && !resp.IsWord(args[2], "LATEST") {
		c.fail(errThird)
		return
	}
	c.last(s, latest)
}

// last answers the newest sample, or an empty array.
func (c *conn) last(s *series, latest bool) {
	if latest {
		if open, ok := s.latest(); ok && (s.count == 0 || open.ts > s.lastTS) {
			writeSample(&c.out, open)
			return
		}
	}
	if s.count == 0 {
		c.out.Array(0)
		return
	}
	writeSample(&c.out, sample{s.lastTS, s.lastV})
}

func tsRange(c *conn, args [][]byte)    { rangeOne(c, args, false) }
func tsRevRange(c *conn, args [][]byte) { rangeOne(c, args, true) }

func rangeOne(c *conn, args [][]byte, reverse bool) {
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	s := d.keys[string(args[1])]
	if s == nil {
		c.fail(d.missing(args[1]))
		return
	}
	q, err := parseQuery(args[2:], reverse)
	if c.fail(err) {
		return
	}
	list, err := q.selectFrom(s, c.scratch)
	if c.fail(err) {
		return
	}
	c.scratch = list
	writeSamples(&c.out, list)
}

func tsQueryIndex(c *conn, args [][]byte) {
	ms, err := parseMatchers(args[1:])
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	found := d.idx.query(ms)
	c.out.Set(len(found))
	for _, s := range found {
		c.out.Bulk(s.key)
	}
}

func tsMGet(c *conn, args [][]byte) {
	filter := wordAt(args, "FILTER")
	if filter < 0 {
		c.fail(errArity)
		return
	}
	q := query{count: -1, latest: wordAt(args, "LATEST") >= 0}
	if err := q.takeLabels(args); c.fail(err) {
		return
	}
	var err resp.Error
	if q.matchers, err = parseMatchers(args[filter+1:]); c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	found := d.idx.query(q.matchers)
	c.out.Pairs(len(found))
	for _, s := range found {
		c.entry(s.key, 3)
		c.labels(s, &q)
		c.last(s, q.latest)
	}
}

// entry starts a series in a reply about several: on RESP2 an array that the
// key begins, on RESP3 the key of a map and an array of the rest.
func (c *conn) entry(key string, parts int) {
	c.out.Pair(parts)
	c.out.Bulk(key)
	if c.out.RESP3 {
		c.out.Array(parts - 1)
	}
}

// labels answers those asked for; a selected one that is not there is null.
func (c *conn) labels(s *series, q *query) {
	switch {
	case q.withLabels:
		c.allLabels(s)
	case q.selected != nil:
		c.out.Pairs(len(q.selected))
		for _, name := range q.selected {
			c.out.Pair(2)
			c.out.Bulk(name)
			if v, ok := s.label(name); ok {
				c.out.Bulk(v)
			} else {
				c.out.Null()
			}
		}
	default:
		c.out.Pairs(0)
	}
}

// groupLabels answers the selected labels of a group, which has that of GROUPBY only.
func (c *conn) groupLabels(q *query, g *group) {
	c.out.Pairs(len(q.selected))
	for _, name := range q.selected {
		c.out.Pair(2)
		c.out.Bulk(name)
		if name == q.groupBy {
			c.out.Bulk(g.value)
		} else {
			c.out.Null()
		}
	}
}

func (c *conn) allLabels(s *series) {
	c.out.Pairs(len(s.labels))
	for _, ref := range s.labels {
		c.out.Pair(2)
		c.out.Bulk(ref.p.name)
		c.out.Bulk(ref.p.value)
	}
}

func tsMRange(c *conn, args [][]byte)    { rangeMany(c, args, false) }
func tsMRevRange(c *conn, args [][]byte) { rangeMany(c, args, true) }

func rangeMany(c *conn, args [][]byte, reverse bool) {
	q, err := parseQuery(args[1:], reverse)
	if c.fail(err) {
		return
	}
	if err = q.takeSeries(args[3:]); c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	found := d.idx.query(q.matchers)
	undo := c.out.Len()
	if q.grouped {
		err = c.rangeGroups(q, found)
	} else {
		err = c.rangeEach(q, found)
	}
	if err != "" { // in the middle of a reply: take it back
		c.out.Truncate(undo)
		c.fail(err)
	}
}

func (c *conn) rangeEach(q *query, found []*series) resp.Error {
	c.out.Pairs(len(found))
	for _, s := range found {
		list, err := q.selectFrom(s, c.scratch)
		if err != "" {
			return err
		}
		c.scratch = list
		parts := 3
		if c.out.RESP3 {
			parts = 4
		}
		c.entry(s.key, parts)
		c.labels(s, q)
		if c.out.RESP3 {
			c.aggregators(q)
		}
		writeSamples(&c.out, list)
	}
	return ""
}

func (c *conn) aggregators(q *query) {
	c.out.Map(1)
	c.out.Bulk("aggregators")
	if q.agg == aggNone {
		c.out.Array(0)
		return
	}
	c.out.Array(1)
	c.out.Bulk(q.agg.String())
}

func (c *conn) rangeGroups(q *query, found []*series) resp.Error {
	gs, err := q.groups(found)
	if err != "" {
		return err
	}
	c.out.Pairs(len(gs))
	for i := range gs {
		if c.out.RESP3 {
			c.group3(q, &gs[i])
		} else {
			c.group2(q, &gs[i])
		}
		writeSamples(&c.out, gs[i].samples)
	}
	return ""
}

// group2: RESP2 has reducer and sources among the labels.
func (c *conn) group2(q *query, g *group) {
	c.entry(q.groupBy+"="+g.value, 3)
	if !q.withLabels {
		c.groupLabels(q, g)
		return
	}
	keys := make([]string, len(g.members))
	for i, s := range g.members {
		keys[i] = s.key
	}
	c.out.Array(3)
	for _, l := range [][2]string{
		{q.groupBy, g.value}, {"__reducer__", q.reducer.String()}, {"__source__", strings.Join(keys, ",")},
	} {
		c.out.Array(2)
		c.out.Bulk(l[0])
		c.out.Bulk(l[1])
	}
}

// group3: RESP3 has them beside the labels, always.
func (c *conn) group3(q *query, g *group) {
	c.entry(q.groupBy+"="+g.value, 5)
	if q.withLabels {
		c.out.Map(1)
		c.out.Bulk(q.groupBy)
		c.out.Bulk(g.value)
	} else {
		c.groupLabels(q, g)
	}
	c.out.Map(1)
	c.out.Bulk("reducers")
	c.out.Array(1)
	c.out.Bulk(q.reducer.String())
	c.out.Map(1)
	c.out.Bulk("sources")
	c.out.Array(len(g.members))
	for _, s := range g.members {
		c.out.Bulk(s.key)
	}
}

func writeSample(w *resp.Writer, s sample) {
	w.Array(2)
	w.Int(s.ts)
	w.SampleValue(s.v)
}

func writeSamples(w *resp.Writer, list []sample) {
	w.Array(len(list))
	for _, s := range list {
		writeSample(w, s)
	}
}
