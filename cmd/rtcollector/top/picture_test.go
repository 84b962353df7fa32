package top

import (
	"flag"
	"fmt"
	"html"
	"image/color"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

var picture = flag.String("picture", "", "write the picture of the README to this file")

// TestPicture draws the list of hosts on a terminal, with invented hosts. With -picture it writes what the terminal shows as SVG.
func TestPicture(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, inventedHosts())
	u := newUser(t, client, Config{})
	u.over = spanIndex(time.Hour)
	u.reload()
	u.send(tea.WindowSizeMsg{Width: 116, Height: 15})
	u.shows("9 hosts, 8 reporting", "delta-nas: /srv full in 9 d", "edge-01: silent for 14 min")
	if *picture == "" {
		return
	}
	screen := vt.NewEmulator(116, 15)
	_, _ = screen.WriteString(strings.ReplaceAll(u.View().Content, "\n", "\r\n"))
	if err := os.WriteFile(*picture, []byte(drawSVG(screen)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// inventedHosts returns samples of nine hosts in the last hour.
func inventedHosts() string {
	var b strings.Builder
	now := time.Now().Truncate(10 * time.Second)
	for i, name := range []string{"atlas", "borg", "cedar", "delta-nas", "edge-01", "edge-02", "fern", "gate", "hive"} {
		for back := 360; back >= 0; back -= 3 {
			if name == "edge-01" && back < 84 {
				continue
			}
			at := now.Add(time.Duration(-back) * 10 * time.Second).Unix()
			add := func(metric, labels string, v float64) {
				fmt.Fprintf(&b, "%s{host=%q%s} %.4f %d\n", metric, name, labels, v, at)
			}
			wave := math.Sin(float64(back)/20+float64(i)) + math.Sin(float64(back)/7+3*float64(i))/2
			add("rtcollector_up", `,type="host"`, 1)
			add("cpu_usage_active", `,core="cpu-total",unit="percent"`, math.Max(2, 35+25*wave+float64(i*5%30)))
			add("mem_used_percent", `,unit="percent"`, float64(30+i*17%55))
			used, free := float64(23+i*13%50), 4e11
			if name == "delta-nas" {
				used, free = 94, 9.4*86400*1e5+float64(back)*1e6
			}
			add("disk_used_percent", `,mount="/srv",unit="percent"`, used)
			add("disk_free", `,mount="/srv",unit="bytes"`, free)
			add("net_rx_bytes_rate", `,iface="eth0",unit="bytes_per_second"`, 1e6*float64(5+i*7%30)*(1.5+wave/2))
			add("net_tx_bytes_rate", `,iface="eth0",unit="bytes_per_second"`, 3e5*float64(5+i*5%30)*(1.5+wave/2))
			add("system_load1", "", float64(12+i*41%300)/100)
			add("system_uptime", `,unit="seconds"`, float64(3+i*37%190)*86400)
		}
	}
	return b.String() + "# EOF\n"
}

// The size of a character in the picture, in pixels.
const (
	charWidth, charHeight = 8.4, 19
	margin                = 14
)

// drawSVG draws the cells of a terminal. Runs of cells of the same style become one text.
func drawSVG(screen *vt.Emulator) string {
	width, height := int(float64(screen.Width())*charWidth)+2*margin, screen.Height()*charHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14">`, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="#14171c"/>`)
	for y := range screen.Height() {
		for x := 0; x < screen.Width(); {
			from, style, text := x, screen.CellAt(x, y).Style, ""
			for ; x < screen.Width() && screen.CellAt(x, y).Style.Equal(&style); x++ {
				text += screen.CellAt(x, y).Content
			}
			if strings.TrimSpace(text) == "" {
				continue
			}
			left, top := margin+float64(from)*charWidth, margin+(y+1)*charHeight-5
			if style.Attrs&uv.AttrReverse != 0 {
				fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#2b323c"/>`, left, top-14, float64(x-from)*charWidth, charHeight)
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f" xml:space="preserve" %s>%s</text>`, left, top, float64(x-from)*charWidth, svgStyle(style), html.EscapeString(text))
		}
	}
	return b.String() + "</svg>\n"
}

func svgStyle(s uv.Style) string {
	fill := "#d7dce2"
	for colour, named := range map[color.Color]string{colourOf(tui.Good): "#3fb68b", colourOf(tui.Warn): "#e0a83e", colourOf(tui.Bad): "#e4604e", colourOf(tui.Accent): "#4aa8ff"} {
		if s.Fg == colour {
			fill = named
		}
	}
	if s.Attrs&uv.AttrFaint != 0 {
		fill = "#8b94a0"
	}
	weight := ""
	if s.Attrs&uv.AttrBold != 0 {
		weight = ` font-weight="600"`
	}
	return fmt.Sprintf(`fill="%s"%s`, fill, weight)
}

// colourOf returns the colour that a terminal understands by a style.
func colourOf(s tui.Style) color.Color {
	screen := vt.NewEmulator(1, 1)
	_, _ = screen.WriteString(s.Render("x"))
	return screen.CellAt(0, 0).Style.Fg
}
