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

// entriesColumn is the only column of /proc/net/stat/nf_conntrack that is not per CPU: the number of connections.
const entriesColumn = "entries"

// maxUsedPercent bounds conntrack_used_percent. It is above 100 because the limit may be lowered below what is in use.
const maxUsedPercent = 1000

// conntrackTable reports the firewall's connection tracking table.
type conntrackTable struct {
	statFile, countFile, maxFile *hostfs.File
	entries, limit, percent      *telemetry.Series
	newCounter                   func(column string) *telemetry.Total
	counters                     map[string]*telemetry.Total

	header       []byte             // the header that columns was built from
	columns      []*telemetry.Total // nil: not a counter
	entriesIndex int                // index of the entries column; -1: none
	line, sums   []uint64
}

func newConntrackTable(env plugins.Env) *conntrackTable {
	f := env.Factory
	return &conntrackTable{
		statFile:  env.FS.HostFile("net", "stat", "nf_conntrack"),
		countFile: env.FS.ProcFile("sys", "net", "netfilter", "nf_conntrack_count"),
		maxFile:   env.FS.ProcFile("sys", "net", "netfilter", "nf_conntrack_max"),
		entries:   f.Gauge("conntrack_entries", telemetry.None),
		limit:     f.Gauge("conntrack_entries_limit", telemetry.None),
		percent:   f.Gauge("conntrack_used_percent", telemetry.Percent).Within(0, maxUsedPercent),
		newCounter: func(column string) *telemetry.Total {
			return f.Counter("conntrack_"+column, telemetry.None)
		},
		counters: map[string]*telemetry.Total{},
	}
}

// addSamples prefers the number of connections in nf_conntrack's statistics. The number below /proc/sys is always that
// of the agent's own network, whatever HOST_PROC is.
func (c *conntrackTable) addSamples(out *telemetry.Batch) error {
	entries, known, errStat := c.addStat(out)
	var errCount error
	if !known {
		entries, known, errCount = readNumber(c.countFile)
	}
	limit, limited, errMax := readNumber(c.maxFile)
	if known {
		out.Add(c.entries, float64(entries))
	}
	if limited {
		out.Add(c.limit, float64(limit))
	}
	if known && limited && limit > 0 { // 0 means no limit
		out.Add(c.percent, 100*float64(entries)/float64(limit))
	}
	return errors.Join(errStat, errCount, errMax)
}

// readNumber reads a file that contains one number. ok is false if the file is missing or empty.
func readNumber(f *hostfs.File) (v uint64, ok bool, err error) {
	data, err := f.ReadOptional()
	if err != nil || len(data) == 0 {
		return 0, false, err
	}
	field, _ := scan.CutField(data)
	if v, ok = scan.ParseUint(field); !ok {
		err = fmt.Errorf("parse %s: not a number", f.Path())
	}
	return v, ok, err
}

// addStat adds the sums of all CPUs' counters.
func (c *conntrackTable) addStat(out *telemetry.Batch) (entries uint64, known bool, err error) {
	data, err := c.statFile.ReadOptional()
	if err != nil || len(data) == 0 {
		return 0, false, err
	}
	header, lines := scan.CutLine(data)
	c.updateColumns(header)
	cpus := sumColumns(lines, c.line, c.sums)
	if cpus == 0 || len(c.columns) == 0 {
		return 0, false, fmt.Errorf("parse %s: no counters", c.statFile.Path())
	}
	for i, total := range c.columns {
		if total != nil {
			total.Add(out, float64(c.sums[i]))
		}
	}
	if c.entriesIndex < 0 {
		return 0, false, nil
	}
	return c.sums[c.entriesIndex] / uint64(cpus), true, nil // every line repeats it, read a moment later
}

// updateColumns rebuilds the columns if the header has changed.
func (c *conntrackTable) updateColumns(header []byte) {
	if bytes.Equal(c.header, header) {
		return
	}
	c.header = append(c.header[:0], header...)
	c.columns, c.entriesIndex = c.columns[:0], -1
	for {
		var name []byte
		name, header = scan.CutField(header)
		if len(name) == 0 {
			break
		}
		if string(name) == entriesColumn {
			c.entriesIndex = len(c.columns)
		}
		c.columns = append(c.columns, c.counterOf(string(name)))
	}
	c.line, c.sums = make([]uint64, len(c.columns)), make([]uint64, len(c.columns))
}

// counterOf returns the counter of a column, or nil if the column is not a counter. The counter stays the same when the
// column moves.
func (c *conntrackTable) counterOf(column string) *telemetry.Total {
	if column == entriesColumn || !isColumnName(column) {
		return nil
	}
	t, ok := c.counters[column]
	if !ok {
		t = c.newCounter(column)
		c.counters[column] = t
	}
	return t
}
