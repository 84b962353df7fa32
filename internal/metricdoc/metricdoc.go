// Package metricdoc reads the tables in which a README documents the metrics of an input:
//
//	| metric | labels | unit | kind | source | needs |
//	|---|---|---|---|---|---|
//	| `net_rx_bytes` and its `_rate` | `iface` | bytes | counter | `/proc/net/dev` | |
//
// docs/inputs.md is generated from these tables, and tests compare them with the samples of each input.
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

// Any is the unit, kind or optional label of metrics whose target determines it.
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

// Metric is one row of a table: one metric, or several that differ only in their name.
type Metric struct {
	Names    []string // as written; a glob ("nstat_ip_*") if the kernel determines the names
	HasRate  bool     // a counter that is also written as <name>_rate
	Labels   []string // besides host, source, unit and the user's tags
	Optional []string // labels of only some series, written in parentheses; "any" if the target determines them
	Unit     telemetry.Unit
	Kind     string
	Source   string
	Needs    string // the required kernel or setting; "": none
}

// Help returns the source of the metric as plain text.
func (m Metric) Help() string { return strings.ReplaceAll(m.Source, "`", "") }

// Parse returns the metrics that a README documents, in their order.
func Parse(readme string) []Metric {
	var metrics []Metric
	for _, row := range TableRows(readme) {
		if m, ok := parseRow(row); ok {
			metrics = append(metrics, m)
		}
	}
	return metrics
}

// TableRows returns the rows of all tables of metrics in a README, without their headers.
func TableRows(readme string) []string {
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
	for _, name := range codeSpans(cells[colMetric]) {
		if name == rateSuffix {
			m.HasRate = true
			continue
		}
		m.Names = append(m.Names, name)
	}
	m.Labels, m.Optional = parseLabels(cells[colLabels])
	return m, len(m.Names) > 0
}

const rateSuffix = "_rate"

func parseLabels(cell string) (always, optional []string) {
	for _, part := range strings.Split(cell, ",") {
		names := codeSpans(part)
		if strings.Contains(part, "(") {
			optional = append(optional, names...)
		} else {
			always = append(always, names...)
		}
	}
	return always, optional
}

var codeSpanPattern = regexp.MustCompile("`([^`]+)`")

// codeSpans returns the texts in backticks.
func codeSpans(text string) []string {
	var found []string
	for _, m := range codeSpanPattern.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// Find returns the documentation of a metric: the row with its name, otherwise one with a glob that matches. A rate
// without its own row gets the row of its counter, with the unit and the kind of a rate. Exact names take precedence
// over globs.
func Find(metrics []Metric, name string) (Metric, bool) {
	if m, ok := findRow(metrics, name, equalNames); ok {
		return m, true
	}
	return findRow(metrics, name, matchesGlob)
}

// Names returns all metrics, including rates, in their order. Metrics whose names the kernel determines are globs.
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

// MatchesAny reports whether a pattern matches any of the metrics. Metrics whose names the kernel determines may match
// every pattern.
func MatchesAny(metrics []Metric, p match.Pattern) bool {
	if p.IsExact() {
		_, ok := Find(metrics, p.String())
		return ok
	}
	return slices.ContainsFunc(Names(metrics), func(name string) bool { return p.Match(name) || strings.Contains(name, "*") })
}

// findRow returns the first row that has the metric or, for a rate, its counter. same compares a documented name with
// the name.
func findRow(metrics []Metric, name string, same func(documented, name string) bool) (Metric, bool) {
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

func equalNames(documented, name string) bool { return documented == name }

func matchesGlob(documented, name string) bool {
	return strings.Contains(documented, "*") && match.NewList(documented).Match(name)
}
