package timeseries

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errThirdArgument = resp.Error("ERR TSDB: wrong 3rd argument")

func (m *Module) runGet(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if len(args) > 3 {
		c.Fail(keyspace.ErrArity)
		return
	}
	s := findSeries(c, d, args[1])
	if s == nil {
		return
	}
	latest := len(args) > 2
	if latest && !resp.IsWord(args[2], "LATEST") {
		c.Fail(errThirdArgument)
		return
	}
	writeLast(c, s, latest)
}

// writeLast answers the newest sample, or an empty array. With latest that
// includes the open bucket of a compaction.
func writeLast(c *keyspace.Session, s *series, latest bool) {
	if latest {
		if open, ok := s.openBucket(); ok && (s.count == 0 || open.ts > s.lastTS) {
			writeSample(&c.Out, open)
			return
		}
	}
	if s.count == 0 {
		c.Out.Array(0)
		return
	}
	writeSample(&c.Out, sample{s.lastTS, s.lastV})
}

func (m *Module) runRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	m.runRangeOfOne(c, d, args, false)
}

func (m *Module) runRevRange(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	m.runRangeOfOne(c, d, args, true)
}

func (m *Module) runRangeOfOne(c *keyspace.Session, d *keyspace.Database, args [][]byte, reverse bool) {
	s := findSeries(c, d, args[1])
	if s == nil {
		return
	}
	q, err := parseQuery(args[2:], reverse)
	if c.Fail(err) {
		return
	}
	c.Fail(m.writeRange(c, q, s))
}

// writeRange answers the samples that a query selects from a series. It reuses
// the buffers of earlier queries.
func (m *Module) writeRange(c *keyspace.Session, q *query, s *series) resp.Error {
	buffer, _ := m.buffers.Get().(*[]sample)
	if buffer == nil {
		buffer = new([]sample)
	}
	samples, err := q.selectFrom(s, *buffer)
	if err != "" {
		return err
	}
	writeSamples(&c.Out, samples)
	if cap(samples) <= resp.KeptBufferBytes/sampleBytes {
		*buffer = samples
		m.buffers.Put(buffer)
	}
	return ""
}

