package observe

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
)

const (
	minNotesHeight = 16 // below this height notes are left out
	maxBars        = 8
	wide           = 100 // from this width, lists have a column for the provider
	widest         = 130 // and from this one, for the user
	outcomeWidth   = 28  // room for a duration and bytes
)

// View implements tea.Model.
func (m model) View() tea.View {
	content := tui.Frame(append([]string{m.header(), m.summary()}, m.body()...), m.footer(), m.width, m.height)
	if m.config.Redact != nil {
		content = m.config.Redact(content)
	}
	v := tea.NewView(content)
	v.AltScreen = true
	return v
}

func (m *model) header() string {
	state := tui.Cell{Text: " ● live", Style: tui.Good}
	switch {
	case m.paused:
		state = tui.Cell{Text: " ❚❚ paused", Style: tui.Warn}
	case m.selected != 0 && m.detail == nil:
		state = tui.Cell{Text: " ● live, below", Style: tui.Dim}
	}
	cells := []tui.Cell{{Text: "Connections", Style: tui.Strong}, state}
	if m.config.Lost != nil {
		if n := m.config.Lost(); n > 0 {
			cells = append(cells, tui.Cell{Text: fmt.Sprintf(" %d events were lost", n), Style: m.config.Theme.Alert})
		}
	}
	return tui.JoinCells(append(cells, tui.Cell{Text: " " + m.config.Title, Style: tui.Dim})...)
}

// summary returns the line of totals.
func (m *model) summary() string {
	t := &m.seen.totals
	cells := []tui.Cell{
		{Text: fmt.Sprintf("%d active", t.Active), Style: tui.Strong}, {Text: fmt.Sprintf(" peak %d", t.Peak)}, {Text: fmt.Sprintf(" %d opened", t.Opened)},
	}
	if mean, ok := t.MeanDuration(); ok {
		cells = append(cells, tui.Cell{Text: " mean " + units.Duration(mean.Seconds())})
	}
	if t.Failed > 0 {
		cells = append(cells, tui.Cell{Text: fmt.Sprintf(" %d failed", t.Failed), Style: m.config.Theme.Failed})
	}
	if t.Alerts > 0 {
		cells = append(cells, tui.Cell{Text: fmt.Sprintf(" ! %d alerts", t.Alerts), Style: m.config.Theme.Alert})
	}
	return tui.JoinCells(append(cells, tui.Cell{Text: fmt.Sprintf(" ↑%s ↓%s", formatBytes(t.Tx), formatBytes(t.Rx)), Style: tui.Dim})...)
}

// headerHeight is how many lines are above the body.
const headerHeight = 2

// bodyHeight returns how many lines the body may have.
func (m *model) bodyHeight() int { return max(1, m.height-headerHeight-len(m.footer())) }

// body returns the lines between header and footer that fit.
func (m *model) body() []string {
	switch {
	case m.help:
		return helpLines
	case m.detail != nil:
		lines := m.detailLines()
		return lines[min(m.scroll, max(0, len(lines)-1)):]
	}
	return append(m.bars(), m.list()...)
}

// barCount returns how many bars are shown: a third of the room at most.
func (m *model) barCount() int { return min(maxBars, len(m.seen.groups), max(0, m.bodyHeight()/3-1)) }

// bars returns a title and a bar for each of the groups with most active connections.
func (m *model) bars() []string {
	n := m.barCount()
	if n == 0 {
		return nil
	}
	title := fmt.Sprintf("by %s", m.group)
	if hidden := len(m.seen.groups) - n; hidden > 0 {
		title += fmt.Sprintf(" (%d more)", hidden)
	}
	lines := []string{tui.Dim.Render(title)}
	most := 1
	for _, g := range m.seen.groups[:n] {
		most = max(most, g.Active)
	}
	nameWidth := max(12, min(40, m.width/3))
	barWidth := max(6, min(40, m.width-nameWidth-44))
	for _, g := range m.seen.groups[:n] {
		cells := []tui.Cell{
			{Text: g.Name, Width: nameWidth}, {Text: tui.Bar(float64(g.Active)/float64(most)*100, barWidth), Style: m.config.Theme.Bar},
			{Text: fmt.Sprint(g.Active), Width: -5, Style: tui.Strong}, {Text: fmt.Sprintf("of %d", g.Opened), Width: 9, Style: tui.Dim},
			{Text: "↑" + formatBytes(g.Tx), Width: -9, Style: tui.Dim}, {Text: "↓" + formatBytes(g.Rx), Width: -9, Style: tui.Dim},
		}
		if g.Alerts > 0 {
			cells = append(cells, tui.Cell{Text: fmt.Sprintf("! %d", g.Alerts), Style: m.config.Theme.Alert})
		}
		lines = append(lines, tui.JoinCells(cells...))
	}
	return append(lines, "")
}

