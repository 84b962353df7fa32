package search

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxTableValues bounds the values that one FT.AGGREGATE holds at a time.
const maxTableValues = 4 << 20

const errTooManyValues = resp.Error("ERR too many values in one FT.AGGREGATE, LOAD less or search for less")

// table is the rows of FT.AGGREGATE between two stages. Until the first GROUPBY
// the rows are documents, whose fields are read when a stage needs them.
type table struct {
	evaluator *evaluator // nil after a GROUPBY
	names     []string
	rows      []tableRow
	total     int
}

type tableRow struct {
	slot  uint32
	cells []value // in the order of names
}

func (m *Module) runAggregate(c *keyspace.Session, args [][]byte) {
	c.Store.RLock(0)
	defer c.Store.RUnlock()
	r, e, err := m.openSearch(args, true)
	if c.Fail(err) {
		return
	}
	t := &table{evaluator: e}
	for slot := range e.findSlots(r.root).slots() {
		t.rows = append(t.rows, tableRow{slot: slot})
	}
	t.total = len(t.rows)
	for i := range r.stages {
		if c.Fail(t.runStage(&r.stages[i])) {
			return
		}
	}
	writeTable(c, t)
}

func (t *table) runStage(s *stage) resp.Error {
	switch s.kind {
	case stageLoad:
		return t.load(s)
	case stageGroup:
		return t.groupRows(s)
	default:
		return t.sortAndLimit(s)
	}
}

// findColumn adds a property to the rows and returns its column. It returns -1 if
// the rows have no such property and the schema has none.
func (t *table) findColumn(name string) (int, resp.Error) {
	if at := slices.Index(t.names, name); at >= 0 {
		return at, ""
	}
	if t.evaluator == nil {
		return -1, ""
	}
	p, known := t.evaluator.index.resolveProperty(name)
	if !known {
		return -1, ""
	}
	return t.addColumn(name, &p, t.evaluator.readSortable)
}

func (t *table) addColumn(name string, p *property, read func(slot uint32, p *property) value) (int, resp.Error) {
	if (len(t.names)+1)*len(t.rows) > maxTableValues {
		return -1, errTooManyValues
	}
	t.names = append(t.names, name)
	for i := range t.rows {
		row := &t.rows[i]
		row.cells = append(row.cells, read(row.slot, p))
	}
	return len(t.names) - 1, ""
}

func (t *table) load(s *stage) resp.Error {
	if t.evaluator == nil {
		return errLoadLate
	}
	if s.loadAll {
		return t.loadAll()
	}
	for _, f := range s.load {
		if slices.Contains(t.names, f.name) {
			continue
		}
		p, _ := t.evaluator.index.resolveProperty(f.path)
		if _, err := t.addColumn(f.name, &p, t.evaluator.readProperty); err != "" {
			return err
		}
	}
	return ""
}

// loadAll adds the whole document, or all fields of hashes.
func (t *table) loadAll() resp.Error {
	names := []string{"$"}
	if !t.evaluator.index.definition.isJSON {
		names = t.evaluator.hashNames(t.rows)
	}
	for _, name := range names {
		p, _ := t.evaluator.index.resolveProperty(name)
		if slices.Contains(t.names, name) {
			continue
		}
		p.field, p.hash = -1, name
		if name == "$" {
			p.path = jsondoc.Path{}
		}
		if _, err := t.addColumn(name, &p, t.evaluator.readProperty); err != "" {
			return err
		}
	}
	return ""
}

func (t *table) sortAndLimit(s *stage) resp.Error {
	p := s.page
	if len(s.sort) > 0 {
		if err := t.sortRows(s.sort); err != "" {
			return err
		}
	}
	if !p.isSet {
		p.count = 10 // RediSearch's default after a SORTBY
	}
	from := min(p.offset, len(t.rows))
	t.rows = t.rows[from:min(from+p.count, len(t.rows))]
	return ""
}

func (t *table) sortRows(keys []sortKey) resp.Error {
	var s sorter
	var places []int
	for _, key := range keys {
		at, err := t.findColumn(key.name)
		if err != "" {
			return err
		}
		if at < 0 {
			return resp.Error(fmt.Sprintf("Property `%s` not loaded nor in schema", key.name))
		}
		s.desc, places = append(s.desc, key.desc), append(places, at)
	}
	hits := make([]hit, len(t.rows))
	for i := range t.rows {
		hits[i] = hit{slot: uint32(i)}
		for _, at := range places {
			hits[i].keys = append(hits[i].keys, t.rows[i].cells[at])
		}
	}
	slices.SortFunc(hits, s.compare)
	sorted := make([]tableRow, len(hits))
	for i, h := range hits {
		sorted[i] = t.rows[h.slot]
	}
	t.rows = sorted
	return ""
}

