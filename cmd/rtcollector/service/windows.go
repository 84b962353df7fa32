package service

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// WindowsService is an entry in the database of Windows' service manager.
type WindowsService struct {
	Binary string
	Args   []string
}

const (
	windowsTitle   = "rtcollector metrics agent"
	windowsAccount = `NT AUTHORITY\LocalService` // the fewest rights that a service can have and still use the network
	stopPatience   = 20 * time.Second            // the agent writes out its buffers for up to eight seconds
)

// restartDelays are the pauses before the manager starts a failed service again; the last one is repeated.
func restartDelays() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute}
}

// description is what the manager shows. It has the marker, because there is no file.
func (w *WindowsService) description() string {
	return "Collects metrics of this host and writes them to Redis. " + Marker
}

func (w *WindowsService) print(out io.Writer) {
	fmt.Fprintf(out, "service %s in the service manager of Windows:\n", Name)
	fmt.Fprintf(out, "  display name  %s\n  description   %s\n", windowsTitle, w.description())
	fmt.Fprintf(out, "  command       \"%s\" %s\n  account       %s\n", w.Binary, strings.Join(w.Args, " "), windowsAccount)
	fmt.Fprintf(out, "  start         automatic, delayed\n  on failure    start again after %v\n", restartDelays())
	fmt.Fprintf(out, "source %s in the event log Application:\n  registry      %s\n", Name, `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\`+Name)
	fmt.Fprintf(out, "then start the service, or restart it if it runs and was changed\n")
}

func (w *WindowsService) printRemoval(out io.Writer) {
	fmt.Fprintf(out, "stop and remove the service %s, and remove the source %s of the event log\n", Name, Name)
}

// logLevel is the severity of an entry in the event log, which knows three.
type logLevel int

const (
	levelInfo logLevel = iota
	levelWarning
	levelError
)

// eventLines passes lines of the agent's log on as entries of the event log. Lines of the debug log are left out: it would fill up.
type eventLines struct {
	report func(level logLevel, line string)

	mu      sync.Mutex
	partial []byte
}

// maxEventLine is the longest entry in bytes. The event log takes 31,839 characters: ReportEvent.
const maxEventLine = 31_000

// Write implements io.Writer.
func (e *eventLines) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.partial = append(e.partial, p...)
	for {
		line, rest, ok := bytes.Cut(e.partial, []byte{'\n'})
		if !ok && len(line) < maxEventLine {
			return len(p), nil
		}
		if !ok {
			line, rest = line[:maxEventLine], line[maxEventLine:]
		}
		e.pass(string(line[:min(len(line), maxEventLine)]))
		e.partial = append(e.partial[:0], rest...)
	}
}

func (e *eventLines) pass(line string) {
	if text := strings.TrimSpace(strings.ReplaceAll(line, "\x00", "")); text != "" {
		if level, ok := levelOf(text); ok {
			e.report(level, text)
		}
	}
}

// levelOf returns the severity of a line of the log, in either format of log_format. Other lines are messages of commands, which are
// printed for mistakes only. ok is false for lines of the debug log.
func levelOf(line string) (level logLevel, ok bool) {
	for word, level := range map[string]logLevel{"INFO": levelInfo, "WARN": levelWarning, "ERROR": levelError, "DEBUG": -1} {
		const stamp = len("2006-01-02 15:04:05 ")
		isText := len(line) > stamp && strings.HasPrefix(line[stamp:], word+" ")
		isJSON := strings.HasPrefix(line, "{") && strings.Contains(line, `"level":"`+word+`"`)
		if isText || isJSON {
			return level, level >= 0
		}
	}
	if strings.HasPrefix(line, "warning: ") {
		return levelWarning, true
	}
	return levelError, true
}
