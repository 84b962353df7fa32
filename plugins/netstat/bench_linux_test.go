package netstat

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The benchmark holds 100,000 sockets: both ends of these connections. No process may open so many files unless root
// lets it, so that children of the benchmark share the work.
const (
	children    = 10
	connections = 5000 // of each child
	holdEnv     = "RTC_TEST_HOLD"
)

// BenchmarkHundredThousandSockets counts 100,000 real sockets in both ways.
func BenchmarkHundredThousandSockets(b *testing.B) {
	inNewNetwork(b)
	for n := range children {
		startHolder(b, n)
	}
	thread := fmt.Sprintf("/proc/self/task/%d/net/", syscall.Gettid()) // the runs below are on other threads
	d := &diag{open: openDiag}
	defer d.Close()
	if _, err := d.count(b.Context()); err != nil {
		b.Skip(err)
	}
	b.Run("sock_diag", func(b *testing.B) {
		servicetest.LoopWithCPU(b, func() {
			counts, err := d.count(b.Context())
			check(b, counts, err)
		})
	})
	b.Run("proc", func(b *testing.B) {
		files := []*hostfs.File{hostfs.NewFile(thread + "tcp"), hostfs.NewFile(thread + "tcp6")}
		servicetest.LoopWithCPU(b, func() {
			var counts states
			for _, f := range files {
				if _, err := countFile(f, &counts); err != nil {
					b.Fatal(err)
				}
			}
			check(b, counts, nil)
		})
	})
}

func check(b *testing.B, counts states, err error) {
	if err != nil || counts[established] != 2*children*connections {
		b.Fatalf("%v, %v", counts, err)
	}
}

// startHolder starts this test again as a child that is in this thread's network and holds connections until its standard
// input ends.
func startHolder(b *testing.B, n int) {
	child := exec.Command(os.Args[0], "-test.run=^TestHoldConnections$")
	child.Env = append(os.Environ(), holdEnv+"="+strconv.Itoa(n))
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = child.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, len(holding))); err != nil {
		b.Skipf("hold %d connections: %v", connections, err)
	}
}

const holding = "holding"

// TestHoldConnections is no test but the child of the benchmark.
func TestHoldConnections(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(holdEnv))
	if err != nil {
		t.Skip("is run by BenchmarkHundredThousandSockets")
	}
	addr := &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 1, byte(1 + n)}}
	listener := newRaw(t, syscall.AF_INET)
	listener.listen(t, addr, 16)
	for range connections {
		pair(t, listener, syscall.AF_INET, addr)
	}
	fmt.Print(holding)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
