package netstat

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/sockets"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// countFiles counts the sockets in the files of this process.
func countFiles(t *testing.T) stateCounts {
	t.Helper()
	counts, found, err := newSocketCounter(sockets.NewFiles(hostfs.FromEnv(os.Getenv), os.Getpid())).countSockets(t.Context())
	if err != nil || !found {
		t.Fatal(found, err)
	}
	return counts
}

// TestAgainstThisMachine compares our counts with the files of this machine.
func TestAgainstThisMachine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("netstat", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) {
		before := countFiles(t)
		got := p.Gather(0)
		after := countFiles(t)
		if listening := got["tcp_listen"]; listening != float64(before[sockets.Listen]) || before[sockets.Listen] != after[sockets.Listen] || listening < 1 {
			d.Errorf("%v sockets listen, the files say %d and %d", listening, before[sockets.Listen], after[sockets.Listen])
		}
		if have := got["tcp_established"]; have != float64(before[sockets.Established]) || before[sockets.Established] != after[sockets.Established] {
			d.Errorf("%v connections, the files say %d and %d", have, before[sockets.Established], after[sockets.Established])
		}
	})
}

// TestSocketIsKeptOpen checks that this process has one socket for sock_diag however often it gathers, and none after
// Close.
func TestSocketIsKeptOpen(t *testing.T) {
	in := plugintest.Start(t, Plugin, "", plugintest.Env("netstat", "")).Input.Gatherer.(*input)
	before := countOpenSockets(t)
	for range 20 {
		if err := in.Gather(t.Context(), telemetry.NewBatch(time.Now(), time.Now(), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if !in.sockets.UsesDiag() {
		t.Skip("sock_diag is unavailable here")
	}
	if n := countOpenSockets(t); n != before+1 {
		t.Errorf("%d sockets, then %d", before, n)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if n := countOpenSockets(t); n != before {
		t.Errorf("%d sockets, %d after Close", before, n)
	}
}

func countOpenSockets(t *testing.T) (n int) {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}