func (m *Module) runQueryIndex(c *keyspace.Session, args [][]byte) {
	ms, err := parseMatchers(args[1:])
	if c.Fail(err) {
		return
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	found := m.homes[d].index.query(ms)
	c.Out.Set(len(found))
	for _, s := range found {
		c.Out.Bulk(s.key)
	}
}

func (m *Module) runMGet(c *keyspace.Session, args [][]byte) {
	filter := indexOfWord(args, "FILTER")
	if filter < 0 {
		c.Fail(keyspace.ErrArity)
		return
	}
	q := query{count: -1, latest: indexOfWord(args, "LATEST") >= 0}
	if err := q.takeLabels(args); c.Fail(err) {
		return
	}
	var err resp.Error
	if q.matchers, err = parseMatchers(args[filter+1:]); c.Fail(err) {
		return
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	found := m.homes[d].index.query(q.matchers)
	c.Out.Pairs(len(found))
	for _, s := range found {
		writeEntryHead(c, s.key, 3)
		writeRequestedLabels(c, s, &q)
		writeLast(c, s, q.latest)
	}
}

// writeEntryHead starts one series in a reply about several. RESP2 gets an
// array that starts with the key, RESP3 the key of a map and an array of the
// other parts.
func writeEntryHead(c *keyspace.Session, key string, parts int) {
	c.Out.Pair(parts)
	c.Out.Bulk(key)
	if c.Out.RESP3 {
		c.Out.Array(parts - 1)
	}
}

// writeRequestedLabels answers the labels that a query asks for. A selected
// label that the series does not have is null.
func writeRequestedLabels(c *keyspace.Session, s *series, q *query) {
	switch {
	case q.withLabels:
		writeAllLabels(c, s)
	case q.selectedLabels != nil:
		c.Out.Pairs(len(q.selectedLabels))
		for _, name := range q.selectedLabels {
			c.Out.Pair(2)
			c.Out.Bulk(name)
			if v, ok := s.label(name); ok {
				c.Out.Bulk(v)
			} else {
				c.Out.Null()
			}
		}
	default:
		c.Out.Pairs(0)
	}
}

// writeGroupLabels answers the selected labels of a group. A group has only the
// label of GROUPBY.
func writeGroupLabels(c *keyspace.Session, q *query, g *group) {
	c.Out.Pairs(len(q.selectedLabels))
	for _, name := range q.selectedLabels {
		c.Out.Pair(2)
		c.Out.Bulk(name)
		if name == q.groupBy {
			c.Out.Bulk(g.value)
		} else {
			c.Out.Null()
		}
	}
}

func writeAllLabels(c *keyspace.Session, s *series) {
	c.Out.Pairs(len(s.labels))
	for _, ref := range s.labels {
		c.Out.Pair(2)
		c.Out.Bulk(ref.posting.name)
		c.Out.Bulk(ref.posting.value)
	}
}

func (m *Module) runMRange(c *keyspace.Session, args [][]byte)    { m.runRangeOfMany(c, args, false) }
func (m *Module) runMRevRange(c *keyspace.Session, args [][]byte) { m.runRangeOfMany(c, args, true) }

func (m *Module) runRangeOfMany(c *keyspace.Session, args [][]byte, reverse bool) {
	q, err := parseQuery(args[1:], reverse)
	if c.Fail(err) {
		return
	}
	if err = q.takeSeries(args[3:]); c.Fail(err) {
		return
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	found := m.homes[d].index.query(q.matchers)
	start := c.Out.Len()
	if q.grouped {
		err = m.writeGroupRanges(c, q, found)
	} else {
		err = m.writeEachRange(c, q, found)
	}
	if err != "" {
		c.Out.Truncate(start) // the error replaces the part that was written
		c.Fail(err)
	}
}

func (m *Module) writeEachRange(c *keyspace.Session, q *query, found []*series) resp.Error {
	c.Out.Pairs(len(found))
	for _, s := range found {
		parts := 3
		if c.Out.RESP3 {
			parts = 4
		}
		writeEntryHead(c, s.key, parts)
		writeRequestedLabels(c, s, q)
		if c.Out.RESP3 {
			writeAggregators(c, q)
		}
		if err := m.writeRange(c, q, s); err != "" {
			return err
		}
	}
	return ""
}

func writeAggregators(c *keyspace.Session, q *query) {
	c.Out.Map(1)
	c.Out.Bulk("aggregators")
	if q.aggregation == aggNone {
		c.Out.Array(0)
		return
	}
	c.Out.Array(1)
	c.Out.Bulk(q.aggregation.String())
}

func (m *Module) writeGroupRanges(c *keyspace.Session, q *query, found []*series) resp.Error {
	gs, err := q.groupSeries(found)
	if err != "" {
		return err
	}
	c.Out.Pairs(len(gs))
	for i := range gs {
		if c.Out.RESP3 {
			writeGroupHeadRESP3(c, q, &gs[i])
		} else {
			writeGroupHeadRESP2(c, q, &gs[i])
		}
		writeSamples(&c.Out, gs[i].samples)
	}
	return ""
}

// writeGroupHeadRESP2 writes the reducer and the sources as labels.
func writeGroupHeadRESP2(c *keyspace.Session, q *query, g *group) {
	writeEntryHead(c, q.groupBy+"="+g.value, 3)
	if !q.withLabels {
		writeGroupLabels(c, q, g)
		return
	}
	keys := make([]string, len(g.members))
	for i, s := range g.members {
		keys[i] = s.key
	}
	c.Out.Array(3)
	for _, l := range [][2]string{
		{q.groupBy, g.value}, {"__reducer__", q.reducer.String()}, {"__source__", strings.Join(keys, ",")},
	} {
		c.Out.Array(2)
		c.Out.Bulk(l[0])
		c.Out.Bulk(l[1])
	}
}

// writeGroupHeadRESP3 writes the reducer and the sources after the labels.
func writeGroupHeadRESP3(c *keyspace.Session, q *query, g *group) {
	writeEntryHead(c, q.groupBy+"="+g.value, 5)
	if q.withLabels {
		c.Out.Map(1)
		c.Out.Bulk(q.groupBy)
		c.Out.Bulk(g.value)
	} else {
		writeGroupLabels(c, q, g)
	}
	c.Out.Map(1)
	c.Out.Bulk("reducers")
	c.Out.Array(1)
	c.Out.Bulk(q.reducer.String())
	c.Out.Map(1)
	c.Out.Bulk("sources")
	c.Out.Array(len(g.members))
	for _, s := range g.members {
		c.Out.Bulk(s.key)
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
