//go:build unix

package cli_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// notifications is the end of systemd's notification socket that systemd has.
type notifications struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func listenNotifications(t *testing.T) *notifications {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &notifications{t, conn, path}
}

// next returns the lines of the next message.
func (n *notifications) next() []string {
	n.t.Helper()
	if err := n.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		n.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	size, err := n.conn.Read(buf)
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.Split(string(buf[:size]), "\n")
}

// waitFor reads messages until one has the line.
func (n *notifications) waitFor(line string) []string {
	n.t.Helper()
	for {
		if message := n.next(); slices.Contains(message, line) {
			return message
		}
	}
}

// startNotifying runs the agent as systemd does: with a notification socket and a watchdog.
func startNotifying(t *testing.T, n *notifications, watchdog time.Duration, config string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "run", "--config", config)
	cmd.Env = append(os.Environ(), runAsProgram+"=1", "NOTIFY_SOCKET="+n.path, "WATCHDOG_USEC="+strconv.FormatInt(watchdog.Microseconds(), 10))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// TestNotifications: the service manager learns that the agent is ready, alive and stopping.
func TestNotifications(t *testing.T) {
	n := listenNotifications(t)
	cmd := startNotifying(t, n, 300*time.Millisecond, writeConfig(t, "interval: 1s\ninputs: [internal]\noutputs: [stdout]\n"))
	if got := n.waitFor("READY=1"); !slices.Contains(got, "STATUS=1 input, 1 output") {
		t.Error(got)
	}
	if got := n.waitFor("WATCHDOG=1"); len(got) != 2 || !strings.HasPrefix(got[1], "STATUS=") {
		t.Error(got)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	n.waitFor("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestNotReadyWithMistakes: an agent that does not start never reports that it is ready.
func TestNotReadyWithMistakes(t *testing.T) {
	n := listenNotifications(t)
	cmd := startNotifying(t, n, time.Minute, writeConfig(t, "inputs: [nope]\noutputs: [stdout]\n"))
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Error(err)
	}
	if err := n.conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if size, err := n.conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("it sent %d bytes", size)
	}
}
