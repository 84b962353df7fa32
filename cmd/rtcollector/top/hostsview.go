package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/units"
)

// wideEnough is the width from which the list has columns for the uptime and the concern.
const wideEnough = 110

// hostsLines returns the list of hosts: a summary, the titles, and a row per host around the selected one.
func (m *model) hostsLines() []string {
	visible := m.visibleHosts()
	lines := []string{m.hostsSummary(), m.hostsTitles()}
	switch {
	case len(m.hosts) == 0:
		return append(lines, "", "No host has written to this Redis yet. Start an agent: rtcollector run")
	case len(visible) == 0:
		return append(lines, "", "No host matches the filter; esc removes it.")
	}
	room := max(1, m.bodyHeight()-len(lines))
	first := max(0, min(m.rowOf(m.selected)-room/2, len(visible)-room))
	last := min(first+room, len(visible))
	for i, h := range visible[first:last] {
		text := m.hostLine(h)
		if i+1 == room && last < len(visible) {
			text = tui.Dim.Render(fmt.Sprintf("… %d more", len(visible)-last+1))
		}
		lines = append(lines, text)
	}
	return lines
}

func (m *model) hostsSummary() string {
	silent, concerns := 0, []string{}
	for _, h := range m.hosts {
		if h.silent {
			silent++
		}
		if h.concern != "" {
			concerns = append(concerns, h.name+": "+h.concern)
		}
	}
	cells := []tui.Cell{{Text: fmt.Sprintf("%d hosts, %d reporting", len(m.hosts), len(m.hosts)-silent)}}
	if len(concerns) > 0 {
		cells = append(cells, tui.Cell{Text: fmt.Sprintf(" %d need a look:", len(concerns)), Style: tui.Warn}, tui.Cell{Text: strings.Join(concerns, "; ")})
	}
	return tui.JoinCells(cells...)
}

func (m *model) hostsTitles() string {
	cells := []tui.Cell{{Text: "  Host", Width: 18}, {Text: "Seen", Width: -11}, {Text: "CPU", Width: 17}, {Text: "Mem", Width: -5}, {Text: "Disk", Width: -5}, {Text: "Net", Width: -10}, {Text: "Load", Width: -5}}
	if m.width >= wideEnough {
		cells = append(cells, tui.Cell{Text: "Up", Width: -6}, tui.Cell{Text: " Needs a look", Width: m.width - 95})
	}
	for i := range cells {
		cells[i].Style = tui.Dim
	}
	return tui.JoinCells(cells...)
}

func (m *model) hostLine(h hostRow) string {
	state, mark := tui.Good, "●"
	switch {
	case h.silent:
		state, mark = tui.Bad, "○"
	case h.concern != "":
		state, mark = tui.Warn, "▲"
	}
	name := tui.Cell{Text: h.name, Width: 16}
	if h.name == m.selected {
		name.Style = tui.Chosen
	}
	cells := []tui.Cell{
		{Text: mark, Style: state}, name, {Text: units.Age(m.readAt.Sub(h.seen).Truncate(time.Second)), Width: -11, Style: seenStyle(h)},
		{Text: tui.Sparkline(h.cpu, 11, 100), Width: 11, Style: tui.Accent}, {Text: units.Percent(h.cpuNow), Width: -5},
		{Text: units.Percent(h.memory), Width: -5, Style: tui.SeverityOf(h.memory)}, {Text: units.Percent(h.disk), Width: -5, Style: tui.SeverityOf(h.disk)},
		{Text: units.Format(h.received+h.sent, "bytes_per_second"), Width: -10}, {Text: formatLoad(h.load), Width: -5},
	}
	if m.width >= wideEnough {
		cells = append(cells, tui.Cell{Text: units.Duration(h.uptime), Width: -6}, tui.Cell{Text: " " + h.concern, Width: m.width - 95, Style: state})
	}
	return tui.JoinCells(cells...)
}

func seenStyle(h hostRow) tui.Style {
	if h.silent {
		return tui.Bad
	}
	return tui.Dim
}

// formatLoad formats a load with the two decimals that people know from uptime(1).
func formatLoad(load float64) string {
	if math.IsNaN(load) || load >= 100 {
		return units.Number(load)
	}
	return strconv.FormatFloat(load, 'f', 2, 64)
}
