//go:build linux

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// terminalProcess is a process that runs on its own terminal.
type terminalProcess struct {
	t        *testing.T
	cmd      *exec.Cmd
	pty, tty *os.File
	before   *unix.Termios
	exited   chan error

	mu      sync.Mutex
	screen  *vt.Emulator
	raw     bytes.Buffer
	entered int           // how many times the alternate screen was entered
	inView  bool          // the alternate screen is shown
	changed chan struct{} // something was printed
}

func openTerminal(t *testing.T, width, height int) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = pty.Close() })
	n := 0
	control(t, pty, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
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
	control(t, pty, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)})
	})
}

// control calls f with the descriptor of a file. File.Fd would let reads block in the kernel, and a file that is being read there stays open
// after Close: its terminal would not go away.
func control(t *testing.T, file *os.File, f func(fd int) error) {
	t.Helper()
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	failure := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	if err := errors.Join(failure, err); err != nil {
		t.Fatal(err)
	}
}

// startDemo runs the demo on a terminal of 80×24.
func startDemo(t *testing.T, env ...string) *terminalProcess {
	t.Helper()
	return startOnTerminal(t, exec.Command(os.Args[0], "demo", "--redis", "127.0.0.1:0", "--web", "127.0.0.1:0", "--interval", "200ms"), env...)
}

func startOnTerminal(t *testing.T, cmd *exec.Cmd, env ...string) *terminalProcess {
	t.Helper()
	d := &terminalProcess{t: t, screen: vt.NewEmulator(80, 24), changed: make(chan struct{}, 1), exited: make(chan error, 1)}
	d.screen.SetCallbacks(vt.Callbacks{AltScreen: func(on bool) {
		if d.inView = on; on {
			d.entered++
		}
	}})
	d.pty, d.tty = openTerminal(t, 80, 24)
	d.before = d.termios()
	d.cmd = cmd
	d.cmd.Env = append(append(os.Environ(), "RTC_TEST_BE_RTCOLLECTOR=1", "TERM=xterm-256color", "NO_COLOR="), env...)
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = d.tty, d.tty, d.tty
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.screen.InputPipe().(io.Closer).Close() // ends the copying of answers; Emulator.Close would race with it
	})
	go func() { d.exited <- d.cmd.Wait() }()
	go d.read()
	go func() { _, _ = io.Copy(d.pty, d.screen) }() // the terminal's answers to queries
	return d
}

