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

// If a port is in use, the other listeners work, and this one listens when the port is free.
func TestListenerWaitsForAPortInUse(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := blocker.Addr().String()
	server, addr := freeAddress(t, "udp")
	env := plugintest.Env("syslog", "")
	lines := make(chan string, 16)
	env.Log = slogTo(func(line string) { lines <- line })
	in := plugintest.Start(t, Plugin, "{server: 'tcp://"+taken+"', servers: ['"+server+"']}", env).Input.Runner.(*input)
	ctx, cancel := context.WithCancel(t.Context())
	w := &runningInput{t: t, in: in, sink: &collectingEmitter{}}
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, w.sink) }()
	defer func() { cancel(); <-done }()
	said := (<-lines) + (<-lines)
	if !strings.Contains(said, "another program or this agent already listens there") || !strings.Contains(said, "msg=listening") {
		t.Error(said)
	}
	sendText(t, dialServer(t, "udp", addr), "<13>a")
	w.waitEvents(1)
	_ = blocker.Close()
	if line := <-lines; !strings.Contains(line, "msg=listening") {
		t.Error(line)
	}
	sendText(t, dialServer(t, "tcp", taken), "<13>b\n")
	w.waitEvents(2)
}

// Try returns the errors that Run would only log.
func TestTryFindsListenErrors(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	tcp, _ := freeAddress(t, "tcp")
	udp, _ := freeAddress(t, "udp")
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
		for range 2 { // the second call works only if the first has closed its sockets
			if err := in.Try(t.Context()); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", config, err)
			}
		}
	}
}

// A socket file that another process uses is kept. A leftover one is replaced.
func TestOnlyUnusedSocketFilesAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("this system has no datagrams on socket files")
	}
	removeStale(path)
	if _, err := os.Stat(path); err != nil {
		t.Error("a socket that is in use is removed")
	}
	_ = other.Close() // the file stays
	removeStale(path)
	if _, err := os.Stat(path); err == nil {
		t.Error("an unused socket is kept")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removeStale(path)
	if _, err := os.Stat(path); err != nil {
		t.Error("a file that is not a socket is removed")
	}
}

// A file at the path of a socket is kept if it is not a socket, or is in use.
func TestListenKeepsExistingFiles(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		for _, inUse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in use %t", network, inUse), func(t *testing.T) {
				if runtime.GOOS == "windows" {
					t.Skip("socket files are different on Windows")
				}
				server, path := freeListenAddress(t, network)
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
				if err := l.listen(t.Context(), func() { t.Error("the listener has started") }); err == nil {
					t.Error("no error")
				}
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