// groupRows makes one row of all rows with the same values.
func (t *table) groupRows(s *stage) resp.Error {
	by, args, err := t.groupColumns(s)
	if err != "" {
		return err
	}
	groups := map[string]int{}
	var made []tableRow
	var sums [][]groupValues
	var id strings.Builder
	for i := range t.rows {
		row := &t.rows[i]
		id.Reset()
		for _, at := range by {
			fmt.Fprintf(&id, "%d %q ", row.cells[at].kind, row.cells[at].String())
		}
		g, ok := groups[id.String()]
		if !ok {
			g = len(made)
			groups[id.String()] = g
			made = append(made, newGroupRow(g, row, by))
			sums = append(sums, newGroupValues(len(s.reducers)))
		}
		for j := range s.reducers {
			sums[g][j].rows++
			if args[j] >= 0 {
				sums[g][j].add(row.cells[args[j]])
			}
		}
	}
	for g := range made {
		for j := range s.reducers {
			made[g].cells = append(made[g].cells, sums[g][j].result(s.reducers[j].kind))
		}
	}
	names := slices.Clone(s.groupBy)
	for _, red := range s.reducers {
		names = append(names, red.name)
	}
	*t = table{names: names, rows: made, total: len(made)}
	return ""
}

func newGroupRow(g int, row *tableRow, by []int) tableRow {
	made := tableRow{slot: uint32(g)}
	for _, at := range by {
		v := row.cells[at]
		if v.kind == valueNone {
			v.kind = valueNull
		}
		made.cells = append(made.cells, v)
	}
	return made
}

// groupColumns returns the columns to group by, and the column that each
// reducer reads.
func (t *table) groupColumns(s *stage) (by, args []int, err resp.Error) {
	seen := map[string]bool{}
	for _, name := range s.groupBy {
		at, err := t.findColumn(name)
		if err != "" {
			return nil, nil, err
		}
		if at < 0 {
			return nil, nil, resp.Error(fmt.Sprintf("No such property `%s`", name))
		}
		if seen[name] {
			return nil, nil, resp.Error(fmt.Sprintf("Property `%s` specified more than once", name))
		}
		seen[name] = true
		by = append(by, at)
	}
	for _, red := range s.reducers {
		if red.err != "" {
			return nil, nil, red.err
		}
		at := -1
		if red.arg != "" {
			if at, err = t.findColumn(red.arg); err != "" {
				return nil, nil, err
			}
			if at < 0 {
				return nil, nil, resp.Error(fmt.Sprintf("Property is not present in indexedKey or pipeline: `%s`", red.arg))
			}
		}
		if seen[red.name] {
			return nil, nil, resp.Error(fmt.Sprintf("Property `%s` specified more than once", red.name))
		}
		seen[red.name] = true
		args = append(args, at)
	}
	return by, args, ""
}

// groupValues collects the values of one reducer in one group.
type groupValues struct {
	rows, count   int
	sum, min, max float64
}

func newGroupValues(n int) []groupValues {
	list := make([]groupValues, n)
	for i := range list {
		list[i].min, list[i].max = math.Inf(1), math.Inf(-1)
	}
	return list
}

func (a *groupValues) add(v value) {
	if x, ok := v.number(); ok {
		a.count++
		a.sum += x
		a.min, a.max = math.Min(a.min, x), math.Max(a.max, x)
	}
}

func (a *groupValues) result(kind string) value {
	switch kind {
	case "COUNT":
		return numberValue(float64(a.rows))
	case "MIN":
		return numberValue(a.min)
	case "MAX":
		return numberValue(a.max)
	}
	if a.count == 0 {
		return numberValue(math.NaN())
	}
	if kind == "AVG" {
		return numberValue(a.sum / float64(a.count))
	}
	return numberValue(a.sum)
}

func writeTable(c *keyspace.Session, t *table) {
	start := c.Out.Len()
	if c.Out.RESP3 {
		writeResultHead(c, len(t.rows))
	} else {
		c.Out.Array(1 + len(t.rows))
		c.Out.Int(int64(t.total))
	}
	var cells []cell
	for i := range t.rows {
		cells = cells[:0]
		for j, v := range t.rows[i].cells {
			if v.kind != valueNone {
				cells = append(cells, cell{t.names[j], v})
			}
		}
		if c.Out.RESP3 {
			c.Out.Map(2)
		}
		writeRow(c, cells)
		if c.Out.RESP3 {
			c.Out.Simple("values")
			c.Out.Array(0)
		}
		if c.FailLongReply(start) {
			return
		}
	}
	if c.Out.RESP3 {
		writeResultTail(c, int64(t.total))
	}
}
