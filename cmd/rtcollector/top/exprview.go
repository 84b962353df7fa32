package top

import (
	"fmt"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
)

// exprLines returns the results of the expression.
func (m *model) exprLines() []string {
	if m.expr == "" {
		return []string{"", "Press e and type an expression in PromQL, such as sum by (host) (rate(net_rx_bytes[5m]))"}
	}
	lines := []string{tui.Accent.Render(terminal.Line(m.expr)), tui.Dim.Render(terminal.Line(m.resultsTitle()))}
	if len(m.results.rows) == 0 {
		return append(lines, "", "No series has a value now. Check the name and the labels, or whether the host still writes.")
	}
	spark := max(6, min(sparkPoints, m.width/3))
	for _, r := range m.results.rows {
		lines = append(lines, tui.JoinCells(tui.Cell{Text: tui.Sparkline(r.line, spark, 0), Width: spark, Style: tui.Accent},
			tui.Cell{Text: units.Format(r.now, r.unit), Width: -12, Style: tui.Strong}, tui.Cell{Text: " " + r.name}))
	}
	return lines
}

func (m *model) resultsTitle() string {
	title := fmt.Sprintf("%d results", len(m.results.rows))
	if m.results.common != "{}" && m.results.common != "" {
		title += " with " + m.results.common
	}
	return title
}
