package servicetest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Daemon is a real service on loopback with its own directory.
type Daemon struct {
	Port string
	Dir  string // removed after the test

	Args       []string                    // the command, which must stay in the foreground; see Expand
	Env        []string                    // in addition to that of the test
	Ready      func(context.Context) error // returns nil when the service is ready; nil: wait until it listens
	StopSignal os.Signal                   // signal for an orderly shutdown; nil: the process is killed

	t    testing.TB
	user string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// New returns a service that has not been started. It runs as the user of the test.
func New(t testing.TB) *Daemon {
	t.Helper()
	return newDaemon(t, "")
}

// NewUnprivileged returns a service that refuses to run as root. When the test runs as root, the service runs as nobody.
func NewUnprivileged(t testing.TB) *Daemon {
	t.Helper()
	if os.Getuid() != 0 {
		return newDaemon(t, "")
	}
	return newDaemon(t, "nobody")
}

func newDaemon(t testing.TB, user string) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "rtc-") // t.TempDir is too long for a socket on some systems, and not accessible to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &Daemon{Port: FreePort(t), Dir: dir, t: t, user: user}
	d.chownToUser(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // workers run as other users
		t.Fatal(err)
	}
	return d
}

// Addr returns the address host:port.
func (d *Daemon) Addr() string { return net.JoinHostPort("127.0.0.1", d.Port) }

// Expand replaces $PORT and $DIR in a text by the port and the directory of the service.
func (d *Daemon) Expand(text string) string {
	return strings.NewReplacer("$PORT", d.Port, "$DIR", d.Dir).Replace(text)
}

// WriteFile creates a file in the directory and returns its path. It expands the text.
func (d *Daemon) WriteFile(name, text string) string {
	d.t.Helper()
	path, mode := filepath.Join(d.Dir, name), os.FileMode(0o644)
	if d.user != "" {
		mode = 0o600 // services refuse keys that other users can read
	}
	if err := os.WriteFile(path, []byte(d.Expand(text)), mode); err != nil {
		d.t.Fatal(err)
	}
	d.chownToUser(path)
	return path
}

// CopyFile copies a file to the directory, readable for the user of the service, and returns the path of the copy.
func (d *Daemon) CopyFile(name, from string) string {
	d.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.WriteFile(name, string(text))
}

// Command returns a command that runs in the directory as the user of the service.
func (d *Daemon) Command(args ...string) *exec.Cmd {
	filled := make([]string, len(args))
	for i, a := range args {
		filled[i] = d.Expand(a)
	}
	cmd := exec.Command(filled[0], filled[1:]...)
	cmd.Dir, cmd.Env = d.Dir, append(os.Environ(), d.Env...)
	d.setUser(cmd)
	return cmd
}

// Output runs a command, which must succeed, and returns its output without surrounding white space.
func (d *Daemon) Output(cmd *exec.Cmd) string {
	d.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Run starts the process and waits until it is ready. It may be called again after the process was stopped. The process is stopped after
// the test.
func (d *Daemon) Run() {
	d.t.Helper()
	path := d.WriteFile("log", "")
	log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	first := d.cmd == nil
	d.cmd = d.Command(d.Args...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(d.cmd, d.done)
	if first {
		d.t.Cleanup(func() {
			d.Thaw()
			d.Stop()
			if d.t.Failed() {
				d.t.Logf("the last output of %s:\n%s", d.Args[0], d.outputTail())
			}
		})
	}
	Until(d.t, d.Args[0]+" is ready", func(ctx context.Context) error {
		select {
		case <-d.done:
			d.t.Fatalf("%s has ended:\n%s", strings.Join(d.cmd.Args, " "), d.outputTail())
		default:
		}
		if d.Ready != nil {
			return d.Ready(ctx)
		}
		return dial(ctx, d.Addr())
	})
}

// outputTail returns the end of the service's output, for the log of a failed test.
func (d *Daemon) outputTail() []byte {
	const most = 8 << 10
	text, _ := os.ReadFile(filepath.Join(d.Dir, "log"))
	return text[max(0, len(text)-most):]
}

func dial(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Stop ends the process with StopSignal, or kills it.
func (d *Daemon) Stop() {
	if d.StopSignal == nil {
		d.Kill()
		return
	}
	d.SignalAndWait(d.StopSignal)
}

// Kill kills the process.
func (d *Daemon) Kill() { d.SignalAndWait(os.Kill) }

// SignalAndWait sends a signal and waits until the process has ended.
func (d *Daemon) SignalAndWait(s os.Signal) {
	_ = d.cmd.Process.Signal(s)
	select {
	case <-d.done:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}

// PID returns the ID of the process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }
