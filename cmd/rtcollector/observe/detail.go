package observe

import (
	"fmt"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
)

// detailLines returns the page of a process.
func (m *model) detailLines() []string {
	p, destinations, ok := m.config.Board.process(&m.detail.event)
	if !ok {
		return []string{"", "Nothing is known about the process of this event."}
	}
	lines := []string{"", tui.JoinCells(tui.Cell{Text: processName(&m.detail.event), Style: tui.Strong}, tui.Cell{Text: " " + p.Provider})}
	for _, f := range []struct{ name, value string }{
		{"user", p.User}, {"command", p.Cmdline}, {"seen", p.First.Local().Format(time.TimeOnly) + " to " + p.Last.Local().Format(time.TimeOnly)},
	} {
		if f.value != "" {
			lines = append(lines, m.fieldLines(f.name, f.value)...)
		}
	}
	lines = append(lines, ancestryLines(p.Ancestry)...)
	lines = append(lines, "", tui.Dim.Render(fmt.Sprintf("%d destinations", len(destinations))))
	for _, d := range destinations {
		cells := []tui.Cell{
			{Text: d.Name, Width: max(20, m.width-50)}, {Text: fmt.Sprintf("%d active", d.Active), Width: -10}, {Text: fmt.Sprintf("of %d", d.Opened), Width: 8, Style: tui.Dim},
			{Text: "↑" + formatBytes(d.Tx), Width: -9, Style: tui.Dim}, {Text: "↓" + formatBytes(d.Rx), Width: -9, Style: tui.Dim},
		}
		if d.Failed > 0 {
			cells = append(cells, tui.Cell{Text: fmt.Sprintf("× %d", d.Failed), Style: m.config.Theme.Failed})
		}
		if d.Alerts > 0 {
			cells = append(cells, tui.Cell{Text: fmt.Sprintf("! %d", d.Alerts), Style: m.config.Theme.Alert})
		}
		lines = append(lines, tui.JoinCells(cells...))
	}
	return lines
}

const fieldWidth = 9

// fieldLines returns a value with its name, broken into lines.
func (m *model) fieldLines(name, value string) (lines []string) {
	for i, text := range tui.Wrap(value, m.width-fieldWidth-2) {
		if i > 0 {
			name = ""
		}
		lines = append(lines, tui.Dim.Render(tui.Fit(name, fieldWidth))+" "+text)
	}
	return lines
}

// ancestryLines returns the ancestors as a tree, from the first process to this one.
func ancestryLines(ancestry string) (lines []string) {
	for i, ancestor := range strings.Split(ancestry, " > ") {
		if ancestor == "" {
			continue
		}
		name, branch := "", ""
		if i == 0 {
			name = "from"
		} else {
			branch = strings.Repeat("  ", i-1) + "└ "
		}
		lines = append(lines, tui.JoinCells(tui.Cell{Text: name, Width: fieldWidth, Style: tui.Dim}, tui.Cell{Text: branch + ancestor}))
	}
	return lines
}
