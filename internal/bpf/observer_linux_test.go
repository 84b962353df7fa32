package bpf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/sockets"
)

// observe loads the programs, or skips the test where that is not possible.
func observe(t testing.TB, c Config) *Observer {
	t.Helper()
	o, err := Observe(c)
	if err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, errors.ErrUnsupported) {
			if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing == nil {
				t.Fatal(err)
			}
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// until reads events until done returns true for one.
func until(t testing.TB, o *Observer, what string, done func(*Event) bool) {
	t.Helper()
	found := false
	for deadline := time.Now().Add(10 * time.Second); !found; {
		if time.Now().After(deadline) {
			t.Fatalf("no event: %s", what)
		}
		if err := o.Read(50*time.Millisecond, func(e *Event) { found = found || done(e) }); err != nil {
			t.Fatal(err)
		}
	}
}

func addressOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// A connection is seen from the call of connect to its end, with its process and the bytes that both ends counted.
func TestTCP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			o := observe(t, Config{})
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Skip(err)
			}
			defer l.Close()
			received := make(chan int64)
			go func() {
				c, err := l.Accept()
				if err != nil {
					received <- -1
					return
				}
				n, _ := io.Copy(io.Discard, c)
				_, _ = c.Write(make([]byte, 777))
				_ = c.Close()
				received <- n
			}()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write(make([]byte, 100_001))
			_ = c.(*net.TCPConn).CloseWrite()
			back, _ := io.Copy(io.Discard, c)
			_ = c.Close()
			if n := <-received; n != 100_001 || back != 777 {
				t.Fatalf("the ends exchanged %d and %d bytes", n, back)
			}
			local, remote := addressOf(c.LocalAddr()), addressOf(l.Addr())
			var states []sockets.State
			var socket uint64 // at the beginning and at the end, the socket has no local port
			until(t, o, "close", func(e *Event) bool {
				if e.Kind != StateChange || e.Remote != remote || socket != 0 && e.Socket != socket {
					return false
				}
				states, socket = append(states, e.New), e.Socket
				switch {
				case e.New == sockets.SynSent && (e.Process.PID != os.Getpid() || e.NoOwner || e.Inode == 0 || e.Netns == 0):
					t.Errorf("connect was called by %+v", e)
				case e.New == sockets.Established && e.Local != local:
					t.Errorf("connected from %v, not from %v", e.Local, local)
				case e.New == sockets.Closed && (e.Tx != 100_001 || e.Rx != 777):
					t.Errorf("%d bytes sent, %d received", e.Tx, e.Rx)
				}
				return e.New == sockets.Closed
			})
			if want := []sockets.State{sockets.SynSent, sockets.Established, sockets.FinWait1, sockets.Closed}; !slices.Equal(states, want) {
				t.Errorf("states %v, want %v", states, want)
			}
		})
	}
}

// A program that is gone soon is known by its command line, its parent and its start, and its datagrams are its own.
func TestProcessAndDatagram(t *testing.T) {
	o := observe(t, Config{})
	remote := netip.MustParseAddrPort("127.0.0.1:9")
	script := "exec 3<>/dev/udp/127.0.0.1/9; printf hello >&3"
	cmd := exec.Command("bash", "-c", script, "odd name")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	pid := cmd.Process.Pid
	var seen []Kind
	until(t, o, "exit", func(e *Event) bool {
		if e.Process.PID != pid {
			return false
		}
		if len(seen) == 0 || seen[len(seen)-1] != e.Kind {
			seen = append(seen, e.Kind)
		}
		switch e.Kind {
		case Fork:
			if e.Process.Parent != os.Getpid() {
				t.Errorf("%d was made by %d", pid, e.Process.Parent)
			}
		case Exec:
			if want := "bash\x00-c\x00" + script + "\x00odd name\x00"; string(e.Args) != want || e.Truncated || e.Process.Comm() != "bash" {
				t.Errorf("%q runs %q", e.Process.Comm(), e.Args)
			}
		case Conversation:
			if e.Remote != remote || e.Tx != 5 || e.NoOwner || e.Bound {
				t.Errorf("%+v", e)
			}
		}
		return e.Kind == Exit
	})
	if want := []Kind{Fork, Exec, Conversation, Exit}; !slices.Equal(seen, want) {
		t.Errorf("events %v, want %v", seen, want)
	}
	found := false
	for range 2 { // the second time it is forgotten
		err := o.Conversations(func(c *ConversationInfo) bool {
			if c.PID != pid {
				return false
			}
			if found || c.Remote != remote || c.Tx != 5 || c.Sent != 1 {
				t.Errorf("%+v", c)
			}
			found = true
			return true
		})
		if err != nil || !found {
			t.Fatalf("conversation found: %v, %v", found, err)
		}
	}
}

