package sockets

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
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

// newThreadFiles returns a lister that reads the files of a thread: "/proc/thread-self/net/" is the current one.
func newThreadFiles(dir string) *Lister {
	return &Lister{files: newFileLister(func(name string) *hostfs.File { return hostfs.NewFile(dir + name) })}
}

// newLiveDiag returns a lister of this thread's namespace.
func newLiveDiag(t testing.TB) *Lister {
	t.Helper()
	l := NewDiag()
	t.Cleanup(func() { _ = l.Close() })
	if _, err := countSockets(t, l.List); IsUnavailable(err) {
		t.Skipf("sock_diag is unavailable here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return l
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
	want := stateCounts{Listen: 1}

	connectPair(t, listener, syscall.AF_INET, v4)
	want[Established] += 2

	client, _ := connectPair(t, listener, syscall.AF_INET, v4)
	_ = syscall.Shutdown(int(client), syscall.SHUT_WR)
	want[FinWait2]++
	want[CloseWait]++

	client, server := connectPair(t, listener, syscall.AF_INET, v4)
	_ = syscall.Shutdown(int(client), syscall.SHUT_WR)
	_ = syscall.Shutdown(int(server), syscall.SHUT_WR)
	want[TimeWait]++ // the server's end is closed and no longer listed

	addDeferred(t, &want)
	addHalfOpen(t, &want)
	if _, err := os.Stat("/proc/thread-self/net/tcp6"); err == nil {
		listener6 := newRawSocket(t, syscall.AF_INET6)
		listener6.listen(t, v6, 16)
		connectPair(t, listener6, syscall.AF_INET6, v6)
		want[Listen]++
		want[Established] += 2
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
	want[Listen]++
	want[SynRecv]++
	want[Established]++
}

// addHalfOpen fills the queue of a listener that accepts nothing, so that the next client waits for an answer.
func addHalfOpen(t *testing.T, want *stateCounts) {
	t.Helper()
	addr := &syscall.SockaddrInet4{Port: 4713, Addr: [4]byte{127, 0, 0, 2}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, addr, 0)
	newRawSocket(t, syscall.AF_INET).connect(t, addr)
	want[Listen]++
	want[Established] += 2 // the queue holds one that was never accepted
	client := newRawSocket(t, syscall.AF_INET)
	if err := syscall.SetNonblock(int(client), true); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(int(client), addr); err != syscall.EINPROGRESS {
		t.Fatalf("a client beyond the backlog: %v", err)
	}
	want[SynSent]++
}

// expectBoth compares the counts of both sources. Loopback delivers at once, but some packets wait for a timer of the
// kernel.
func expectBoth(t *testing.T, want stateCounts) {
	t.Helper()
	diag, files := newLiveDiag(t), newThreadFiles("/proc/thread-self/net/")
	var fromDiag, fromFiles stateCounts
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		var errs [2]error
		fromDiag, errs[0] = countSockets(t, diag.List)
		fromFiles, errs[1] = countSockets(t, files.List)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		if fromDiag == want && fromFiles == want {
			return
		}
	}
	t.Errorf("sock_diag (-want +got): %s\nfiles: %s", cmp.Diff(want, fromDiag), cmp.Diff(want, fromFiles))
}
