package top

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
)

// minNotesHeight is the height below which notes are left out.
const minNotesHeight = 16

// View implements tea.Model.
func (m model) View() tea.View {
	content := tui.Frame(append(m.header(), m.body()...), m.footer(), m.width, m.height)
	if m.config.Redact != nil {
		content = m.config.Redact(content)
	}
	v := tea.NewView(content)
	v.AltScreen = true
	return v
}

// header returns the lines above the view.
func (m *model) header() []string {
	title := "rtcollector"
	switch m.page {
	case hostPage:
		title = m.host
	case processesPage:
		title = m.host + ", processes"
	case exprPage:
		title = "Expression"
	}
	return []string{tui.JoinCells(tui.Cell{Text: title, Style: tui.Strong}, tui.Cell{Text: " " + m.config.Source, Style: tui.Dim},
		tui.Cell{Text: " last " + units.Duration(time.Duration(spans[m.over]).Seconds()), Style: tui.Dim}, m.state())}
}

// state returns how current the data is.
func (m *model) state() tui.Cell {
	switch {
	case m.err != nil && m.readAt.IsZero():
		return tui.Cell{Text: " no data", Style: tui.Bad}
	case m.err != nil:
		return tui.Cell{Text: " data of " + m.readAt.Format("15:04:05"), Style: tui.Bad}
	case m.readAt.IsZero():
		return tui.Cell{Text: " reading …", Style: tui.Dim}
	}
	return tui.Cell{Text: " ● live", Style: tui.Good}
}

// body returns the lines of the view that fit.
func (m *model) body() []string {
	lines := m.lines()
	if m.page != hostsPage && m.scroll > 0 {
		lines = lines[min(m.scroll, len(lines)):]
	}
	if room := m.bodyHeight(); len(lines) > room && room > 0 {
		hidden := len(lines) - room + 1
		lines = append(lines[:room-1:room-1], tui.Dim.Render(fmt.Sprintf("… %d more", hidden)))
	}
	return lines
}

// lines returns all lines of the view.
func (m *model) lines() []string {
	switch {
	case m.help:
		return helpLines
	case m.err != nil && m.readAt.IsZero():
		return append([]string{""}, tui.Wrap(m.err.Error(), m.width-1)...)
	case m.readAt.IsZero():
		return nil
	}
	switch m.page {
	case hostPage:
		return m.hostLines()
	case processesPage:
		return m.processLines()
	case exprPage:
		return m.exprLines()
	default:
		return m.hostsLines()
	}
}

func (m *model) lineCount() int { return len(m.lines()) }

// bodyHeight returns how many lines the view may have.
func (m *model) bodyHeight() int { return max(1, m.height-1-len(m.footer())) }

// footer returns the lines below the view: an error, notes, and what can be done.
func (m *model) footer() (lines []string) {
	if m.err != nil && !m.readAt.IsZero() {
		lines = append(lines, tui.Bad.Render(terminal.Line("retrying: "+m.err.Error())))
	}
	if m.config.Notes != nil && m.height >= minNotesHeight {
		for _, note := range m.config.Notes() {
			lines = append(lines, tui.Dim.Render(terminal.Line(note)))
		}
	}
	return append(lines, m.prompt())
}

// prompt returns the field that is being typed, or the keys.
func (m *model) prompt() string {
	switch m.typing {
	case filterField:
		return tui.Strong.Render("filter: ") + terminal.Line(m.input) + "▏"
	case exprField:
		return tui.Strong.Render("PromQL: ") + terminal.Line(m.input) + "▏"
	}
	keys := "q ends   ? help"
	switch m.page {
	case hostsPage:
		keys += "   ↑↓ enter opens a host   / filter   e expression"
		if m.filter != "" {
			keys += "   filter: " + terminal.Line(m.filter)
		}
	case hostPage:
		keys += "   esc hosts   p processes   e expression   + - time"
	case processesPage:
		keys += "   esc host   h hosts   e expression   + - time"
	case exprPage:
		keys += "   esc hosts   e expression   + - time"
	}
	return tui.Dim.Render(keys)
}

var helpLines = []string{
	"",
	"  ↑ ↓  k j       select a host, or scroll",
	"  enter          open the selected host",
	"  p              the processes of the host: groups, and the largest by CPU and by memory",
	"  esc            back    h   the hosts",
	"  /              filter the hosts by name or concern",
	"  e              type an expression in PromQL, such as rate(net_rx_bytes[5m])",
	"  +  -           longer or shorter time for the sparklines",
	"  r              read again now",
	"  q  ctrl-c      end",
	"",
	"  any key closes this help",
}
