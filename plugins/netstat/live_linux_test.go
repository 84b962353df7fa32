package netstat

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// enterNewNetwork moves the test's goroutine to a new network namespace, in which only lo exists. The thread is not
// reused: it ends with the goroutine.
func enterNewNetwork(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		t.Skipf("a new network namespace requires root: %v", err)
	}
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	const index, up = 1, 1 // lo, IFF_UP
	link := make([]byte, 16)
	link[4], link[8], link[12] = index, up, up // struct ifinfomsg: index, flags, which flags to change
	reply := make([]byte, 4096)
	request := newMessage(syscall.RTM_NEWLINK, syscall.NLM_F_REQUEST|syscall.NLM_F_ACK, 1, link...)
	if err := syscall.Sendto(fd, request, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	n, err := syscall.Read(fd, reply)
	if err != nil {
		t.Fatal(err)
	}
	if err := parseStatus(reply[headerSize:n]); err != nil {
		t.Fatalf("bring up lo: %v", err)
	}
}

// countBothWays counts the sockets of this thread's namespace with sock_diag and in files.
func countBothWays(t *testing.T) (fromDiag, fromFiles stateCounts) {
	t.Helper()
	d := &diagClient{open: openDiag}
	defer d.Close()
	fromDiag, err := d.countSockets(t.Context())
	if err != nil {
		if isUnavailable(err) {
			t.Skipf("sock_diag is unavailable here: %v", err)
		}
		t.Fatal(err)
	}
	return fromDiag, countFiles(t)
}

func countFiles(t testing.TB) (counts stateCounts) {
	t.Helper()
	for _, name := range []string{"tcp", "tcp6"} {
		_, err := addFile(hostfs.NewFile("/proc/thread-self/net/"+name), &counts)
		if err != nil && hostfs.IgnoreMissing(err) != nil {
			t.Fatal(err)
		}
	}
	return counts
}

// rawSocket is a socket that the runtime's poller does not touch, so every call is made on this thread.
type rawSocket int

func newRawSocket(t testing.TB, family int) rawSocket {
	t.Helper()
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := rawSocket(fd)
	t.Cleanup(r.close)
	return r
}

func (r rawSocket) close() { _ = syscall.Close(int(r)) }

func (r rawSocket) listen(t testing.TB, addr syscall.Sockaddr, backlog int) {
	t.Helper()
	if err := syscall.Bind(int(r), addr); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(int(r), backlog); err != nil {
		t.Fatal(err)
	}
}

func (r rawSocket) connect(t testing.TB, addr syscall.Sockaddr) {
	t.Helper()
	if err := syscall.Connect(int(r), addr); err != nil {
		t.Fatal(err)
	}
}

func (r rawSocket) accept(t testing.TB) rawSocket {
	t.Helper()
	fd, _, err := syscall.Accept(int(r))
	if err != nil {
		t.Fatal(err)
	}
	other := rawSocket(fd)
	t.Cleanup(other.close)
	return other
}

// connectPair returns both ends of an open connection over lo.
func connectPair(t testing.TB, listener rawSocket, family int, addr syscall.Sockaddr) (client, server rawSocket) {
	t.Helper()
	client = newRawSocket(t, family)
	client.connect(t, addr)
	return client, listener.accept(t)
}

// TestRealSockets creates sockets in nearly every state. Both sources must count all of them, and nothing else.
func TestRealSockets(t *testing.T) {
	enterNewNetwork(t)
	v4 := &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 0, 1}}
	v6 := &syscall.SockaddrInet6{Port: 4712, Addr: [16]byte{15: 1}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, v4, 16)
	want := stateCounts{listen: 1}

	connectPair(t, listener, syscall.AF_INET, v4)
	want[established] += 2

	client, _ := connectPair(t, listener, syscall.AF_INET, v4)
	_ = syscall.Shutdown(int(client), syscall.SHUT_WR)
	want[finWait2]++
	want[closeWait]++

	client, server := connectPair(t, listener, syscall.AF_INET, v4)
	_ = syscall.Shutdown(int(client), syscall.SHUT_WR)
	_ = syscall.Shutdown(int(server), syscall.SHUT_WR)
	want[timeWait]++ // the server's end is closed and no longer listed

	addDeferred(t, &want)
	addHalfOpen(t, &want)
	if _, err := os.Stat("/proc/thread-self/net/tcp6"); err == nil {
		listener6 := newRawSocket(t, syscall.AF_INET6)
		listener6.listen(t, v6, 16)
		connectPair(t, listener6, syscall.AF_INET6, v6)
		want[listen]++
		want[established] += 2
	}
	expectBoth(t, want)
}

// addDeferred connects to a listener that accepts a connection only when data arrives (TCP_DEFER_ACCEPT in tcp(7)).
func addDeferred(t *testing.T, want *stateCounts) {
	t.Helper()
	addr := &syscall.SockaddrInet4{Port: 4714, Addr: [4]byte{127, 0, 0, 3}}
	listener := newRawSocket(t, syscall.AF_INET)
	if err := syscall.SetsockoptInt(int(listener), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 60); err != nil {
		t.Fatal(err)
	}
	listener.listen(t, addr, 16)
	newRawSocket(t, syscall.AF_INET).connect(t, addr)
	want[listen]++
	want[synRecv]++
	want[established]++
}

// addHalfOpen fills the queue of a listener that accepts nothing, so that the next client waits for an answer.
func addHalfOpen(t *testing.T, want *stateCounts) {
	t.Helper()
	addr := &syscall.SockaddrInet4{Port: 4713, Addr: [4]byte{127, 0, 0, 2}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, addr, 0)
	newRawSocket(t, syscall.AF_INET).connect(t, addr)
	want[listen]++
	want[established] += 2 // the queue holds one that was never accepted
	client := newRawSocket(t, syscall.AF_INET)
	if err := syscall.SetNonblock(int(client), true); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(int(client), addr); err != syscall.EINPROGRESS {
		t.Fatalf("a client beyond the backlog: %v", err)
	}
	want[synSent]++
}

// expectBoth compares the counts of both sources. Loopback delivers at once, but some packets wait for a timer of the
// kernel.
func expectBoth(t *testing.T, want stateCounts) {
	t.Helper()
	var fromDiag, fromFiles stateCounts
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		fromDiag, fromFiles = countBothWays(t)
		if fromDiag == want && fromFiles == want {
			return
		}
	}
	t.Errorf("sock_diag (-want +got): %s\nfiles: %s", cmp.Diff(want, fromDiag), cmp.Diff(want, fromFiles))
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
		if listening := got["tcp_listen"]; listening != float64(before[listen]) || before[listen] != after[listen] || listening < 1 {
			d.Errorf("%v sockets listen, the files say %d and %d", listening, before[listen], after[listen])
		}
		if have := got["tcp_established"]; have != float64(before[established]) || before[established] != after[established] {
			d.Errorf("%v connections, the files say %d and %d", have, before[established], after[established])
		}
	})
}

// TestSocketIsKeptOpen checks that this process has one socket for sock_diag however often it gathers, and none after
// Close.
func TestSocketIsKeptOpen(t *testing.T) {
	in, err := build(plugintest.Env("netstat", ""), Config{})
	if err != nil {
		t.Fatal(err)
	}
	before := countOpenSockets(t)
	for range 20 {
		if err := in.Gather(t.Context(), telemetry.NewBatch(time.Now(), time.Now(), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if in.sockets.diag == nil {
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
