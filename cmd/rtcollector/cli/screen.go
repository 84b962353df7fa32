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

// screen shows the demo. On a terminal it redraws a table in place; elsewhere it prints one line per refresh.
type screen struct {
	w         io.Writer // does not escape; renderFrame escapes each line
	plain     bool
	host      string
	addr      string
	startedAt time.Time
	lastStats embedded.Stats

	passwordFile string // of the embedded Redis; "": no password
	drawnAt      time.Time
	size         func() (width, height int)
	keys         *os.File // where keys are read from; nil: no keyboard

	mu         sync.Mutex
	logLines   []string    // the latest log lines, shown below the table
	active     bool        // we control the terminal
	savedState *term.State // the terminal's state before takeTerminal
}

// Terminal control sequences (ECMA-48, and xterm's private modes). Automatic wrapping is off, because a wide character takes two
// columns and a truncated line may still be too long.
const (
	altScreen  = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	mainScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home       = "\x1b[H"
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
)

// maxLogLines is the number of log lines below the table.
const maxLogLines = 4

func newScreen(w io.Writer, plain bool) *screen {
	return &screen{w: w, plain: plain, startedAt: time.Now(), size: func() (int, int) { return terminalSize(w) }}
}

// terminalSize returns the columns and rows of the terminal that w writes to, or 80×24 if they are unknown.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := underlyingFile(w); ok {
		width, height, _ = term.GetSize(int(f.Fd()))
	}
	if width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// logWriter returns the writer for log lines: the area below the table, or w if there is no table.
func (s *screen) logWriter(w io.Writer) io.Writer {
	if s.plain {
		return w
	}
	return s
}

// Write keeps the first line of a log record for the area below the table.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	s.logLines = append(s.logLines, line)
	s.logLines = s.logLines[max(0, len(s.logLines)-maxLogLines):]
	return len(p), nil
}

// start takes the terminal, or prints the introduction if there is no table.
func (s *screen) start(host, addr string) error {
	s.host, s.addr = host, addr
	if s.plain {
		_, err := fmt.Fprintf(s.w, "rtcollector demo: writes metrics of host %s to the embedded Redis on %s (in memory only)\n%s\n",
			terminal.Line(host), terminal.Line(addr), strings.Join(s.exampleCommands(true), "\n"))
		return err
	}
	return s.takeTerminal()
}

// takeTerminal switches the terminal to raw mode and the alternate screen: keys arrive immediately and without echo.
// [screen.restoreTerminal] reverts it.
func (s *screen) takeTerminal() error {
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
		s.savedState = saved
	}
	s.active = true
	_, err := io.WriteString(s.w, altScreen)
	return err
}

// restoreTerminal returns the terminal to its state before [screen.takeTerminal].
func (s *screen) restoreTerminal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return
	}
	s.active = false
	_, _ = io.WriteString(s.w, mainScreen)
	if s.savedState != nil {
		_ = term.Restore(int(s.keys.Fd()), s.savedState)
	}
}

// restoreOnPanic restores the terminal during a panic. Every goroutine that runs while we control the terminal must defer it.
func (s *screen) restoreOnPanic() {
	if p := recover(); p != nil {
		s.restoreTerminal()
		panic(p)
	}
}

// printSummary prints the totals and how to continue with another Redis.
func (s *screen) printSummary() {
	fmt.Fprintf(s.w, "%d samples in %d series were stored in %s.\nWith your own Redis: rtcollector plugins sample > config.yaml\n                     rtcollector run --config config.yaml\n",
		s.lastStats.Samples, s.lastStats.Series, time.Since(s.startedAt).Round(time.Second))
}

// exampleCommands returns lines with commands for the user to try. Long ones need more than 80 columns.
func (s *screen) exampleCommands(long bool) []string {
	cli := redisCLICommand(s.addr)
	var lines []string
	if s.passwordFile != "" {
		lines = append(lines, fmt.Sprintf("Password:  export REDISCLI_AUTH=\"$(cat %s)\"", quoteShellWord(s.passwordFile)))
	}
	query := " TS.GET " + quoteShellWord(s.host+":mem_used")
	if long {
		query = " TS.RANGE " + quoteShellWord(s.host+":mem_used") + " - + AGGREGATION avg 10000"
	}
	lines = append(lines, "Try:  "+cli+query, "      "+cli+" TS.MGET FILTER __name__=cpu_usage_active")
	for i, line := range lines {
		lines[i] = terminal.Line(line)
	}
	return lines
}

// quoteShellWord quotes a text for POSIX shells unless it is a plain word, because users copy these lines into a shell.
func quoteShellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// draw shows the latest values.
func (s *screen) draw(l latestValues, stats embedded.Stats) error {
	now := time.Now()
	rate := 0.0
	if !s.drawnAt.IsZero() {
		rate = float64(stats.Samples-s.lastStats.Samples) / now.Sub(s.drawnAt).Seconds()
	}
	s.drawnAt, s.lastStats = now, stats
	if s.plain {
		_, err := fmt.Fprintln(s.w, now.Format("15:04:05"), terminal.Line(formatPlainLine(l, stats, rate)))
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return nil // suspended or ended
	}
	width, height := s.size()
	_, err := s.w.Write(renderFrame(s.layOut(l, rate, height), width, height))
	return err
}

// renderFrame returns the bytes that replace the content of the terminal by lines. The last line has no line feed and the last column
// stays empty, so that nothing scrolls or wraps.
func renderFrame(lines []string, width, height int) []byte {
	var b bytes.Buffer
	b.WriteString(home)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(truncate(terminal.Line(line), max(width-1, 1)) + eraseLine)
	}
	b.WriteString(eraseBelow)
	return b.Bytes()
}

// truncate shortens a text to width characters.
func truncate(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

// minFullHeight is the height in rows below which only the title, the table and the key to end are shown.
const minFullHeight = 16

// layOut returns at most height lines for the terminal.
func (s *screen) layOut(l latestValues, rate float64, height int) []string {
	howToEnd := "Ctrl-C ends."
	if s.keys != nil {
		howToEnd = "q ends."
	}
	head := []string{
		fmt.Sprintf("rtcollector demo   host %s   %d series   %.0f samples/s   up %s", s.host, s.lastStats.Series, rate, time.Since(s.startedAt).Round(time.Second)),
		fmt.Sprintf("Read from the embedded Redis on %s (%s, in memory only)", s.addr, formatBytes(float64(s.lastStats.Bytes))),
		"",
	}
	foot := append(append([]string{""}, s.exampleCommands(false)...), s.logLines...)
	foot = append(foot, howToEnd)
	if height < minFullHeight {
		head, foot = head[:1], []string{howToEnd}
	}
	lines := append(head, renderTable(l, height-len(head)-len(foot))...)
	lines = append(lines, foot...)
	return lines[:min(len(lines), height)]
}
