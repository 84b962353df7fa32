package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// TestMain keeps the main thread out of the namespaces of the tests: it could not end with them.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	os.Exit(m.Run())
}

// threadNamespace is the network namespace of this thread, under a path that is valid on all threads.
func threadNamespace() string { return fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid()) }

// describe returns what ss prints about a socket, and its inode.
func describe(s *Socket) string {
	states := map[State]string{Established: "ESTAB", Listen: "LISTEN", TimeWait: "TIME-WAIT", FinWait2: "FIN-WAIT-2", CloseWait: "CLOSE-WAIT",
		SynSent: "SYN-SENT", Unconnected: "UNCONN", FinWait1: "FIN-WAIT-1", LastAck: "LAST-ACK", SynRecv: "SYN-RECV", Closing: "CLOSING"}
	remotePort := ""
	if s.Remote.IsValid() {
		remotePort = fmt.Sprint(s.Remote.Port())
	}
	return fmt.Sprintf("%s %s %d %s", s.Proto, states[s.State], s.Local.Port(), remotePort)
}

func listDescriptions(t testing.TB, l *Lister) (all []string) {
	t.Helper()
	begin := func() { all = nil }
	if err := l.List(t.Context(), Want{TCP: true, UDP: true, Begin: begin}, func(s *Socket) { all = append(all, describe(s)) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

var ssLine = regexp.MustCompile(`^(tcp|udp) +(\S+) +\d+ +\d+ +\S+:(\d+) +\S+:(\d+|\*)`)

// listWithSS returns what ss lists in this thread's namespace.
func listWithSS(t testing.TB) (all []string) {
	t.Helper()
	for line := range strings.Lines(servicetest.CommandOutput(t, "ss", "-tuanH")) { // started by this thread, so in its namespace
		m := ssLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("ss printed %q", line)
		}
		all = append(all, strings.TrimSuffix(strings.Join(m[1:], " "), "*"))
	}
	slices.Sort(all)
	return all
}

// addUDP makes a UDP socket that is connected, and one that is not.
func addUDP(t testing.TB) {
	t.Helper()
	for _, connected := range []bool{false, true} {
		fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(rawSocket(fd).close)
		if err := syscall.Bind(fd, &syscall.SockaddrInet6{Port: 4720}); err != nil && !connected {
			t.Fatal(err)
		}
		if connected {
			rawSocket(fd).connect(t, &syscall.SockaddrInet6{Port: 4720, Addr: [16]byte{10: 255, 11: 255, 12: 127, 15: 1}})
		}
	}
}

// TestAgainstSS compares with ss, the files, and a lister that enters the namespace from another thread.
func TestAgainstSS(t *testing.T) {
	enterNewNetwork(t)
	v4 := &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 0, 1}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, v4, 16)
	connectPair(t, listener, syscall.AF_INET, v4)
	client, _ := connectPair(t, listener, syscall.AF_INET, v4)
	_ = syscall.Shutdown(int(client), syscall.SHUT_WR)
	addUDP(t)
	newLiveDiag(t)
	l, err := InNamespace(threadNamespace())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var want []string
	servicetest.Until(t, "the end of the connection is acknowledged", func(context.Context) error {
		if want = listWithSS(t); slices.ContainsFunc(want, func(line string) bool { return strings.Contains(line, "FIN-WAIT-1") }) {
			return errors.New("not yet")
		}
		return nil
	})
	if len(want) != 7 {
		t.Errorf("ss lists %q", want)
	}
	elsewhere := make(chan []string)
	go func() { elsewhere <- listDescriptions(t, l) }()
	for name, got := range map[string][]string{
		"own": listDescriptions(t, newLiveDiag(t)), "files": listDescriptions(t, newThreadFiles("/proc/thread-self/net/")), "entered": <-elsewhere,
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestThreadsStayAtHome checks that no thread of this process is left in a namespace that was entered.
func TestThreadsStayAtHome(t *testing.T) {
	path := make(chan string)
	end := make(chan struct{})
	done := make(chan struct{})
	go func() { // its thread ends with it, because it stays locked
		defer close(done)
		enterNewNetwork(t)
		path <- threadNamespace()
		<-end
	}()
	var foreign string
	select {
	case foreign = <-path:
	case <-done:
		t.SkipNow()
	}
	entered, err := os.Readlink(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		l, err := InNamespace(foreign)
		if err != nil {
			t.Fatal(err)
		}
		if got := listDescriptions(t, l); len(got) > 0 {
			t.Errorf("the new namespace has %q", got)
		}
		_ = l.Close()
	}
	close(end)
	<-done
	servicetest.Until(t, "the thread of the namespace ended", func(context.Context) error {
		tasks, err := os.ReadDir("/proc/self/task")
		for _, task := range tasks {
			if link, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil && link == entered {
				return fmt.Errorf("thread %s is in %s", task.Name(), link)
			}
		}
		return err
	})
}

// TestRealBytes sends payload both ways and closes one side: neither SYN nor FIN is payload.
func TestRealBytes(t *testing.T) {
	enterNewNetwork(t)
	v4 := &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 0, 1}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, v4, 16)
	client, server := connectPair(t, listener, syscall.AF_INET, v4)
	write := func(r rawSocket, n int) {
		if _, err := syscall.Write(int(r), make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	write(client, 1000)
	write(server, 300)
	l := newLiveDiag(t)
	for _, step := range []func(){func() {}, func() { _ = syscall.Shutdown(int(client), syscall.SHUT_WR) }} {
		step()
		servicetest.Until(t, "payload is counted", func(context.Context) error {
			seen := map[uint16][2]uint64{}
			err := l.List(t.Context(), Want{TCP: true, Bytes: true}, func(s *Socket) {
				if s.HasBytes {
					seen[s.Local.Port()] = [2]uint64{s.TxBytes, s.RxBytes}
				}
				if s.Cookie == 0 || s.State != TimeWait && s.Inode == 0 {
					t.Errorf("%+v", s)
				}
			})
			if err != nil {
				return err
			}
			remote := [2]uint64{}
			for port, v := range seen {
				if port != 4711 {
					remote = v
				}
			}
			if len(seen) != 2 || seen[4711] != [2]uint64{300, 1000} || remote != [2]uint64{1000, 300} {
				return fmt.Errorf("%v", seen)
			}
			return nil
		})
	}
}

// TestRealOwners finds this process as the holder of its sockets.
func TestRealOwners(t *testing.T) {
	enterNewNetwork(t)
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 0, 1}}, 16)
	var inodes []uint64
	if err := newLiveDiag(t).List(t.Context(), Want{TCP: true}, func(s *Socket) { inodes = append(inodes, s.Inode) }); err != nil {
		t.Fatal(err)
	}
	o := NewOwners(hostfs.FromEnv(func(string) string { return "" }))
	if err := o.Update(t.Context(), inodes, []int{os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	if len(inodes) != 1 || !slices.Equal(o.Of(inodes[0]), []int{os.Getpid()}) {
		t.Errorf("%v is held by %v", inodes, o.Of(inodes[0]))
	}
}
