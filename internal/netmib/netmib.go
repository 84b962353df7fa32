// Package netmib turns the kernel's tables of protocol counters into series: /proc/net/snmp and /proc/net/netstat, which
// have a line of names above each line of values, and /proc/net/snmp6, which has a name and a value per line. Which
// columns there are differs from kernel to kernel, and some come only when they are counted for the first time; so it is
// the file that says what is reported.
package netmib

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Metric is what a column is reported as.
type Metric struct {
	Name string // "": not at all
	Unit telemetry.Unit
	Kind telemetry.Kind
}

// Table keeps the series of one file or several of the same layout. It belongs to one input.
type Table struct {
	factory *telemetry.Factory
	metric  func(title, name string) Metric
	columns map[string]*column // of files with blocks: by title, ":" and name
	lines   map[string]*column // of files without: by name
	metrics map[Metric]*column // two names may stand for one metric: of those in one gather the first counts
	blocks  []block            // by their order in the file
}

// column are the series of one name: a counter, or a gauge, or none of both for what is not reported.
type column struct {
	counter *telemetry.Total
	gauge   *telemetry.Series
}

// block remembers what a header line stands for, so that it is looked up again only when it has changed.
type block struct {
	header  []byte
	columns []*column
}

// NewTable returns a table that asks metric for each column, once, what it is reported as. The title is that of the
// block ("TcpExt"), or "" for a file without blocks.
func NewTable(f *telemetry.Factory, metric func(title, name string) Metric) *Table {
	return &Table{factory: f, metric: metric, columns: map[string]*column{}, lines: map[string]*column{}, metrics: map[Metric]*column{}}
}

// Sibling returns a table for a file of another layout, which shares its series with t where they have the same metrics.
func (t *Table) Sibling() *Table {
	s := NewTable(t.factory, t.metric)
	s.metrics = t.metrics
	return s
}

// AddPairs appends what a file of header and value lines says, and returns how many values it found in it. See
// [scan.Pair].
func (t *Table) AddPairs(out *telemetry.Batch, data []byte) (values int) {
	for i := 0; ; i++ {
		var header, title, line []byte
		header, title, line, data = scan.Pair(data)
		if header == nil {
			return values
		}
		for _, c := range t.block(i, header, title) {
			var field []byte
			field, line = scan.Field(line)
			if c.add(out, field) {
				values++
			}
		}
	}
}

// block returns the columns of the i-th header of the file.
func (t *Table) block(i int, header, title []byte) []*column {
	if i == len(t.blocks) {
		t.blocks = append(t.blocks, block{})
	}
	b := &t.blocks[i]
	if bytes.Equal(b.header, header) {
		return b.columns
	}
	b.header = append(b.header[:0], header...)
	b.columns = b.columns[:0]
	for names := header[len(title)+1:]; ; {
		var name []byte
		name, names = scan.Field(names)
		if len(name) == 0 {
			return b.columns
		}
		key := string(title) + ":" + string(name)
		c, known := t.columns[key] // the series stay the same when the layout of the file changes
		if !known {
			c = t.newColumn(title, name)
			t.columns[key] = c
		}
		b.columns = append(b.columns, c)
	}
}

// AddLines appends what a file with a name and a value per line says, and returns how many values it found in it.
func (t *Table) AddLines(out *telemetry.Batch, data []byte) (values int) {
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		name, rest := scan.Field(line)
		field, _ := scan.Field(rest)
		c, known := t.lines[string(name)]
		if _, isNumber := scan.Int(field); !known && isNumber {
			c = t.newColumn(nil, name)
			t.lines[string(name)] = c
		}
		if c.add(out, field) {
			values++
		}
	}
	return values
}

// newColumn makes the series of a column.
func (t *Table) newColumn(title, name []byte) *column {
	if !isWord(title) || !isWord(name) || len(name) == 0 {
		return &column{}
	}
	m := t.metric(string(title), string(name))
	if m.Name == "" {
		return &column{}
	}
	c, known := t.metrics[m]
	if !known {
		c = t.newSeries(m)
		t.metrics[m] = c
	}
	return c
}

func (t *Table) newSeries(m Metric) *column {
	if m.Kind == telemetry.Counter {
		return &column{counter: t.factory.Counter(m.Name, m.Unit)}
	}
	return &column{gauge: t.factory.Gauge(m.Name, m.Unit)}
}

// isWord says whether a name is one that the kernel could have given. Noise must not become series.
func isWord(name []byte) bool {
	for _, c := range name {
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// add appends a value, and says whether it was one. A gauge may be negative (Tcp's MaxConn is −1 for "no limit"); one
// that is a sum over CPUs, read while it changes, may be a little less than nothing, which is printed as nearly 2⁶⁴: it
// is left out.
func (c *column) add(out *telemetry.Batch, field []byte) bool {
	switch {
	case c == nil:
		return false
	case c.counter != nil:
		v, ok := scan.Uint(field)
		if ok {
			c.counter.Add(out, float64(v))
		}
		return ok
	default:
		v, ok := scan.Int(field)
		if ok {
			out.Add(c.gauge, float64(v))
		}
		return ok
	}
}
