package top

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/units"
)

const (
	minNames  = 4 // rows of the largest names that are shown however many groups there are
	minGroups = 4
)

// processLines returns the page of the processes of a host: groups, then the largest names by CPU and by memory.
func (m *model) processLines() []string {
	d := m.processes
	if len(d.groups) == 0 && len(d.cpu) == 0 && len(d.memory) == 0 {
		lines := tui.Wrap(fmt.Sprintf("No current data of the processes of host %q in this Redis. Add to the configuration of its agent:", m.host), m.width-1)
		return slices.Concat([]string{""}, lines, []string{"", "inputs:", "  - process_groups: {}", "  - process_top: {}"})
	}
	names := max(len(d.cpu), len(d.memory))
	room := m.bodyHeight() - 1 // without the titles of the groups
	if names > 0 {
		room -= 2 // and without those of the names, and the line before
		names = min(names, max(minNames, room-len(d.groups)))
	}
	var lines []string
	if len(d.groups) > 0 {
		lines = append(lines, m.groupTitles())
		for _, g := range fold(d.groups, max(minGroups, room-names), func(n int) string { return fmt.Sprintf("%d others", n) }) {
			lines = append(lines, m.groupLine(g))
		}
	}
	if names == 0 {
		return lines
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	titles := []tui.Cell{{Text: "Largest by CPU", Width: m.nameWidth() + 17, Style: tui.Dim}}
	if len(d.memory) > 0 {
		titles = append(titles, tui.Cell{Text: " Largest by memory", Style: tui.Dim})
	}
	lines = append(lines, tui.JoinCells(titles...))
	for i := range names {
		cells := m.nameCells(d.cpu, i, 8, units.Percent)
		if len(d.memory) > 0 {
			cells = append(append(cells, tui.Cell{Width: 1}), m.nameCells(d.memory, i, 10, units.Bytes)...)
		}
		lines = append(lines, tui.JoinCells(cells...))
	}
	return lines
}

// groupSpark returns the columns of the sparklines of groups.
func (m *model) groupSpark() int { return max(6, min(sparkPoints, m.width-62)) }

// hasPSS reports whether any group has a PSS, which agents do not read unless they are asked to.
func (m *model) hasPSS() bool {
	return slices.ContainsFunc(m.processes.groups, func(g groupRow) bool { return !math.IsNaN(g.pss) })
}

func (m *model) groupTitles() string {
	cells := []tui.Cell{{Text: "Group", Width: 16}, {Text: "Processes", Width: -9}, {Text: "CPU", Width: m.groupSpark()}, {Width: 11}, {Text: "RSS", Width: -9}}
	if m.hasPSS() {
		cells = append(cells, tui.Cell{Text: "PSS", Width: -9})
	}
	for i := range cells {
		cells[i].Style = tui.Dim
	}
	return tui.JoinCells(cells...)
}

func (m *model) groupLine(g groupRow) string {
	cells := []tui.Cell{
		{Text: g.name, Width: 16}, {Text: units.Number(g.count), Width: -9}, {Text: tui.Sparkline(g.line, m.groupSpark(), 0), Width: m.groupSpark(), Style: tui.Accent},
		{Text: formatCores(g.cores), Width: -11}, {Text: units.Bytes(g.rss), Width: -9},
	}
	if m.hasPSS() {
		cells = append(cells, tui.Cell{Text: units.Bytes(g.pss), Width: -9})
	}
	return tui.JoinCells(cells...)
}

// formatCores formats CPU time per second in at most 11 columns.
func formatCores(cores float64) string {
	switch {
	case math.IsNaN(cores):
		return ""
	case cores > 0 && cores < 0.005:
		return "<0.01 cores"
	case cores < 100:
		return strconv.FormatFloat(cores, 'f', 2, 64) + " cores"
	}
	return units.Number(cores) + " cores"
}

// nameWidth returns the columns of a name of a process: two of them stand side by side.
func (m *model) nameWidth() int { return max(8, min(32, (m.width-42)/2)) }

// nameCells returns the cells of one of the largest names; empty ones if there are fewer.
func (m *model) nameCells(rows []nameRow, i, width int, format func(float64) string) []tui.Cell {
	const spark = 7
	if i >= len(rows) {
		return []tui.Cell{{Width: m.nameWidth()}, {Width: spark}, {Width: -width}}
	}
	return []tui.Cell{{Text: rows[i].name, Width: m.nameWidth()}, {Text: tui.Sparkline(rows[i].line, spark, 0), Width: spark, Style: tui.Accent}, {Text: format(rows[i].now), Width: -width}}
}
