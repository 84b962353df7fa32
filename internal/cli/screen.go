package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// screen shows the demo: a table that is drawn over itself on a terminal, one line per refresh elsewhere.
type screen struct {
	w     io.Writer
	plain bool
	host  string
	addr  string
	began time.Time
	last  embedded.Stats

	passwordFile string // of the embedded Redis; "": it has no password
	at           time.Time

	mu    sync.Mutex
	notes []string // the last log lines, shown below the table
}

// Terminal control sequences (ECMA-48).
const (
	altScreen  = "\x1b[?1049h\x1b[?25l"
	mainScreen = "\x1b[?25h\x1b[?1049l"
	home       = "\x1b[H"
	eraseLine  = "\x1b[K\r\n"
	eraseBelow = "\x1b[J"
)

const maxNotes = 4

func newScreen(w io.Writer, plain bool) *screen {
	return &screen{w: w, plain: plain, began: time.Now()}
}

// logs returns where log lines go: below the table, or to w where there is none.
func (s *screen) logs(w io.Writer) io.Writer {
	if s.plain {
		return w
	}
	return s
}

// Write takes a log line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, strings.TrimSpace(string(p)))
	s.notes = s.notes[max(0, len(s.notes)-maxNotes):]
	return len(p), nil
}

func (s *screen) begin(host, addr string) {
	s.host, s.addr = host, addr
	if s.plain {
		fmt.Fprintf(s.w, "rtcollector demo: host %s into the embedded Redis on %s (in memory only)\n%s", host, addr, s.hints(""))
		return
	}
	fmt.Fprint(s.w, altScreen)
}

func (s *screen) end() {
	if !s.plain {
		fmt.Fprint(s.w, mainScreen)
	}
	fmt.Fprintf(s.w, "%d samples in %d series were stored in %s.\nWith your own Redis: rtcollector plugins sample > config.yaml, then rtcollector run --config config.yaml\n",
		s.last.Samples, s.last.Series, time.Since(s.began).Round(time.Second))
}

// hints are commands to try, one a line.
func (s *screen) hints(indent string) string {
	cli := redisCLI(s.addr)
	password := ""
	if s.passwordFile != "" {
		password = fmt.Sprintf("%sPassword:  export REDISCLI_AUTH=\"$(cat %s)\"\n", indent, s.passwordFile)
	}
	return password + fmt.Sprintf("%sTry:  %s TS.RANGE %s:mem_used - + AGGREGATION avg 10000\n%s      %s TS.MGET FILTER host=%s core=cpu-total\n",
		indent, cli, s.host, indent, cli, s.host)
}

// draw shows the newest values.
func (s *screen) draw(l latest, stats embedded.Stats) {
	rate := 0.0
	if now := time.Now(); !s.at.IsZero() {
		rate = float64(stats.Samples-s.last.Samples) / now.Sub(s.at).Seconds()
		s.at = now
	} else {
		s.at = now
	}
	s.last = stats
	if s.plain {
		fmt.Fprintln(s.w, time.Now().Format("15:04:05"), plainLine(l, stats, rate))
		return
	}
	var b bytes.Buffer
	b.WriteString(home)
	for _, line := range fit(s.frame(l, rate), s.w) {
		b.WriteString(line + eraseLine)
	}
	b.WriteString(eraseBelow)
	_, _ = s.w.Write(b.Bytes())
}

// fit cuts lines to the size of the terminal: one that wraps would shift all below it.
func fit(lines []string, w io.Writer) []string {
	f, ok := file(w)
	if !ok {
		return lines
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 2 || height < 2 {
		return lines
	}
	lines = lines[:min(len(lines), height-1)]
	for i, line := range lines {
		if r := []rune(line); len(r) > width {
			lines[i] = string(r[:width-1]) + "…"
		}
	}
	return lines
}

func (s *screen) frame(l latest, rate float64) []string {
	lines := []string{
		fmt.Sprintf("rtcollector demo   host %s   %d series   %.0f samples/s   up %s", s.host, s.last.Series, rate, time.Since(s.began).Round(time.Second)),
		fmt.Sprintf("Everything below was read from Redis on %s (embedded, %s, in memory only)", s.addr, bytesText(float64(s.last.Bytes))),
		"",
	}
	lines = append(lines, table(l)...)
	lines = append(lines, "")
	lines = append(lines, strings.Split(strings.TrimRight(s.hints(""), "\n"), "\n")...)
	lines = append(lines, "Ctrl-C ends.", "")
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(lines, s.notes...)
}
