package top

import (
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/rtcollector/rtcollector/internal/terminal"
)

// style is a rendition of text (ECMA-48, SGR). Terminals without colours get none: the writer removes them.
type style string

const (
	plain  style = ""
	dim    style = "2"
	strong style = "1"
	accent style = "34"
	good   style = "32"
	warn   style = "33"
	bad    style = "31"
	chosen style = "7"
)

func (s style) render(text string) string {
	if s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// cell is text of a fixed width.
type cell struct {
	text  string
	width int // columns; negative: aligned to the right; 0: as wide as the text
	style style
}

// joinCells renders cells next to each other, one column apart. Texts are escaped, because they come from Redis.
func joinCells(cells ...cell) string {
	var parts []string
	for _, c := range cells {
		parts = append(parts, c.style.render(fit(terminal.Line(c.text), c.width)))
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

// fit truncates or pads escaped text to a width in columns; see [cell].
func fit(text string, width int) string {
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

// bar returns a bar of a number of columns for a percentage. It is readable without colours.
func bar(percent float64, width int) string {
	full := 0
	if !math.IsNaN(percent) {
		full = min(width, max(0, int(percent/100*float64(width)+0.5)))
	}
	return strings.Repeat("■", full) + strings.Repeat("·", width-full)
}

var blocks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the newest values, one per column, from 0 to top. NaN is a gap. If top is 0, the largest value is the top.
func sparkline(values []float64, width int, top float64) string {
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

// severityOf returns the style for a percentage that is bad when it is high.
func severityOf(percent float64) style {
	switch {
	case percent >= 95:
		return bad
	case percent >= 85:
		return warn
	}
	return plain
}
