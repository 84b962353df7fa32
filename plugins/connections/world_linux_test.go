package connections

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// script writes an executable script with this name to a directory of its own.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/bash\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func isOut(kind connlog.Kind) func(*connlog.Event) bool {
	return func(e *connlog.Event) bool { return e.Kind == kind && e.Direction == connlog.Out }
}

// Programs named like AI tools start ordinary programs; what these do is theirs.
func TestToolsOfTools(t *testing.T) {
	servicetest.RequireCommands(t, "curl and git", "curl", "git", "bash")
	// Neither an HTTP nor a Git server, which is enough to connect to.
	addr := servicetest.ServeText(t, []byte("HTTP/1.0 404 no\r\nContent-Length: 0\r\n\r\n"), false)
	url := "http://bob:Hunter2x@" + addr + "/"
	for tool, provider := range map[string]string{"claude": "anthropic", "codex": "openai", "gemini": "google"} {
		t.Run(tool, func(t *testing.T) {
			o := observe(t, "{source: ebpf, domains: 'off', patterns: ["+tool+"]}")
			path := script(t, tool, "(curl -s "+url+" >/dev/null; GIT_TERMINAL_PROMPT=0 git ls-remote "+url+"x.git 2>/dev/null); true\n")
			run(t, path)
			events := o.await(4, func(e *connlog.Event) bool { return e.Direction == connlog.Out })
			programs := map[string]bool{}
			for _, e := range events {
				programs[e.Comm] = true
				if e.Provider != provider || !strings.Contains(e.Ancestry, tool+":") || strings.Contains(e.Cmdline, "Hunter2x") || !strings.Contains(e.Cmdline, addr) {
					t.Errorf("%+v", e)
				}
			}
			if !programs["curl"] || !programs["git-remote-http"] {
				t.Errorf("connections of %v", programs)
			}
		})
	}
}

// Processes in another network namespace are watched as well, by events and by polling, and are told apart from ours.
func TestOtherNetworkNamespace(t *testing.T) {
	servicetest.RequireCommands(t, "iproute2 and bash", "ip", "bash")
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	name := fmt.Sprintf("rtc-conn-%d", os.Getpid())
	run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { run(t, "ip", "netns", "del", name) })
	run(t, "ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
	// The shell listens with the help of a child, connects to it and waits.
	const text = `python3 -c '
import socket, sys
l = socket.create_server(("127.0.0.1", 7)); print("ready", flush=True)
c, _ = l.accept(); sys.stdin.read()
' < <(cat) | { read line; exec 3<>/dev/tcp/127.0.0.1/7; echo connected; cat >/dev/null; }`
	for _, source := range []string{"ebpf", "poll"} {
		t.Run(source, func(t *testing.T) {
			servicetest.RequireCommands(t, "python3", "python3")
			o := observe(t, "{source: "+source+", domains: 'off', patterns: [claude-in-a-namespace]}")
			child := exec.Command("ip", "netns", "exec", name, script(t, "claude-in-a-namespace", text))
			input, _ := child.StdinPipe()
			output, err := child.StdoutPipe()
			if err != nil || child.Start() != nil {
				t.Fatal(err)
			}
			line := make([]byte, 10)
			if _, err := output.Read(line); err != nil {
				t.Fatal(err)
			}
			connect := o.awaitPolled(1, isOut(connlog.Connect))[0]
			if connect.Remote.String() != "127.0.0.1:7" || !strings.Contains(connect.Ancestry, "claude-in-a-nam") {
				t.Errorf("%+v", connect)
			}
			_ = input.Close()
			_ = child.Wait()
			if end := o.awaitPolled(1, isOut(connlog.Close))[0]; end.Conn != connect.Conn {
				t.Errorf("%+v", end)
			}
		})
	}
}

// Datagrams without connect: one conversation per remote end, of the program that sent them, which may be gone already.
func TestDatagrams(t *testing.T) {
	servicetest.RequireCommands(t, "python3", "python3")
	o := observe(t, "{source: ebpf, domains: 'off', patterns: [claude-sends]}")
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	path := script(t, "claude-sends", `python3 -c '
import socket, sys
port = int(sys.argv[1])
for size in (100, 200):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"x" * size, ("127.0.0.1", port))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b"x", ("::ffff:127.0.0.1", port))
s.connect(("::ffff:127.0.0.2", port)); s.send(b"quic" * 300)
' `+servicetest.PortOf(server.LocalAddr().String())+"\n")
	run(t, path)
	closes := o.awaitPolled(2, isOut(connlog.Close))
	sent := map[string]int64{}
	for _, e := range closes {
		sent[e.Remote.Addr().String()] = e.TxBytes
		if e.Proto != connlog.UDP || e.Comm != "python3" || !strings.Contains(e.Ancestry, "claude-sends") || e.Reason != "" {
			t.Errorf("%+v", e)
		}
	}
	if len(closes) != 2 || sent["127.0.0.1"] != 301 || sent["127.0.0.2"] != 1200 {
		t.Errorf("%d conversations: %v", len(closes), sent)
	}
}