// What a connected UDP socket receives counts; what an unconnected one sends has its remote end.
func TestUDPBothWays(t *testing.T) {
	o := observe(t, Config{MeasureTime: true})
	server, err := net.ListenPacket("udp", "127.0.0.1:"+servicetest.FreePort(t)) // a port that the kernel chooses is not bound
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	buf := make([]byte, 100)
	for range 3 {
		_, _ = client.Write(make([]byte, 10))
		_, from, err := server.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = server.WriteTo(make([]byte, 20), from)
		if _, err := client.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	var toServer, toClient ConversationInfo
	err = o.Conversations(func(c *ConversationInfo) bool {
		switch c.Remote {
		case addressOf(server.LocalAddr()):
			toServer = *c
		case addressOf(client.LocalAddr()):
			toClient = *c
		}
		return false
	})
	t.Logf("the kernel reports received bytes: %v", o.HasReceivedBytes())
	wantRx := uint64(0)
	if o.HasReceivedBytes() {
		wantRx = 60
	}
	if err != nil || toServer.Tx != 30 || toServer.Rx != wantRx || toServer.Sent != 3 || toClient.Tx != 60 || toClient.PID != os.Getpid() {
		t.Errorf("%+v\n%+v\n%v", toServer, toClient, err)
	}
	until(t, o, "conversation of the server", func(e *Event) bool {
		isServer := e.Remote == addressOf(client.LocalAddr())
		if e.Kind == Conversation && e.Process.PID == os.Getpid() && e.Bound != isServer {
			t.Errorf("bound is %v for the datagrams to %v", e.Bound, e.Remote)
		}
		return e.Kind == Conversation && isServer
	})
	usage, err := o.Usage()
	if err != nil || len(usage) == 0 {
		t.Fatal(usage, err)
	}
	runs := uint64(0)
	for _, u := range usage {
		runs += u.Runs
	}
	if runs == 0 {
		t.Error("no program has run")
	}
}

// startAndEndThread returns the number of a thread of this process that ends.
func startAndEndThread(t *testing.T) int {
	for {
		ended := make(chan int)
		go func() {
			runtime.LockOSThread() // so the thread ends with the goroutine
			if unix.Gettid() != os.Getpid() {
				ended <- unix.Gettid()
				return
			}
			ended <- 0 // the first thread never ends; it is not used again until the test ends
			<-t.Context().Done()
			runtime.UnlockOSThread()
		}()
		if id := <-ended; id != 0 {
			return id
		}
	}
}

// The end of a thread is not that of its process.
func TestThreads(t *testing.T) {
	o := observe(t, Config{})
	thread := startAndEndThread(t)
	servicetest.Until(t, "the thread ended", func(context.Context) error {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		if err == nil {
			return errors.New("it is there")
		}
		return nil
	})
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	until(t, o, "exit", func(e *Event) bool {
		if e.Kind == Exit && e.Process.PID == os.Getpid() {
			t.Error("the end of a thread was reported as that of this process")
		}
		return e.Kind == Exit && e.Process.PID == cmd.Process.Pid
	})
}

// A full buffer loses the newest events, and counts them.
func TestLostEventsAreCounted(t *testing.T) {
	o := observe(t, Config{RingBytes: 4096})
	for range 50 {
		if err := exec.Command("true").Run(); err != nil {
			t.Skip(err)
		}
	}
	lost, err := o.Lost()
	if err != nil || lost.Events < 50 {
		t.Errorf("lost %+v, %v", lost, err)
	}
}
