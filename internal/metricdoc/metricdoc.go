// Package metricdoc reads the tables in which a README documents the metrics of an input:
//
//	| metric | labels | unit | kind | source | needs |
//	|---|---|---|---|---|---|
//	| `net_rx_bytes` and its `_rate` | `iface` | bytes | counter | `/proc/net/dev` | |
//
// They are the documentation, the generated docs/inputs.md, and what the tests hold the samples against.
package metricdoc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Header is the first line of every table of metrics.
const Header = "| metric | labels | unit | kind | source | needs |"

// Any stands for a unit, a kind, or an optional label, where it is the target of an input that decides.
const Any = "any"

const (
	colMetric = iota
	colLabels
	colUnit
	colKind
	colSource
	colNeeds
	numColumns
)

// Metric is one line of a table: one metric, or several that have all but the name in common.
type Metric struct {
	Names    []string // as written; a name may be a glob ("nstat_ip_*") where the kernel makes the names
	HasRate  bool     // a counter that is written as <name>_rate as well
	Labels   []string // beside host, source, unit and the user's tags
	Optional []string // labels, written in parentheses: of some series only; "any" for those that the target makes
	Unit     telemetry.Unit
	Kind     string
	Source   string
	Needs    string // the kernel or the setting that it takes; "": any
}

// Parse returns the metrics that a README documents, in its order.
func Parse(readme string) []Metric {
	var metrics []Metric
	for _, row := range Rows(readme) {
		if m, ok := parseRow(row); ok {
			metrics = append(metrics, m)
		}
	}
	return metrics
}

// Rows returns the rows of all tables of metrics in a README, without their headers.
func Rows(readme string) []string {
	var rows []string
	inside := false
	for line := range strings.Lines(readme) {
		line = strings.TrimSpace(line)
		switch {
		case line == Header:
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "|--"):
			rows = append(rows, line)
		}
	}
	return rows
}

func parseRow(line string) (Metric, bool) {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	if len(cells) < numColumns {
		return Metric{}, false
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	m := Metric{
		Unit: telemetry.Unit(strings.ReplaceAll(cells[colUnit], " ", "_")), Kind: cells[colKind],
		Source: cells[colSource], Needs: cells[colNeeds],
	}
	for _, name := range codes(cells[colMetric]) {
		if name == rateSuffix {
			m.HasRate = true
			continue
		}
		m.Names = append(m.Names, name)
	}
	m.Labels, m.Optional = labels(cells[colLabels])
	return m, len(m.Names) > 0
}

const rateSuffix = "_rate"

func labels(cell string) (always, optional []string) {
	for _, part := range strings.Split(cell, ",") {
		names := codes(part)
		if strings.Contains(part, "(") {
			optional = append(optional, names...)
		} else {
			always = append(always, names...)
		}
	}
	return always, optional
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// codes returns what stands in backticks.
func codes(text string) []string {
	var found []string
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// Find returns what is documented about a metric: a line with its very name, else one with a glob that fits. Of a rate,
// which has no line of its own, it is what follows from its counter's. A name that is written out goes before any glob.
func Find(metrics []Metric, name string) (Metric, bool) {
	if m, ok := find(metrics, name, equal); ok {
		return m, true
	}
	return find(metrics, name, fitsGlob)
}

// Names lists all metrics, rates included, in their order; those whose names the kernel makes as a glob.
func Names(metrics []Metric) []string {
	var names []string
	for _, m := range metrics {
		for _, name := range m.Names {
			names = append(names, name)
			if m.HasRate {
				names = append(names, name+rateSuffix)
			}
		}
	}
	return names
}

// Fits says whether a pattern fits any of the metrics, or may do so where the kernel makes the names.
func Fits(metrics []Metric, p match.Pattern) bool {
	if p.Exact() {
		_, ok := Find(metrics, p.String())
		return ok
	}
	return slices.ContainsFunc(Names(metrics), func(name string) bool { return p.Match(name) || strings.Contains(name, "*") })
}

// find returns the first line that has the metric or, if it is a rate, its counter.
func find(metrics []Metric, name string, same func(documented, name string) bool) (Metric, bool) {
	counter, isRate := strings.CutSuffix(name, rateSuffix)
	for _, m := range metrics {
		rateOf := func(n string) bool { return isRate && m.HasRate && same(n, counter) }
		itself := func(n string) bool { return same(n, name) && (n == name || !isRate || !m.HasRate) }
		switch {
		case slices.ContainsFunc(m.Names, rateOf):
			m.Unit, m.Kind = m.Unit.PerSecond(), telemetry.Gauge.String()
			return m, true
		case slices.ContainsFunc(m.Names, itself):
			return m, true
		}
	}
	return Metric{}, false
}

func equal(documented, name string) bool { return documented == name }

func fitsGlob(documented, name string) bool {
	return strings.Contains(documented, "*") && match.Of(documented).Match(name)
}
