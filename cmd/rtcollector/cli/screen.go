package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// screen shows the demo: a table that is drawn over itself on a terminal, one line per refresh elsewhere.
type screen struct {
	w     io.Writer // does not escape: see add
	plain bool
	host  string
	addr  string
	began time.Time
	last  embedded.Stats

	passwordFile string // of the embedded Redis; "": it has no password
	at           time.Time
	size         func() (width, height int)
	keys         *os.File // where keys are read from; nil: from nowhere

	mu     sync.Mutex
	notes  []string    // the last log lines, shown below the table
	active bool        // the terminal is ours
	saved  *term.State // the terminal's state before it was ours
}

// Terminal control sequences (ECMA-48, and xterm's private modes). Lines are cut, and do not wrap if they are cut wrong:
// a wide character takes two columns.
const (
	altScreen  = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	mainScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home       = "\x1b[H"
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
)

const maxNotes = 4

func newScreen(w io.Writer, plain bool) *screen {
	return &screen{w: w, plain: plain, began: time.Now(), size: func() (int, int) { return terminalSize(w) }}
}

// terminalSize returns columns and rows of the terminal that w writes to; 80×24 if it does not say.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := underlyingFile(w); ok {
		width, height, _ = term.GetSize(int(f.Fd()))
	}
	if width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
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
	line, _, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	s.notes = append(s.notes, line)
	s.notes = s.notes[max(0, len(s.notes)-maxNotes):]
	return len(p), nil
}

func (s *screen) begin(host, addr string) error {
	s.host, s.addr = host, addr
	if s.plain {
		_, err := fmt.Fprintf(s.w, "rtcollector demo: host %s into the embedded Redis on %s (in memory only)\n%s\n",
			terminal.Line(host), terminal.Line(addr), strings.Join(s.hints(true), "\n"))
		return err
	}
	return s.enter()
}

// enter takes the terminal: keys arrive one by one and unseen, and what was on it is kept for [screen.leave].
func (s *screen) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain || s.active {
		return nil
	}
	if s.keys != nil {
		saved, err := term.MakeRaw(int(s.keys.Fd()))
		if err != nil {
			return fmt.Errorf("prepare the terminal: %w", err)
		}
		s.saved = saved
	}
	s.active = true
	_, err := io.WriteString(s.w, altScreen)
	return err
}

// leave gives the terminal back as it was.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return
	}
	s.active = false
	_, _ = io.WriteString(s.w, mainScreen)
	if s.saved != nil {
		_ = term.Restore(int(s.keys.Fd()), s.saved)
	}
}

// leaveOnPanic is deferred by every goroutine that runs while the terminal is ours.
func (s *screen) leaveOnPanic() {
	if p := recover(); p != nil {
		s.leave()
		panic(p)
	}
}

// summarize says at the end what there was.
func (s *screen) summarize() {
	fmt.Fprintf(s.w, "%d samples in %d series were stored in %s.\nWith your own Redis: rtcollector plugins sample > config.yaml\n                     rtcollector run --config config.yaml\n",
		s.last.Samples, s.last.Series, time.Since(s.began).Round(time.Second))
}

// hints are commands to try. Long ones need more than 80 columns.
func (s *screen) hints(long bool) []string {
	cli := redisCLICommand(s.addr)
	var lines []string
	if s.passwordFile != "" {
		lines = append(lines, fmt.Sprintf("Password:  export REDISCLI_AUTH=\"$(cat %s)\"", shellWord(s.passwordFile)))
	}
	query := " TS.GET " + shellWord(s.host+":mem_used")
	if long {
		query = " TS.RANGE " + shellWord(s.host+":mem_used") + " - + AGGREGATION avg 10000"
	}
	lines = append(lines, "Try:  "+cli+query, "      "+cli+" TS.MGET FILTER __name__=cpu_usage_active")
	for i, line := range lines {
		lines[i] = terminal.Line(line)
	}
	return lines
}

// shellWord quotes a text as POSIX shells read it, unless it is a plain word: these lines are copied.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// draw shows the newest values.
func (s *screen) draw(l latest, stats embedded.Stats) error {
	now := time.Now()
	rate := 0.0
	if !s.at.IsZero() {
		rate = float64(stats.Samples-s.last.Samples) / now.Sub(s.at).Seconds()
	}
	s.at, s.last = now, stats
	if s.plain {
		_, err := fmt.Fprintln(s.w, now.Format("15:04:05"), terminal.Line(plainLine(l, stats, rate)))
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return nil // suspended, or at the end
	}
	width, height := s.size()
	_, err := s.w.Write(paint(s.frame(l, rate, height), width, height))
	return err
}

// paint draws lines over what was there. The last line has no line feed, and the last column stays empty, so that
// nothing scrolls or wraps.
func paint(lines []string, width, height int) []byte {
	var b bytes.Buffer
	b.WriteString(home)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(cut(terminal.Line(line), max(width-1, 1)) + eraseLine)
	}
	b.WriteString(eraseBelow)
	return b.Bytes()
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

// smallScreen is the height below which only the table is shown.
const smallScreen = 16

// frame returns the lines for a terminal with height rows: never more than that.
func (s *screen) frame(l latest, rate float64, height int) []string {
	ends := "Ctrl-C ends."
	if s.keys != nil {
		ends = "q ends."
	}
	head := []string{
		fmt.Sprintf("rtcollector demo   host %s   %d series   %.0f samples/s   up %s", s.host, s.last.Series, rate, time.Since(s.began).Round(time.Second)),
		fmt.Sprintf("Read from the embedded Redis on %s (%s, in memory only)", s.addr, bytesText(float64(s.last.Bytes))),
		"",
	}
	foot := append(append([]string{""}, s.hints(false)...), s.notes...)
	foot = append(foot, ends)
	if height < smallScreen {
		head, foot = head[:1], []string{ends}
	}
	lines := append(head, table(l, height-len(head)-len(foot))...)
	lines = append(lines, foot...)
	return lines[:min(len(lines), height)]
}