// listHeight returns how many events fit.
func (m *model) listHeight() int {
	room := m.bodyHeight()
	if n := m.barCount(); n > 0 {
		room -= n + 2
	}
	return max(1, room)
}

// list returns a line for each of the events around the selected one, the newest at the bottom.
func (m *model) list() (lines []string) {
	if len(m.seen.events) == 0 {
		return []string{tui.Dim.Render(m.emptyText())}
	}
	room, selected := m.listHeight(), m.selectedIndex()
	last := min(len(m.seen.events), max(selected+1+room/2, room))
	if m.selected == 0 {
		last = len(m.seen.events)
	}
	for i, e := range m.seen.events[max(0, last-room):last] {
		lines = append(lines, m.eventLine(e, m.selected != 0 && max(0, last-room)+i == selected))
	}
	return lines
}

func (m *model) emptyText() string {
	if m.filter != "" {
		return "No event matches the filter; esc removes it."
	}
	return "No connection yet. New ones appear here as they are made."
}

// eventLine returns the line of an event. An alert is one style from start to end, so that it is not overlooked.
func (m *model) eventLine(entry *entry, selected bool) string {
	e := &entry.event
	sign, style := m.config.Theme.sign(e)
	name := ""
	if e.Conn != 0 || e.PID != 0 {
		name = processName(e)
	}
	cells := []tui.Cell{{Text: e.Time.Local().Format(time.TimeOnly), Width: 8, Style: tui.Dim}, {Text: sign, Width: 1, Style: style}, {Text: name, Width: max(10, min(24, m.width/5))}}
	if m.width >= wide {
		cells = append(cells, tui.Cell{Text: e.Provider, Width: 12, Style: tui.Dim})
	}
	if m.width >= widest {
		cells = append(cells, tui.Cell{Text: e.User, Width: 10, Style: tui.Dim})
	}
	cells = append(cells, tui.Cell{Text: e.Proto, Width: 3, Style: tui.Dim})
	if e.Kind == connlog.Alert {
		cells = append(cells, tui.Cell{Text: describeOutcome(e)})
	} else {
		room := m.width - outcomeWidth
		for _, c := range cells {
			room -= c.Width + 1
		}
		cells = append(cells, tui.Cell{Text: describeEnds(e), Width: max(20, min(60, room)), Style: closedStyle(e)}, tui.Cell{Text: describeOutcome(e), Style: style})
	}
	if e.Kind == connlog.Alert || selected {
		for i := range cells {
			cells[i].Style = style
			if selected {
				cells[i].Style = tui.Chosen
			}
		}
	}
	return tui.JoinCells(cells...)
}

// closedStyle makes ended connections step back.
func closedStyle(e *connlog.Event) tui.Style {
	if e.Kind == connlog.Close {
		return tui.Dim
	}
	return tui.Plain
}

// footer returns the lines below the body: notes, and what can be done.
func (m *model) footer() (lines []string) {
	if m.config.Notes != nil && m.height >= minNotesHeight {
		for _, note := range m.config.Notes() {
			lines = append(lines, tui.Dim.Render(terminal.Line(note)))
		}
	}
	return append(lines, m.prompt())
}

// prompt returns the filter that is being typed, or the keys.
func (m *model) prompt() string {
	if m.typing {
		return tui.Strong.Render("filter: ") + terminal.Line(m.filter) + "▏"
	}
	keys := "q ends   ? help   v " + strings.Join(viewNames[:], "/") + "   / filter   enter process   p pause"
	if m.detail != nil {
		keys = "q ends   esc back   ↑↓ scroll"
	} else if m.filter != "" {
		keys = "filter: " + terminal.Line(m.filter) + "   esc removes it   " + keys
	}
	return tui.Dim.Render(keys)
}

var helpLines = []string{
	"",
	"  +  a connection was opened     -  it ended     ×  it could not be made",
	"  !  an alert                    ○  a socket that waits for connections",
	"",
	"  v              bars by provider, domain, port or process",
	"  ↑ ↓  k j       select an event; end: follow the newest again",
	"  enter          the process of the selected event: ancestors, destinations",
	"  /              show only what contains a text; it applies while you type",
	"  p  space       pause, and continue",
	"  esc            back",
	"  q  ctrl-c      end",
	"",
	"  any key closes this help",
}
