// Package netdatachart writes samples in the format of Netdata's external plugins: a chart for each metric of an input, and a dimension for each of its
// series (https://learn.netdata.cloud/docs/developer-and-contributor-corner/external-plugins).
package netdatachart

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	// precision is the divisor of all dimensions: values are integers in the protocol.
	precision = 1000
	// priority places the charts behind Netdata's own.
	priority = 90_000
	// maxDimensions of a chart. Netdata draws no more in a useful way.
	maxDimensions = 2000
)

// Writer is an output that writes for Netdata. It stops the agent when Netdata no longer reads.
type Writer struct {
	to     io.Writer
	host   string // of the agent
	every  int    // seconds
	stop   context.CancelCauseFunc
	charts map[string]*chart // by ID
	known  map[*telemetry.Series]place
	buf    bytes.Buffer
}

type chart struct {
	id         string
	dimensions []string // in order; their IDs
	byID       map[string]*telemetry.Series
	definition string   // the CHART line, without its end
	last       int64    // time of the last round, in milliseconds; 0: there was none
	isChanged  bool     // dimensions were added or ended since it was written
	ended      []string // dimensions that are not written yet as obsolete
	values     []value  // of this round
}

type place struct {
	chart     *chart
	dimension string
}

type value struct {
	dimension string
	number    int64
}

// New returns a writer for charts of a host, with this interval. Stop is called with the error when Netdata no longer reads.
func New(to io.Writer, host string, every time.Duration, stop context.CancelCauseFunc) *Writer {
	return &Writer{to: to, host: host, every: max(1, int(every.Seconds())), stop: stop, charts: map[string]*chart{}, known: map[*telemetry.Series]place{}}
}

// Open implements outputs.Output.
func (w *Writer) Open(context.Context) error { return nil }

// Close implements outputs.Output.
func (w *Writer) Close() error { return nil }

// WriteMetrics implements outputs.MetricWriter. The samples of all batches of an instant are one round of their charts: several inputs may have parts
// of a chart.
func (w *Writer) WriteMetrics(_ context.Context, batches []*telemetry.Batch) error {
	w.buf.Reset()
	batches = slices.SortedStableFunc(slices.Values(batches), func(a, b *telemetry.Batch) int { return cmp.Compare(a.Time, b.Time) })
	for len(batches) > 0 {
		n := 1
		for n < len(batches) && batches[n].Time == batches[0].Time {
			n++
		}
		w.writeInstant(batches[:n])
		batches = batches[n:]
	}
	if _, err := w.to.Write(w.buf.Bytes()); err != nil {
		w.stop(err)
		return err
	}
	return nil
}

// writeInstant writes a round of each chart that has samples in batches of one instant.
func (w *Writer) writeInstant(batches []*telemetry.Batch) {
	var touched []*chart
	for _, b := range batches {
		for i := range b.Len() {
			s, _, v := b.Sample(i)
			number, ok := integer(v)
			p, fits := w.place(s)
			if !ok || !fits {
				continue
			}
			if len(p.chart.values) == 0 {
				touched = append(touched, p.chart)
			}
			p.chart.values = append(p.chart.values, value{p.dimension, number})
		}
	}
	for _, c := range touched {
		w.writeRound(c, batches[0].Time)
	}
	for _, b := range batches {
		for _, s := range b.Ended() {
			w.end(s)
		}
	}
}

// end removes the dimension of a series that ended, and a chart without dimensions.
func (w *Writer) end(s *telemetry.Series) {
	p, ok := w.known[s]
	delete(w.known, s)
	if !ok || p.chart == nil || p.chart.byID[p.dimension] != s {
		return
	}
	c := p.chart
	delete(c.byID, p.dimension)
	c.dimensions = slices.DeleteFunc(c.dimensions, func(d string) bool { return d == p.dimension })
	c.ended, c.isChanged = append(c.ended, p.dimension), true
	if len(c.dimensions) == 0 {
		w.buf.WriteString(c.definition + " obsolete rtcollector\n")
		delete(w.charts, c.id)
	}
}

