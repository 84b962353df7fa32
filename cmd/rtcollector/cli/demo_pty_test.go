//go:build linux

package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// demoOnTerminal is a process that runs the demo on its own terminal.
type demoOnTerminal struct {
	t        *testing.T
	cmd      *exec.Cmd
	pty, tty *os.File
	before   *unix.Termios
	exited   chan error

	mu      sync.Mutex
	screen  *emulator
	raw     bytes.Buffer
	changed chan struct{} // something was printed
}

func openTerminal(t *testing.T, width, height int) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = pty.Close() })
	if err := unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	resizeTerminal(t, pty, width, height)
	return pty, tty
}

func resizeTerminal(t *testing.T, pty *os.File, width, height int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
}

// startDemo runs the demo on a terminal of 80×24.
func startDemo(t *testing.T, env ...string) *demoOnTerminal {
	t.Helper()
	return startOnTerminal(t, exec.Command(os.Args[0], "demo", "--redis", "127.0.0.1:0", "--interval", "100ms"), env...)
}

func startOnTerminal(t *testing.T, cmd *exec.Cmd, env ...string) *demoOnTerminal {
	t.Helper()
	d := &demoOnTerminal{t: t, screen: newEmulator(80, 24), changed: make(chan struct{}, 1), exited: make(chan error, 1)}
	d.pty, d.tty = openTerminal(t, 80, 24)
	d.before = d.termios()
	d.cmd = cmd
	d.cmd.Env = append(append(os.Environ(), "RTC_TEST_BE_RTCOLLECTOR=1", "TERM=xterm", "NO_COLOR="), env...)
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = d.tty, d.tty, d.tty
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	go func() { d.exited <- d.cmd.Wait() }()
	go d.read()
	return d
}

func (d *demoOnTerminal) termios() *unix.Termios {
	d.t.Helper()
	state, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return state
}

func (d *demoOnTerminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := d.pty.Read(buf)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.raw.Write(buf[:n])
		d.screen.feed(d.t, buf[:n])
		d.mu.Unlock()
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
}

// waitUntil waits until the screen satisfies a condition.
func (d *demoOnTerminal) waitUntil(what string, is func(e *emulator, text string) bool) {
	d.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		d.mu.Lock()
		ok, text := is(d.screen, d.screen.String()), d.raw.String()
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-d.changed:
		case <-timeout:
			d.t.Fatalf("%s: not within 30 s:\n%q", what, text)
		}
	}
}

func (d *demoOnTerminal) waitForTable() {
	d.t.Helper()
	d.waitUntil("the table", func(e *emulator, text string) bool {
		return strings.Contains(text, "CPU      all ") && strings.Contains(text, "q ends.")
	})
}

func (d *demoOnTerminal) typeKeys(keys string) {
	d.t.Helper()
	if _, err := d.pty.WriteString(keys); err != nil {
		d.t.Fatal(err)
	}
}

// checkEnd waits for the end of the process and checks that the terminal is restored.
func (d *demoOnTerminal) checkEnd() {
	d.t.Helper()
	select {
	case err := <-d.exited:
		if err != nil {
			d.t.Errorf("exit: %v", err)
		}
	case <-time.After(30 * time.Second):
		d.t.Fatal("does not end")
	}
	d.waitUntil("the summary", func(_ *emulator, text string) bool { return strings.Contains(text, "were stored in") })
	if diff := cmp.Diff(d.before, d.termios()); diff != "" {
		d.t.Errorf("the terminal is not as it was: %s", diff)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.screen.modes; m["?1049"] || !m["?25"] || !m["?7"] {
		d.t.Errorf("modes of the terminal: %v", m)
	}
}

// checkNothingScrolled checks that no output scrolled, wrapped or was cut by the terminal.
func (d *demoOnTerminal) checkNothingScrolled() {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.screen; e.scrolled+e.wrapped+e.cut > 0 {
		d.t.Errorf("%d lines scrolled, %d wrapped, %d were cut:\n%s", e.scrolled, e.wrapped, e.cut, e)
	}
}

// TestDemoEnds ends the demo in every way that it can handle.
func TestDemoEnds(t *testing.T) {
	for name, end := range map[string]func(d *demoOnTerminal){
		"q":       func(d *demoOnTerminal) { d.typeKeys("xq") },
		"ctrl-c":  func(d *demoOnTerminal) { d.typeKeys("\x03") },
		"sigterm": func(d *demoOnTerminal) { _ = d.cmd.Process.Signal(syscall.SIGTERM) },
		"sigint":  func(d *demoOnTerminal) { _ = d.cmd.Process.Signal(syscall.SIGINT) },
		"sighup":  func(d *demoOnTerminal) { _ = d.cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			d.waitForTable()
			d.checkNothingScrolled()
			t.Logf("80×24:\n%s", d.screenText())
			end(d)
			d.checkEnd()
		})
	}
}

