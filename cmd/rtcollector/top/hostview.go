package top

import (
	"cmp"
	"fmt"
	"slices"

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
	cells := []cell{{text: s.title, width: 8, style: dim}, {text: entityName(v.entity), width: 14}, {text: sparkline(v.line, m.sparkWidth(), top), width: m.sparkWidth(), style: accent}}
	if v.unit == "percent" {
		cells = append(cells, cell{text: bar(v.now, 6), style: cmp.Or(severityOf(v.now), accent)})
	}
	for _, c := range s.columns {
		found, ok := m.data.get(c.metric, v.entity)
		if !ok {
			continue
		}
		if c.title != "" {
			cells = append(cells, cell{text: c.title, style: dim})
		}
		cells = append(cells, cell{text: units.Format(found.now, found.unit), width: -valueWidth(found.unit)})
	}
	return joinCells(cells...)
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