// integer returns a value in units of 1/precision. ok is false if it has none.
func integer(v float64) (n int64, ok bool) {
	scaled := math.Round(v * precision)
	if !(math.Abs(scaled) < 1<<62) {
		return 0, false
	}
	return int64(scaled), true
}

// place returns where a series belongs.
func (w *Writer) place(s *telemetry.Series) (place, bool) {
	if p, ok := w.known[s]; ok {
		return p, p.chart != nil
	}
	id := "rtcollector." + word(s.Name())
	c := w.charts[id]
	if c == nil {
		c = w.newChart(id, s)
	}
	p := place{c, w.dimensionOf(s, false)}
	if other := c.byID[p.dimension]; other != nil && other.String() != s.String() {
		p.dimension = w.dimensionOf(s, true)
	}
	switch isNew := c.byID[p.dimension] == nil; {
	case isNew && len(c.dimensions) >= maxDimensions:
		p.chart = nil
	default: // perhaps the same entity again, under a new handle
		if isNew {
			c.dimensions = append(c.dimensions, p.dimension)
			c.ended = slices.DeleteFunc(c.ended, func(d string) bool { return d == p.dimension })
			c.isChanged = true
		}
		c.byID[p.dimension] = s
	}
	w.known[s] = p
	return p, p.chart != nil
}

func (w *Writer) newChart(id string, s *telemetry.Series) *chart {
	source := ""
	for _, l := range s.Labels() {
		if l.Key == "source" {
			source = l.Value
		}
	}
	unit := cmp.Or(strings.Replace(string(s.Unit()), "_per_second", "/s", 1), "value")
	c := &chart{id: id, byID: map[string]*telemetry.Series{}, definition: fmt.Sprintf("CHART %s '' %s %s %s %s line %d %d",
		id, quote(strings.ReplaceAll(s.Name(), "_", " ")), quote(unit), quote(source), id, priority, w.every)}
	w.charts[id] = c
	return c
}

// writeRound writes the values of a chart, and what defines it if that is new.
func (w *Writer) writeRound(c *chart, ms int64) {
	if c.isChanged {
		w.buf.WriteString(c.definition + " '' rtcollector\n")
		for _, d := range c.dimensions {
			fmt.Fprintf(&w.buf, "DIMENSION %s '' absolute 1 %d\n", quote(d), precision)
		}
		for _, d := range c.ended {
			fmt.Fprintf(&w.buf, "DIMENSION %s '' absolute 1 %d obsolete\n", quote(d), precision)
		}
		c.ended, c.isChanged = nil, false
	}
	w.buf.WriteString("BEGIN " + c.id)
	if c.last > 0 && ms > c.last { // a late part of an instant has no time of its own
		w.buf.WriteString(" " + strconv.FormatInt((ms-c.last)*1000, 10))
	}
	c.last = max(c.last, ms)
	for _, v := range c.values {
		fmt.Fprintf(&w.buf, "\nSET %s = %d", quote(v.dimension), v.number)
	}
	w.buf.WriteString("\nEND\n")
	c.values = c.values[:0]
}

// dimensionOf returns the ID of the dimension of a series: the values of its instance labels, or all labels with their names if another series has
// these values. The series of another host begin with it.
func (w *Writer) dimensionOf(s *telemetry.Series, isLong bool) string {
	var parts []string
	if s.Host() != w.host {
		parts = append(parts, plain(s.Host()))
	}
	if isLong {
		for _, l := range s.Labels() {
			parts = append(parts, plain(l.Key+":"+l.Value))
		}
		return strings.Join(parts, " ")
	}
	for _, l := range s.Instance() {
		parts = append(parts, plain(l.Value))
	}
	if len(parts) == 0 {
		return "value"
	}
	return strings.Join(parts, " ")
}

// quote puts a text into quotes. The protocol has no way to write a quote in quotes of its kind.
func quote(text string) string { return "'" + plain(text) + "'" }

// plain replaces what the protocol cannot carry.
func plain(text string) string {
	const longest = 200
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == '\'' || c == '\\' || c == 0x7f {
			return '_'
		}
		return c
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), longest)], "_")
}

// word makes a name of letters, digits and "_".
func word(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			return c
		}
		return '_'
	}, text)
}
