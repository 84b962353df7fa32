package sysloginput

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// If a port is in use, the other listeners work, and the port is opened when it is free.
func TestPortInUse(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := blocker.Addr().String()
	server, addr := freePort(t, "udp")
	env := plugintest.Env("syslog", "")
	lines := make(chan string, 16)
	env.Log = slogTo(func(line string) { lines <- line })
	in := plugintest.Start(t, Plugin, "{server: 'tcp://"+taken+"', servers: ['"+server+"']}", env).Input.Runner.(*input)
	ctx, cancel := context.WithCancel(t.Context())
	w := &runningInput{t: t, in: in, sink: &sink{}}
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, w.sink) }()
	defer func() { cancel(); <-done }()
	said := (<-lines) + (<-lines)
	if !strings.Contains(said, "another program or this agent already listens there") || !strings.Contains(said, "msg=listening") {
		t.Error(said)
	}
	send(t, dial(t, "udp", addr), "<13>a")
	w.waitFor(1)
	_ = blocker.Close()
	if line := <-lines; !strings.Contains(line, "msg=listening") {
		t.Error(line)
	}
	send(t, dial(t, "tcp", taken), "<13>b\n")
	w.waitFor(2)
}

// Try returns the errors that Run would only log.
func TestTry(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	tcp, _ := freePort(t, "tcp")
	udp, _ := freePort(t, "udp")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]string{
		"{servers: ['" + tcp + "', '" + udp + "']}":                             "",
		"{servers: ['" + udp + "', 'tcp://" + blocker.Addr().String() + "']}":   "listen on tcp:" + blocker.Addr().String() + ": ",
		"{server: 'unix://" + file + "'}":                                       "the file exists and is not a socket",
		"{server: '" + tcp + "', tls_cert: /nope/cert.pem, tls_key: /nope/key}": "/nope/cert.pem",
	} {
		in := plugintest.Start(t, Plugin, config, plugintest.Env("syslog", "")).Input.Runner.(*input)
		for range 2 { // Try closes its listeners
			if err := in.Try(t.Context()); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", config, err)
			}
		}
	}
}

// The socket file of a running process is kept; a stale one is replaced.
func TestSocketFileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no datagrams on socket files here")
	}
	removeStaleSocket(path)
	if _, err := os.Stat(path); err != nil {
		t.Error("a socket that is in use is removed")
	}
	_ = other.Close() // the file stays
	removeStaleSocket(path)
	if _, err := os.Stat(path); err == nil {
		t.Error("a stale socket is kept")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removeStaleSocket(path)
	if _, err := os.Stat(path); err != nil {
		t.Error("a file that is not a socket is removed")
	}
}

// A file at the path survives if it is not a socket, or a socket in use.
func TestPathInUse(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		for _, inUse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in use %t", network, inUse), func(t *testing.T) {
				if runtime.GOOS == "windows" {
					t.Skip("other socket files on Windows")
				}
				server, path := freeAddress(t, network)
				if inUse {
					startInput(t, "server: '"+server+"'")
				} else if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
					t.Fatal(err)
				}
				c := defaults()
				var a address
				if err := a.UnmarshalScalar(server); err != nil {
					t.Fatal(err)
				}
				l := newListener(a, &c, "h", plugintest.Env("syslog", "").Log)
				if err := l.listen(t.Context(), func() { t.Error("the listener opened") }); err == nil {
					t.Error("no error")
				}
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
