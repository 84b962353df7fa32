package sockets

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The benchmark holds 100,000 sockets: both ends of these connections. The limit of open files is too low for one
// process, so children of the benchmark share the work.
const (
	children    = 10
	connections = 5000 // of each child
	holdEnv     = "RTC_TEST_HOLD"
)

// BenchmarkHundredThousandSockets counts 100,000 real sockets with sock_diag and in files.
func BenchmarkHundredThousandSockets(b *testing.B) {
	enterNewNetwork(b)
	for n := range children {
		startHolder(b, n)
	}
	thread := fmt.Sprintf("/proc/self/task/%d/net/", syscall.Gettid()) // the benchmarks below run on other threads
	d := NewDiag()
	defer d.Close()
	if _, err := countSockets(b, d.List); err != nil {
		b.Skip(err)
	}
	for name, list := range map[string]func() (stateCounts, error){
		"sock_diag": func() (stateCounts, error) { return countSockets(b, d.List) },
		"bytes": func() (counts stateCounts, err error) {
			err = d.List(b.Context(), Want{TCP: true, Bytes: true}, counts.add)
			return counts, err
		},
		"proc": func() (stateCounts, error) { return countSockets(b, newThreadFiles(thread).List) },
	} {
		b.Run(name, func(b *testing.B) {
			servicetest.LoopWithCPU(b, func() {
				counts, err := list()
				checkCounts(b, counts, err)
			})
		})
	}
}

func checkCounts(b *testing.B, counts stateCounts, err error) {
	if err != nil || counts[Established] != 2*children*connections {
		b.Fatalf("%v, %v", counts, err)
	}
}

// startHolder starts this test binary as a child that uses this thread's network and holds connections until its
// standard input ends.
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

// TestHoldConnections is not a test: it is the child of the benchmark.
func TestHoldConnections(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(holdEnv))
	if err != nil {
		t.Skip("runs only as a child of BenchmarkHundredThousandSockets")
	}
	addr := &syscall.SockaddrInet4{Port: 4711, Addr: [4]byte{127, 0, 1, byte(1 + n)}}
	listener := newRawSocket(t, syscall.AF_INET)
	listener.listen(t, addr, 16)
	for range connections {
		connectPair(t, listener, syscall.AF_INET, addr)
	}
	fmt.Print(holding)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