// Names with blanks, brackets, line feeds and broken characters are shown as text and do not end a connection's record.
func TestOddProcessNames(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, source := range []string{"ebpf", "poll"} {
		for _, name := range []string{"two words", "a) R 1 (b", "x\ny", "caf\xc3\xa9", "b\xff\xfe"} {
			t.Run(source+" "+fmt.Sprintf("%q", name), func(t *testing.T) {
				o := observe(t, "{source: "+source+", domains: 'off', patterns: [odd-name-test]}")
				bash, err := exec.LookPath("bash")
				if err != nil {
					t.Skip(err)
				}
				path := filepath.Join(t.TempDir(), name)
				if err := os.Symlink(bash, path); err != nil {
					t.Fatal(err)
				}
				child := exec.Command(path, "-c", "exec 3<>/dev/tcp/127.0.0.1/"+servicetest.PortOf(l.Addr().String())+"; echo connected; read line", "odd-name-test")
				input, _ := child.StdinPipe()
				output, err := child.StdoutPipe()
				if err != nil || child.Start() != nil {
					t.Fatal(err)
				}
				_, _ = output.Read(make([]byte, 10))
				want := strings.ToValidUTF8(name, "\ufffd")
				if e := o.awaitPolled(1, isOut(connlog.Connect))[0]; e.Comm != want || e.PID != child.Process.Pid {
					t.Errorf("%q, not %q", e.Comm, want)
				}
				_ = input.Close()
				_ = child.Wait()
			})
		}
	}
}

// The server name of TLS names a connection, and only that one: the next connection to the same address has its own.
func TestNamesFromTLS(t *testing.T) {
	servicetest.RequireCommands(t, "curl", "curl")
	if os.Geteuid() != 0 {
		t.Skip("capturing needs root")
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	port := servicetest.PortOf(server.Listener.Addr().String())
	o := observe(t, "{source: ebpf, domains: capture, patterns: [claude-fetches], alerts: {domains: ['*.EXAMPLE']}}")
	const one = "curl -ks --resolve %[2]s:%[1]s:127.0.0.1 https://%[2]s:%[1]s/ >/dev/null\n"
	run(t, script(t, "claude-fetches", fmt.Sprintf(one, port, "api.shop.example")+fmt.Sprintf(one, port, "other.test")+
		"curl -ks https://127.0.0.1:"+port+"/ >/dev/null\ntrue\n"))
	var domains []string
	for _, e := range o.await(3, isOut(connlog.Close)) {
		domains = append(domains, e.Domain+" "+e.DomainSource)
	}
	slices.Sort(domains) // their names arrive in any order
	if want := []string{" ", "api.shop.example sni", "other.test sni"}; !slices.Equal(domains, want) {
		t.Errorf("%q, want %q", domains, want)
	}
	alerts := o.of(func(e *connlog.Event) bool { return e.Kind == connlog.Alert })
	if len(alerts) != 1 || alerts[0].Alert != "domains" || alerts[0].Domain != "api.shop.example" {
		t.Errorf("%+v", alerts)
	}
}

// Thousands of processes that live for a moment do not make the input grow, and those that connect among them are known.
func TestForkBomb(t *testing.T) {
	servicetest.RequireCommands(t, "util-linux and bash", "unshare", "bash")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := observe(t, "{source: ebpf, domains: 'off', patterns: [claude-forks]}")
	in := o.probe.Input.Runner.(*input)
	in.mu.Lock()
	before := in.tracker.processes.Len()
	in.mu.Unlock()
	path := script(t, "claude-forks", "sh -c 'i=0; while [ $i -lt 3000 ]; do : & i=$((i+1)); done; wait'\n"+ // bash is slow with so many jobs
		"exec 3<>/dev/tcp/127.0.0.1/"+servicetest.PortOf(l.Addr().String())+"\n")
	if err := exec.Command("unshare", "--pid", "--fork", path).Run(); err != nil { // a PID namespace of its own ends all of them
		t.Skip(err)
	}
	if e := o.await(1, isOut(connlog.Connect))[0]; !strings.Contains(e.Ancestry, "claude-forks") {
		t.Errorf("%+v", e)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if after := in.tracker.processes.Len(); after > before+2000 {
		t.Errorf("%d processes are known, %d before", after, before)
	}
}

// When events can no longer be read, the input polls, and the connections that are known continue.
func TestEventsAreLostForGood(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := observe(t, fmt.Sprintf("{source: ebpf, domains: 'off', patterns: [], pids: [%d]}", os.Getpid()))
	setSelf(o, -1)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	first := o.await(1, isOut(connlog.Connect))[0]
	in := o.probe.Input.Runner.(*input)
	in.mu.Lock()
	_ = in.observer.Close()
	in.mu.Unlock()
	servicetest.Until(t, "the input polls", func(context.Context) error {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.polled == nil {
			return errors.New("it still waits for events")
		}
		return nil
	})
	o.poll()
	_ = c.Close()
	if end := o.awaitPolled(1, isOut(connlog.Close))[0]; end.Conn != first.Conn || end.Reason != connlog.ClosedUnseen {
		t.Errorf("%+v", end)
	}
	if n := len(o.of(isOut(connlog.Connect))); n != 1 {
		t.Errorf("%d connections were opened", n)
	}
}
