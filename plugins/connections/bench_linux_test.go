package connections

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/sockets"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// cpuTime returns the CPU time of this process, in milliseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

const (
	envSockets = "RTC_TEST_HOLD_SOCKETS"
	manySocket = 10_000 // connections, each of which is two sockets
	processes  = 2000
)

// TestHoldSockets is the child of BenchmarkPoll: it holds connections until its input ends. Half of the descriptors are those of the parent.
func TestHoldSockets(t *testing.T) {
	address := os.Getenv(envSockets)
	if address == "" {
		t.Skip("runs only as a child of a benchmark")
	}
	for range manySocket {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// holdSockets opens connections between this process and a child, for as long as the benchmark lasts.
func holdSockets(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	accepted := make(chan net.Conn, manySocket)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	child := exec.Command(os.Args[0], "-test.run=TestHoldSockets", "-test.v")
	child.Env = append(os.Environ(), envSockets+"="+l.Addr().String())
	out, _ := child.StdoutPipe()
	in, err := child.StdinPipe()
	if err != nil || child.Start() != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = child.Wait()
		for range len(accepted) {
			_ = (<-accepted).Close()
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "ready" {
			return
		}
	}
	b.Skipf("cannot open %d connections; see ulimit -n", manySocket)
}

// startProcesses starts processes that wait on a pipe of ours. They end when it is closed.
func startProcesses(b *testing.B, n int) {
	wait, release, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	const script = `i=0; while [ $i -lt "$1" ]; do read x <&3 & i=$((i+1)); done; exec 3<&-; echo ready; wait`
	cmd := exec.Command("sh", "-c", script, "sh", strconv.Itoa(n))
	cmd.ExtraFiles, cmd.Stderr = []*os.File{wait}, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		b.Fatal(err)
	}
	_ = wait.Close()
	b.Cleanup(func() { _ = release.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		b.Skipf("cannot fork %d processes: %v", n, err)
	}
}

// BenchmarkPoll measures the CPU time of a gather with 20,000 open sockets and 2,000 processes, all of them watched.
func BenchmarkPoll(b *testing.B) {
	holdSockets(b)
	startProcesses(b, processes)
	for _, source := range []string{"poll", "ebpf"} {
		b.Run(source, func(b *testing.B) {
			o := observe(b, "{source: "+source+", patterns: [], domains: 'off'}")
			setSelf(o, -1)
			o.poll()
			o.await(2*manySocket, func(e *connlog.Event) bool { return e.Kind == connlog.Connect })
			before := cpuTime()
			for b.Loop() {
				o.poll()
			}
			b.ReportMetric((cpuTime()-before)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(plugintest.ByName(o.poll())["connections_tracked"], "connections")
		})
	}
}

// BenchmarkIdle measures the share of a core that the input takes with nothing to see, gathered every second.
func BenchmarkIdle(b *testing.B) {
	o := observe(b, "{source: ebpf, domains: 'off'}")
	before := cpuTime()
	began := time.Now()
	for b.Loop() {
		time.Sleep(time.Second) // what is measured is a second without anything to do
		o.poll()
	}
	b.ReportMetric(100*(cpuTime()-before)/1e3/time.Since(began).Seconds(), "%core")
}

// BenchmarkStateChanges measures a connection: four state changes, two events.
func BenchmarkStateChanges(b *testing.B) {
	c := defaults()
	c.Patterns = nil
	w := newWatcher(&c, -1)
	tr := &tracker{
		config: &c, watcher: w, processes: proctable.New[verdict](hostfs.Root{Proc: "/nonexistent"}, w), users: proctable.NewUsers(nowhere),
		open: map[*connection]struct{}{}, totals: map[totalsKey]*totals{},
	}
	k := newKernelView(tr)
	p := kernelProcess(300, "claude")
	b.ReportAllocs()
	for b.Loop() {
		for _, states := range [][2]sockets.State{{sockets.Closed, sockets.SynSent}, {sockets.SynSent, sockets.Established}, {sockets.Established, sockets.FinWait1}, {sockets.FinWait2, sockets.Closed}} {
			k.handle(&bpf.Event{Kind: bpf.StateChange, Old: states[0], New: states[1], Process: p, Socket: 1, Inode: 1}, start)
		}
		tr.takeEvents()
	}
}

// BenchmarkFlood makes as many connections as this machine can for ten seconds. It reports what the kernel lost and how much memory was
// needed, and the longest delay of another input's gather is that of a ticker.
func BenchmarkFlood(b *testing.B) {
	o := observe(b, "{source: ebpf, patterns: [], domains: 'off'}")
	setSelf(o, -1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	in := o.probe.Input.Runner.(*input)
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		for range 4 {
			go flood(ctx, l.Addr().String())
		}
		worst := longestDelay(ctx)
		cancel()
		b.ReportMetric(float64(worst.Milliseconds()), "delay-ms")
	}
	in.mu.Lock()
	seen := in.tracker.last
	in.mu.Unlock()
	lost, _ := in.observer.Lost()
	b.ReportMetric(float64(seen)/10/float64(b.N), "connections/s")
	b.ReportMetric(float64(lost.Events), "lost")
	b.ReportMetric(float64(len(o.of(func(e *connlog.Event) bool { return e.Kind == connlog.Close }))), "closes")
}

func flood(ctx context.Context, address string) {
	var d net.Dialer
	for ctx.Err() == nil {
		if c, err := d.DialContext(ctx, "tcp", address); err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}
}

// longestDelay returns how late a ticker of 100 ms was at worst.
func longestDelay(ctx context.Context) (worst time.Duration) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for next := time.Now().Add(100 * time.Millisecond); ; next = next.Add(100 * time.Millisecond) {
		select {
		case <-ctx.Done():
			return worst
		case now := <-ticker.C:
			worst = max(worst, now.Sub(next))
		}
	}
}
