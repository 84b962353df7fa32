package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

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
			text = dim.render(fmt.Sprintf("… %d more", len(visible)-last+1))
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
	cells := []cell{{text: fmt.Sprintf("%d hosts, %d reporting", len(m.hosts), len(m.hosts)-silent)}}
	if len(concerns) > 0 {
		cells = append(cells, cell{text: fmt.Sprintf(" %d need a look:", len(concerns)), style: warn}, cell{text: strings.Join(concerns, "; ")})
	}
	return joinCells(cells...)
}

func (m *model) hostsTitles() string {
	cells := []cell{{text: "  Host", width: 18}, {text: "Seen", width: -11}, {text: "CPU", width: 17}, {text: "Mem", width: -5}, {text: "Disk", width: -5}, {text: "Net", width: -10}, {text: "Load", width: -5}}
	if m.width >= wideEnough {
		cells = append(cells, cell{text: "Up", width: -6}, cell{text: " Needs a look", width: m.width - 95})
	}
	for i := range cells {
		cells[i].style = dim
	}
	return joinCells(cells...)
}

func (m *model) hostLine(h hostRow) string {
	state, mark := good, "●"
	switch {
	case h.silent:
		state, mark = bad, "○"
	case h.concern != "":
		state, mark = warn, "▲"
	}
	name := cell{text: h.name, width: 16}
	if h.name == m.selected {
		name.style = chosen
	}
	cells := []cell{
		{text: mark, style: state}, name, {text: units.Age(m.readAt.Sub(h.seen).Truncate(time.Second)), width: -11, style: seenStyle(h)},
		{text: sparkline(h.cpu, 11, 100), width: 11, style: accent}, {text: units.Percent(h.cpuNow), width: -5},
		{text: units.Percent(h.memory), width: -5, style: severityOf(h.memory)}, {text: units.Percent(h.disk), width: -5, style: severityOf(h.disk)},
		{text: units.Format(h.received+h.sent, "bytes_per_second"), width: -10}, {text: formatLoad(h.load), width: -5},
	}
	if m.width >= wideEnough {
		cells = append(cells, cell{text: units.Duration(h.uptime), width: -6}, cell{text: " " + h.concern, width: m.width - 95, style: state})
	}
	return joinCells(cells...)
}

func seenStyle(h hostRow) style {
	if h.silent {
		return bad
	}
	return dim
}

// formatLoad formats a load with the two decimals that people know from uptime(1).
func formatLoad(load float64) string {
	if math.IsNaN(load) || load >= 100 {
		return units.Number(load)
	}
	return strconv.FormatFloat(load, 'f', 2, 64)
}
