// Package netmib turns the kernel's tables of protocol counters into series: /proc/net/snmp and /proc/net/netstat, which
// have a line of names before each line of values, and /proc/net/snmp6, which has a name and a value per line. The
// columns differ between kernels, and some appear only when they are counted for the first time, so the file determines
// which metrics exist.
package netmib

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Metric describes how a column is reported.
type Metric struct {
	Name string // "": the column is not reported
	Unit telemetry.Unit
	Kind telemetry.Kind
}

// Table holds the series of one file, or of several with the same layout. It belongs to one input.
type Table struct {
	factory *telemetry.Factory
	metric  func(title, name string) Metric
	columns map[string]*column // of files with blocks; by title, ":" and name
	lines   map[string]*column // of files without blocks; by name
	metrics map[Metric]*column // two columns may have the same metric; then the first one in a gather counts
	blocks  []block            // in the order of the file
}

// column holds the series of one column: a counter, a gauge, or neither if the column is not reported.
type column struct {
	counter *telemetry.Total
	gauge   *telemetry.Series
}

// block caches the columns of a header line, which are looked up again only when the header changes.
type block struct {
	header  []byte
	columns []*column
}

// NewTable returns a table that calls metric once per column to learn how it is reported. The title is that of the block
// ("TcpExt"), or "" for a file without blocks.
func NewTable(f *telemetry.Factory, metric func(title, name string) Metric) *Table {
	return &Table{factory: f, metric: metric, columns: map[string]*column{}, lines: map[string]*column{}, metrics: map[Metric]*column{}}
}

// Sibling returns a table for a file with another layout. Both tables share the series of equal metrics.
func (t *Table) Sibling() *Table {
	s := NewTable(t.factory, t.metric)
	s.metrics = t.metrics
	return s
}

// AddPairs appends the samples of a file with header and value lines, and returns how many values it found. See
// [scan.NextPair].
func (t *Table) AddPairs(out *telemetry.Batch, data []byte) (values int) {
	for i := 0; ; i++ {
		var header, title, line []byte
		header, title, line, data = scan.NextPair(data)
		if header == nil {
			return values
		}
		for _, c := range t.blockColumns(i, header, title) {
			var field []byte
			field, line = scan.CutField(line)
			if c.addSample(out, field) {
				values++
			}
		}
	}
}

// blockColumns returns the columns of the i-th header of the file.
func (t *Table) blockColumns(i int, header, title []byte) []*column {
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
		name, names = scan.CutField(names)
		if len(name) == 0 {
			return b.columns
		}
		key := string(title) + ":" + string(name)
		c, known := t.columns[key] // a column keeps its series when the layout of the file changes
		if !known {
			c = t.newColumn(title, name)
			t.columns[key] = c
		}
		b.columns = append(b.columns, c)
	}
}

// AddLines appends the samples of a file with a name and a value per line, and returns how many values it found.
func (t *Table) AddLines(out *telemetry.Batch, data []byte) (values int) {
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		name, rest := scan.CutField(line)
		field, _ := scan.CutField(rest)
		c, known := t.lines[string(name)]
		if _, isNumber := scan.ParseInt(field); !known && isNumber {
			c = t.newColumn(nil, name)
			t.lines[string(name)] = c
		}
		if c.addSample(out, field) {
			values++
		}
	}
	return values
}

// newColumn returns a column with its series. The series are nil for invalid names and columns that are not reported.
func (t *Table) newColumn(title, name []byte) *column {
	if !isColumnName(title) || !isColumnName(name) || len(name) == 0 {
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

// isColumnName reports whether a name can be a column of the kernel. Noise must not become series.
func isColumnName(name []byte) bool {
	for _, c := range name {
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// addSample appends a value, and reports whether it was valid. A gauge may be negative: Tcp's MaxConn is −1 for "no
// limit". A gauge that sums over CPUs while it changes may be slightly below 0. The kernel prints that as nearly 2⁶⁴,
// and it is left out.
func (c *column) addSample(out *telemetry.Batch, field []byte) bool {
	switch {
	case c == nil:
		return false
	case c.counter != nil:
		v, ok := scan.ParseUint(field)
		if ok {
			c.counter.Add(out, float64(v))
		}
		return ok
	default:
		v, ok := scan.ParseInt(field)
		if ok {
			out.Add(c.gauge, float64(v))
		}
		return ok
	}
}
