package linuxsockets

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// entriesColumn is the one column of /proc/net/stat/nf_conntrack that is not of one CPU: how many connections there are.
const entriesColumn = "entries"

// mostOfLimit bounds the percentage of the limit, which may be lowered below what is in use.
const mostOfLimit = 1000

// conntrack is the table of connections that the firewall keeps.
type conntrack struct {
	stat, count, max        *hostfs.File
	entries, limit, percent *telemetry.Series
	newTotal                func(column string) *telemetry.Total
	totals                  map[string]*telemetry.Total

	header     []byte             // what the columns below stand for
	columns    []*telemetry.Total // nil: not a counter
	entriesAt  int                // -1: there is no such column
	line, sums []uint64
}

func newConntrack(env plugins.Env) *conntrack {
	f := env.Factory
	return &conntrack{
		stat:    env.FS.HostFile("net", "stat", "nf_conntrack"),
		count:   env.FS.ProcFile("sys", "net", "netfilter", "nf_conntrack_count"),
		max:     env.FS.ProcFile("sys", "net", "netfilter", "nf_conntrack_max"),
		entries: f.Gauge("conntrack_entries", telemetry.None),
		limit:   f.Gauge("conntrack_entries_limit", telemetry.None),
		percent: f.Gauge("conntrack_used_percent", telemetry.Percent).Within(0, mostOfLimit),
		newTotal: func(column string) *telemetry.Total {
			return f.Counter("conntrack_"+column, telemetry.None)
		},
		totals: map[string]*telemetry.Total{},
	}
}

// gather prefers the number of connections that stands beside the counters: the one below /proc/sys is that of the
// agent's own network, whatever /proc is read.
func (c *conntrack) gather(out *telemetry.Batch) error {
	entries, known, errStat := c.gatherStat(out)
	var errCount error
	if !known {
		entries, known, errCount = number(c.count)
	}
	limit, limited, errMax := number(c.max)
	if known {
		out.Add(c.entries, float64(entries))
	}
	if limited {
		out.Add(c.limit, float64(limit))
	}
	if known && limited && limit > 0 { // 0 is no limit
		out.Add(c.percent, 100*float64(entries)/float64(limit))
	}
	return errors.Join(errStat, errCount, errMax)
}

// number reads a file that holds one number.
func number(f *hostfs.File) (v uint64, ok bool, err error) {
	data, err := f.ReadOptional()
	if err != nil || len(data) == 0 {
		return 0, false, err
	}
	field, _ := scan.Field(data)
	if v, ok = scan.Uint(field); !ok {
		err = fmt.Errorf("parse %s: not a number", f.Path())
	}
	return v, ok, err
}

// gatherStat adds up the counters of all CPUs.
func (c *conntrack) gatherStat(out *telemetry.Batch) (entries uint64, known bool, err error) {
	data, err := c.stat.ReadOptional()
	if err != nil || len(data) == 0 {
		return 0, false, err
	}
	header, lines := scan.Line(data)
	c.follow(header)
	cpus := sumColumns(lines, c.line, c.sums)
	if cpus == 0 || len(c.columns) == 0 {
		return 0, false, fmt.Errorf("parse %s: no counters", c.stat.Path())
	}
	for i, total := range c.columns {
		if total != nil {
			total.Add(out, float64(c.sums[i]))
		}
	}
	if c.entriesAt < 0 {
		return 0, false, nil
	}
	return c.sums[c.entriesAt] / uint64(cpus), true, nil // every line has it, read a moment later
}

// follow looks up the columns, if their names are not those of the last time.
func (c *conntrack) follow(header []byte) {
	if bytes.Equal(c.header, header) {
		return
	}
	c.header = append(c.header[:0], header...)
	c.columns, c.entriesAt = c.columns[:0], -1
	for {
		var name []byte
		name, header = scan.Field(header)
		if len(name) == 0 {
			break
		}
		if string(name) == entriesColumn {
			c.entriesAt = len(c.columns)
		}
		c.columns = append(c.columns, c.total(string(name)))
	}
	c.line, c.sums = make([]uint64, len(c.columns)), make([]uint64, len(c.columns))
}

// total returns the counter of a column, which stays the same wherever the column stands; nil for what is none.
func (c *conntrack) total(column string) *telemetry.Total {
	if column == entriesColumn || !isColumn(column) {
		return nil
	}
	t, ok := c.totals[column]
	if !ok {
		t = c.newTotal(column)
		c.totals[column] = t
	}
	return t
}
