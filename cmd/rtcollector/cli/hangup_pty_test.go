//go:build linux && !core

package cli

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminalGoesAway: SIGHUP reloads an agent that was started from a terminal while the terminal exists, and ends it when that has gone
// away. Under nohup neither happens.
func TestTerminalGoesAway(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // child processes do not ignore what this process handles
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("interval: 1h\ninputs: []\noutputs: [stdout]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains := func(what string) func(string) bool {
		return func(text string) bool { return strings.Contains(strings.ReplaceAll(text, "\n", ""), what) }
	}
	for name, command := range map[string]string{
		"leader of the session": `exec "$0" run --config "$1" > /dev/null`,
		"job of a shell":        `"$0" run --config "$1" > /dev/null; exit $?`,
	} {
		t.Run(name, func(t *testing.T) {
			d := startOnTerminal(t, exec.Command("sh", "-c", command, os.Args[0], file))
			d.waitUntil("the start", contains("rtcollector started"))
			pid := d.cmd.Process.Pid
			if children, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children"); err == nil && len(strings.Fields(string(children))) == 1 {
				pid, _ = strconv.Atoi(strings.TrimSpace(string(children)))
			}
			if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			d.waitUntil("the reload", contains("the configuration is unchanged"))
			process, err := os.FindProcess(pid) // a handle, so that another process with this number is not mistaken for it
			if err != nil {
				t.Fatal(err)
			}
			if err := d.pty.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-d.exited:
			case <-time.After(30 * time.Second):
				t.Fatal("it still runs without its terminal")
			}
			for deadline := time.Now().Add(30 * time.Second); process.Signal(syscall.Signal(0)) == nil; {
				if time.Now().After(deadline) {
					t.Fatal("the agent still runs without its terminal")
				}
			}
		})
	}
}