func (d *terminalProcess) termios() *unix.Termios {
	d.t.Helper()
	var state *unix.Termios
	control(d.t, d.tty, func(fd int) (err error) {
		state, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return state
}

func (d *terminalProcess) read() {
	buf := make([]byte, 4096)
	for {
		n, err := d.pty.Read(buf)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.raw.Write(buf[:n])
		_, _ = d.screen.Write(buf[:n])
		d.mu.Unlock()
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
}

// waitUntil waits until the screen satisfies a condition.
func (d *terminalProcess) waitUntil(what string, is func(text string) bool) {
	d.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		d.mu.Lock()
		ok, text := is(d.screen.String()), d.raw.String()
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

// waitForView waits for the page of this host.
func (d *terminalProcess) waitForView() {
	d.t.Helper()
	d.waitUntil("the view", func(text string) bool {
		lines := strings.Split(text, "\n")
		return strings.Contains(lines[0], "● live") && strings.Contains(text, "CPU      all ") && strings.HasPrefix(lines[len(lines)-1], "q ends")
	})
}

func (d *terminalProcess) typeKeys(keys string) {
	d.t.Helper()
	if _, err := d.pty.WriteString(keys); err != nil {
		d.t.Fatal(err)
	}
}

// checkEnd waits for the end of the process and checks that the terminal is restored.
func (d *terminalProcess) checkEnd() {
	d.t.Helper()
	select {
	case err := <-d.exited:
		if err != nil {
			d.mu.Lock()
			d.t.Errorf("exit: %v after %.5000q", err, &d.raw)
			d.mu.Unlock()
		}
	case <-time.After(30 * time.Second):
		d.t.Fatal("does not end")
	}
	d.waitUntil("the summary", func(string) bool { return strings.Contains(d.raw.String(), "were stored in") })
	if diff := cmp.Diff(d.before, d.termios()); diff != "" {
		d.t.Errorf("the terminal is not as it was: %s", diff)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inView || d.screen.CursorHidden() {
		d.t.Errorf("the terminal shows the view: %v, hides the cursor: %v", d.inView, d.screen.CursorHidden())
	}
}

// TestDemoEnds ends the demo in every way that it can handle.
func TestDemoEnds(t *testing.T) {
	for name, end := range map[string]func(d *terminalProcess){
		"q":       func(d *terminalProcess) { d.typeKeys("xq") },
		"ctrl-c":  func(d *terminalProcess) { d.typeKeys("\x03") },
		"sigterm": func(d *terminalProcess) { _ = d.cmd.Process.Signal(syscall.SIGTERM) },
		"sigint":  func(d *terminalProcess) { _ = d.cmd.Process.Signal(syscall.SIGINT) },
		"sighup":  func(d *terminalProcess) { _ = d.cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			d.waitForView()
			t.Logf("80×24:\n%s", d.screenText())
			end(d)
			d.checkEnd()
		})
	}
}

func (d *terminalProcess) screenText() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.screen.String()
}

// TestDemoUnderAShell stops the demo with Ctrl-Z. The terminal is restored for the shell, which then continues the demo.
func TestDemoUnderAShell(t *testing.T) {
	d := startOnTerminal(t, exec.Command("sh", "-c", `set -m; "$0" demo --redis 127.0.0.1:0 --web 127.0.0.1:0 --interval 200ms; echo STOPPED; stty -a; fg`, os.Args[0]))
	d.waitForView()
	d.typeKeys("\x1a")
	d.waitUntil("the view again", func(text string) bool { return d.entered >= 2 && strings.Contains(text, "q ends") })
	d.typeKeys("q")
	d.checkEnd()
	d.mu.Lock()
	defer d.mu.Unlock()
	_, stopped, _ := strings.Cut(d.raw.String(), "STOPPED")
	stopped, _, _ = strings.Cut(stopped, "\x1b[?1049h")
	if !strings.Contains(stopped, " icanon") || !strings.Contains(stopped, " echo ") {
		t.Errorf("while it was stopped: %q", stopped)
	}
}

// TestDemoIsStopped: without a shell that could continue the demo, Ctrl-Z stops nothing. After a stop that cannot be caught, everything
// is drawn again.
func TestDemoIsStopped(t *testing.T) {
	d := startDemo(t)
	d.waitForView()
	d.typeKeys("\x1a")
	_ = d.cmd.Process.Signal(syscall.SIGSTOP)
	d.mu.Lock()
	drawn := strings.Count(d.raw.String(), "\x1b[2J")
	d.mu.Unlock()
	_ = d.cmd.Process.Signal(syscall.SIGCONT)
	d.waitUntil("the view again", func(text string) bool {
		return strings.Count(d.raw.String(), "\x1b[2J") > drawn && d.inView && strings.Contains(text, "q ends")
	})
	d.typeKeys("q")
	d.checkEnd()
}

// TestDemoIsResized makes the terminal as small as possible, and large again. The emulator stays large, because output for the previous
// size may still arrive.
func TestDemoIsResized(t *testing.T) {
	d := startDemo(t)
	d.waitForView()
	d.mu.Lock()
	d.screen.Resize(200, 60)
	d.mu.Unlock()
	for _, size := range [][2]int{{40, 10}, {20, 5}, {1, 1}, {200, 60}, {80, 24}} {
		resizeTerminal(t, d.pty, size[0], size[1])
		d.waitUntil(fmt.Sprint(size), func(text string) bool {
			lines := strings.Split(strings.TrimRight(text, " \n"), "\n")
			for _, line := range lines {
				if len([]rune(strings.TrimRight(line, " "))) > size[0] {
					return false
				}
			}
			return len(lines) <= size[1] && text != "" && (size[0] < 40 || len(lines) == size[1] && strings.HasPrefix(lines[size[1]-1], "q ends") && strings.Contains(text, "CPU      all"))
		})
	}
	d.typeKeys("q")
	d.checkEnd()
}

// TestDemoWithoutCursorControl: the demo prints plain lines if the terminal cannot do more.
func TestDemoWithoutCursorControl(t *testing.T) {
	d := startDemo(t, "TERM=dumb")
	d.waitUntil("a line", func(text string) bool { return strings.Contains(text, " cpu ") })
	d.typeKeys("\x03") // is a signal here
	d.checkEnd()
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes.Contains(d.raw.Bytes(), []byte("\x1b")) {
		t.Errorf("%q", &d.raw)
	}
}

// TestDemoWithoutColours: NO_COLOR removes colours, but not the view.
func TestDemoWithoutColours(t *testing.T) {
	d := startDemo(t, "NO_COLOR=1")
	d.waitForView()
	d.typeKeys("q")
	d.checkEnd()
	d.mu.Lock()
	defer d.mu.Unlock()
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*3[0-7]m`).Find(d.raw.Bytes()); colour != nil {
		t.Errorf("%q in %q", colour, &d.raw)
	}
}
