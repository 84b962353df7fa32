//go:build linux

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

// observed starts the command observe.
func observed(t *testing.T, args ...string) *process {
	t.Helper()
	if _, err := pluginsall.Catalog().Find("input", "connections", "linux"); err != nil {
		t.Skip(err)
	}
	return startProgram(t, append([]string{"observe"}, args...)...)
}

// ends waits for the end of a process and returns its exit status, its stdout and its stderr.
func (p *process) ends() (status int, stdout, stderr string) {
	p.t.Helper()
	<-p.done
	log, _ := p.log.read()
	return p.cmd.ProcessState.ExitCode(), p.out.String(), log
}

// newPeer returns the port of a server that accepts connections and says nothing.
func newPeer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// connectCommand is a command that makes two connections at the same time, with a child process.
func connectCommand(t *testing.T, port string) []string {
	t.Helper()
	servicetest.RequireCommands(t, "bash", "bash")
	open := "<>/dev/tcp/127.0.0.1/" + port
	return []string{"--", "bash", "-c", "exec 3" + open + "; bash -c 'exec 4" + open + "; echo connected'; true"}
}

func TestObserveCommand(t *testing.T) {
	port := newPeer(t)
	for name, tt := range map[string]struct {
		args   []string
		status int
		stdout string
		stderr []string
	}{
		"passes":      {append([]string{"--alert-max", "50", "--fail-on", "max_connections"}, connectCommand(t, port)...), 0, "connected\n", []string{"2 connections, 2 at once", "127.0.0.1 "}},
		"fails":       {append([]string{"--alert-max", "1", "--fail-on", "max_connections"}, connectCommand(t, port)...), 3, "connected\n", []string{"! bash[", "failed because of 1 alerts of kind max_connections"}},
		"own status":  {[]string{"--alert-max", "1", "--fail-on", "max_connections", "--", "sh", "-c", "exit 7"}, 7, "", []string{"0 connections"}},
		"killed":      {[]string{"--", "sh", "-c", "kill -9 $$"}, 137, "", nil},
		"not found":   {[]string{"--", "no-such-command"}, 127, "", []string{"no-such-command"}},
		"no command":  {[]string{"extra"}, 2, "", []string{`unknown argument "extra"; a command to run comes after --`}},
		"kinds":       {[]string{"--fail-on", "domian", "--", "true"}, 2, "", []string{`did you mean "domains"?`}},
		"no domains":  {[]string{"--fail-on", "domain", "--", "true"}, 2, "", []string{"without --alert-domain"}},
		"names off":   {[]string{"--fail-on", "unknown_domain", "--domains", "off", "--", "true"}, 2, "", []string{"with --domains off"}},
		"two logs":    {[]string{"--log-dir", "a", "--log-file", "b", "--", "true"}, 2, "", []string{"leave out one"}},
		"bad setting": {[]string{"--source", "x", "--", "true"}, 2, "", []string{"source: must be one of"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := observed(t, append([]string{"--preset", "ci"}, tt.args...)...).ends()
			if status != tt.status || stdout != tt.stdout {
				t.Errorf("status %d, %q", status, stdout)
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in\n%s", want, stderr)
				}
			}
		})
	}
}

// The command gets the signals that the observer gets, and decides itself when it ends.
func TestObserveForwardsSignals(t *testing.T) {
	p := observed(t, "--preset", "ci", "--", "sh", "-c", `trap "exit 9" TERM; echo up >&2; while :; do sleep 0.01; done`)
	p.waitFor("up", 1)
	_ = p.stop(syscall.SIGTERM)
	if status := p.cmd.ProcessState.ExitCode(); status != 9 {
		log, _ := p.log.read()
		t.Errorf("status %d\n%s", status, log)
	}
}

// What is open is listed, and what happens is printed as JSON and logged.
func TestObserveEvents(t *testing.T) {
	port, dir := newPeer(t), t.TempDir()
	args := append([]string{"--json", "--session", "build 12", "--log-dir", dir}, connectCommand(t, port)...)
	status, stdout, stderr := observed(t, args...).ends()
	if status != 0 || stdout != "connected\n" {
		t.Fatalf("status %d, %q\n%s", status, stdout, stderr)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "observe-*.jsonl"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%q, %v", logs, err)
	}
	logged, err := os.ReadFile(logs[0])
	if err != nil || !strings.Contains(stderr, strings.TrimSpace(string(logged))) {
		t.Errorf("%v: the log is not what was printed:\n%s\n%s", err, logged, stderr)
	}
	kinds := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(logged)); lines.Scan(); {
		var e struct{ Event, Session, Comm string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Session != "build 12" || e.Comm != "bash" {
			t.Errorf("%s: %v", lines.Text(), err)
		}
		kinds[e.Event]++
	}
	if kinds["connect"] != 2 || kinds["close"] != 2 {
		t.Errorf("%v", kinds)
	}
}

func TestObserveOnce(t *testing.T) {
	c, err := net.Dial("tcp", "127.0.0.1:"+newPeer(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.RemoteAddr().String())
	status, stdout, stderr := observed(t, "--once", "--pattern", filepath.Base(os.Args[0]), "--domains", "off").ends()
	if status != 0 || !strings.Contains(stdout, "tcp → 127.0.0.1:"+port+" open before\n") || strings.Contains(stdout, " - ") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

func TestObserveUntilSignal(t *testing.T) {
	p := observed(t, "--pid", "1")
	p.waitFor("observing process 1 until Ctrl-C", 1)
	if err := p.stop(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if out := p.out.String(); !strings.Contains(out, "connections, ") {
		t.Errorf("no summary: %q", out)
	}
}