func (d *demoOnTerminal) screenText() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.screen.String()
}

// TestDemoUnderAShell stops the demo with Ctrl-Z. The terminal is restored for the shell, which then continues the demo.
func TestDemoUnderAShell(t *testing.T) {
	d := startOnTerminal(t, exec.Command("sh", "-c", `set -m; "$0" demo --redis 127.0.0.1:0 --interval 100ms; echo STOPPED; stty -a; fg`, os.Args[0]))
	d.waitForTable()
	d.typeKeys("\x1a")
	d.waitUntil("the table again", func(e *emulator, text string) bool { return e.entered == 2 && strings.Contains(text, "q ends.") })
	d.typeKeys("q")
	d.checkEnd()
	d.mu.Lock()
	defer d.mu.Unlock()
	_, stopped, _ := strings.Cut(d.raw.String(), mainScreen)
	stopped, _, _ = strings.Cut(stopped, altScreen)
	if !strings.Contains(stopped, "STOPPED") || !strings.Contains(stopped, " icanon") || !strings.Contains(stopped, " echo ") {
		t.Errorf("while it was stopped: %q", stopped)
	}
}

// TestDemoIsStopped: without a shell that could continue the demo, Ctrl-Z stops nothing, but the terminal is restored and taken again.
func TestDemoIsStopped(t *testing.T) {
	d := startDemo(t)
	d.waitForTable()
	entered := func(n int) {
		t.Helper()
		d.waitUntil(fmt.Sprintf("the screen for the %d. time", n), func(e *emulator, text string) bool {
			return e.entered == n && e.modes["?1049"] && strings.Contains(text, "q ends.")
		})
	}
	entered(1)
	d.typeKeys("\x1a")
	entered(2)
	_ = d.cmd.Process.Signal(syscall.SIGTSTP)
	entered(3)
	_ = d.cmd.Process.Signal(syscall.SIGSTOP)
	_ = d.cmd.Process.Signal(syscall.SIGCONT)
	entered(4)
	d.typeKeys("q")
	d.checkEnd()
}

// TestDemoIsResized makes the terminal as small as possible, and large again.
func TestDemoIsResized(t *testing.T) {
	d := startDemo(t)
	d.waitForTable()
	for _, size := range [][2]int{{20, 5}, {1, 1}, {200, 60}, {80, 24}} {
		d.mu.Lock()
		resizeTerminal(t, d.pty, size[0], size[1])
		larger := newEmulator(300, 100) // output for the previous size may still arrive
		larger.modes, larger.entered, larger.rest = d.screen.modes, d.screen.entered, d.screen.rest
		larger.y = 0
		d.screen = larger
		d.mu.Unlock()
		d.waitUntil(fmt.Sprint(size), func(e *emulator, text string) bool {
			lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
			for _, line := range lines {
				if len([]rune(line)) > size[0]-1 && size[0] > 1 {
					return false
				}
			}
			return len(lines) <= size[1] && text != "" && (size[0] < 80 || strings.Contains(text, "q ends."))
		})
	}
	d.checkNothingScrolled()
	d.typeKeys("q")
	d.checkEnd()
}

// TestDemoWithoutDrawing: the demo prints plain lines if the terminal or the user does not want more.
func TestDemoWithoutDrawing(t *testing.T) {
	for _, env := range []string{"TERM=dumb", "NO_COLOR=1"} {
		t.Run(env, func(t *testing.T) {
			d := startDemo(t, env)
			d.waitUntil("a line", func(_ *emulator, text string) bool { return strings.Contains(text, " cpu ") })
			d.typeKeys("\x03") // is a signal here
			d.checkEnd()
			d.mu.Lock()
			defer d.mu.Unlock()
			if bytes.Contains(d.raw.Bytes(), []byte("\x1b")) {
				t.Errorf("%q", &d.raw)
			}
		})
	}
}
