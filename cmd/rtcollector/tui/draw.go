package tui

import (
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/rtcollector/rtcollector/internal/terminal"
)

// Style is a rendition of text (ECMA-48, SGR). Terminals without colours get none: the writer removes them.
type Style string

// Styles.
const (
	Plain  Style = ""
	Dim    Style = "2"
	Strong Style = "1"
	Accent Style = "34"
	Good   Style = "32"
	Warn   Style = "33"
	Bad    Style = "31"
	Chosen Style = "7"
)

// Render returns the text in this style.
func (s Style) Render(text string) string {
	if s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Cell is text of a fixed width.
type Cell struct {
	Text  string
	Width int // columns; negative: aligned to the right; 0: as wide as the text
	Style Style
}

// JoinCells renders cells next to each other, one column apart. Texts are escaped, because they come from elsewhere.
func JoinCells(cells ...Cell) string {
	var parts []string
	for _, c := range cells {
		parts = append(parts, c.Style.Render(Fit(terminal.Line(c.Text), c.Width)))
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

// Fit truncates or pads escaped text to a width in columns; see [Cell].
func Fit(text string, width int) string {
	if width == 0 {
		return text
	}
	size := max(width, -width)
	text = ansi.Truncate(text, size, "…")
	padding := strings.Repeat(" ", max(0, size-ansi.StringWidth(text)))
	if width < 0 {
		return padding + text
	}
	return text + padding
}

// Frame returns the content of a screen: lines from the top, and a footer at its bottom. Every line is cut at the width; the last
// column stays empty, so that nothing wraps.
func Frame(lines, footer []string, width, height int) string {
	for len(lines) < height-len(footer) {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), height-len(footer)))], footer...)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, max(width-1, 1), "…")
	}
	return strings.Join(lines[:min(len(lines), max(height, 1))], "\n")
}

// Wrap breaks a text from elsewhere into lines of a width.
func Wrap(text string, width int) []string {
	return strings.Split(ansi.Wrap(terminal.Line(text), max(width, 1), ""), "\n")
}

// Bar returns a bar of a number of columns for a percentage. It is readable without colours.
func Bar(percent float64, width int) string {
	full := 0
	if !math.IsNaN(percent) {
		full = min(width, max(0, int(percent/100*float64(width)+0.5)))
	}
	return strings.Repeat("■", full) + strings.Repeat("·", width-full)
}

var blocks = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws the newest values, one per column, from 0 to top. NaN is a gap. If top is 0, the largest value is the top.
func Sparkline(values []float64, width int, top float64) string {
	if len(values) > width {
		values = values[len(values)-width:]
	}
	if top == 0 {
		for _, v := range values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				top = max(top, v)
			}
		}
	}
	line := []rune(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		if math.IsNaN(v) {
			line = append(line, ' ')
			continue
		}
		level := 0
		if top > 0 {
			level = int(min(max(v/top, 0), 1) * float64(len(blocks)-1))
		}
		line = append(line, blocks[level])
	}
	return string(line)
}

// SeverityOf returns the style for a percentage that is bad when it is high.
func SeverityOf(percent float64) Style {
	switch {
	case percent >= 95:
		return Bad
	case percent >= 85:
		return Warn
	}
	return Plain
}
