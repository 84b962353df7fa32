package top

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/units"
)

// hostLines returns the page of a host. If there is too little room, sections are shortened in turn.
func (m *model) hostLines() []string {
	var groups [][]string
	for _, s := range sections {
		if rows := m.sectionLines(s); len(rows) > 0 {
			groups = append(groups, rows)
		}
	}
	if len(groups) == 0 {
		return []string{"", fmt.Sprintf("No current data of host %q in this Redis; esc shows the hosts that write.", m.host)}
	}
	return slices.Concat(groups...)
}

// sectionLines returns a row for each entity of a section.
func (m *model) sectionLines(s section) (rows []string) {
	for _, v := range m.data.values[s.columns[0].metric] {
		if v.entity == s.omit && s.omit != "" {
			continue
		}
		rows = append(rows, m.entityLine(s, v))
	}
	return rows
}

func (m *model) entityLine(s section, v hostValue) string {
	top := 0.0
	if v.unit == "percent" {
		top = 100
	}
	cells := []tui.Cell{{Text: s.title, Width: 8, Style: tui.Dim}, {Text: entityName(v.entity), Width: 14}, {Text: tui.Sparkline(v.line, m.sparkWidth(), top), Width: m.sparkWidth(), Style: tui.Accent}}
	if v.unit == "percent" {
		cells = append(cells, tui.Cell{Text: tui.Bar(v.now, 6), Style: cmp.Or(tui.SeverityOf(v.now), tui.Accent)})
	}
	for _, c := range s.columns {
		found, ok := m.data.get(c.metric, v.entity)
		if !ok {
			continue
		}
		if c.title != "" {
			cells = append(cells, tui.Cell{Text: c.title, Style: tui.Dim})
		}
		cells = append(cells, tui.Cell{Text: units.Format(found.now, found.unit), Width: -valueWidth(found.unit)})
	}
	return tui.JoinCells(cells...)
}

// sparkWidth returns the columns of sparklines on the page of a host.
func (m *model) sparkWidth() int { return max(6, min(sparkPoints, m.width-71)) }

// valueWidth returns the columns of a value. Percentages and plain numbers are short.
func valueWidth(unit string) int {
	switch unit {
	case "percent":
		return 5
	case "":
		return 6
	}
	return 10
}

func entityName(entity string) string {
	switch entity {
	case allCores:
		return "all"
	case "root":
		return "/" // the predecessor's name
	}
	return entity
}
