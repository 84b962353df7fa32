package cli

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// emulator is a terminal with the features that the demo uses. It is a fake because a real terminal does not report what scrolled and
// wrapped.
type emulator struct {
	width, height int
	cells         [][]rune
	x, y          int
	modes         map[string]bool // private modes that were set or reset
	entered       int             // how many times the alternate screen was entered

	scrolled int // lines lost at the top
	wrapped  int // characters that started a new line because the previous one was full
	cut      int // characters that did not fit, without wrapping

	rest []byte // of a sequence
}

func newEmulator(width, height int) *emulator {
	e := &emulator{modes: map[string]bool{"?7": true, "?25": true}}
	e.resize(width, height)
	return e
}

func (e *emulator) resize(width, height int) {
	e.width, e.height = width, height
	e.cells = make([][]rune, height)
	for i := range e.cells {
		e.cells[i] = []rune(strings.Repeat(" ", width))
	}
	e.x, e.y = min(e.x, width), min(e.y, height-1)
}

func (e *emulator) String() string {
	var lines []string
	for _, row := range e.cells {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	return strings.Join(lines, "\n")
}

var csi = regexp.MustCompile(`^\x1b\[(\?\d+|)([a-zA-Z])`)

// feed interprets output of a program. Unknown sequences are errors.
func (e *emulator) feed(t *testing.T, p []byte) {
	t.Helper()
	p = append(e.rest, p...)
	for len(p) > 0 && (utf8.FullRune(p)) {
		if p[0] == 0x1b {
			m := csi.FindSubmatch(p)
			if m == nil {
				if len(p) < 10 {
					break // cut by the read
				}
				t.Errorf("unknown sequence %q", p[:10])
				return
			}
			e.control(t, string(m[1]), m[2][0])
			p = p[len(m[0]):]
			continue
		}
		r, size := utf8.DecodeRune(p)
		p = p[size:]
		switch {
		case r == '\r':
			e.x = 0
		case r == '\n':
			e.lineFeed()
		case r < ' ' || r >= 0x7f && r < 0xa0:
			t.Errorf("control character %U", r)
		default:
			e.put(r)
		}
	}
	e.rest = append([]byte(nil), p...)
}

func (e *emulator) lineFeed() {
	if e.y == e.height-1 {
		e.scrolled++
		e.cells = append(e.cells[1:], []rune(strings.Repeat(" ", e.width)))
		return
	}
	e.y++
}

func (e *emulator) put(r rune) {
	if e.x >= e.width {
		if e.modes["?7"] {
			e.wrapped++
			e.x = 0
			e.lineFeed()
		} else {
			e.cut++
			e.x = e.width - 1
		}
	}
	e.cells[e.y][e.x] = r
	e.x++
}

func (e *emulator) control(t *testing.T, mode string, final byte) {
	t.Helper()
	switch {
	case final == 'h' && mode != "":
		e.modes[mode] = true
		if mode == "?1049" {
			e.entered++
		}
	case final == 'l' && mode != "":
		e.modes[mode] = false
	case final == 'H':
		e.x, e.y = 0, 0
	case final == 'K':
		for x := min(e.x, e.width-1); x < e.width; x++ { // after the last column, terminals erase the last
			e.cells[e.y][x] = ' '
		}
	case final == 'J':
		e.control(t, "", 'K')
		for y := e.y + 1; y < e.height; y++ {
			e.cells[y] = []rune(strings.Repeat(" ", e.width))
		}
	default:
		t.Errorf("unknown sequence %s%c", mode, final)
	}
}
