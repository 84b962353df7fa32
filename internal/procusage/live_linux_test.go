package procusage

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
)

func lookNow(tb testing.TB, w *Watcher) Result {
	tb.Helper()
	r, err := w.Look(tb.Context(), time.Now(), 0)
	w.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// live returns a watcher of this machine that keeps processes apart by their PID.
func live(tb testing.TB) (*Watcher, *Groups) {
	w := newWatcher(tb, hostfs.FromEnv(os.Getenv))
	return w, w.Group(allNeeds, func(m *Member) Key { return Key{PID: m.Process.PID} })
}

// The numbers are those that ps prints before and after. PSS and USS are not compared: ps changes them, because it shares libraries.
func TestAgainstPS(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skip("no ps")
	}
	w, groups := live(t)
	child := startChild(t, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; read line")
	before := ps(t, child)
	lookNow(t, w)
	after := ps(t, child)
	now := groups.totals[Key{PID: child}].Now
	for i, got := range []float64{float64(now.Resident >> 10), float64(now.Threads)} {
		if got < min(before[i], after[i]) || got > max(before[i], after[i]) {
			t.Errorf("value %d is %v, ps says %v and %v", i, got, before[i], after[i])
		}
	}
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(child), "fd"))
	if err != nil || now.FDs != len(entries) {
		t.Errorf("%d descriptors, /proc has %d, %v", now.FDs, len(entries), err)
	}
}

// ps returns the resident memory (kB) and the number of threads of a process.
func ps(t *testing.T, pid int) (values [2]float64) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "rss=,nlwp=", "-p", strconv.Itoa(pid)).Output()
	fields := strings.Fields(string(out))
	if err != nil || len(fields) != len(values) {
		t.Fatalf("%q, %v", out, err)
	}
	for i, f := range fields {
		values[i], _ = strconv.ParseFloat(f, 64)
	}
	return values
}

// startChild starts a program, waits until it prints something, and returns its PID. It ends with the test.
func startChild(t *testing.T, name string, args ...string) (pid int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		t.Skipf("cannot start %s", name)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_, _ = io.Copy(io.Discard, output)
		_ = cmd.Wait()
	})
	if _, err := output.Read(make([]byte, 64)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd.Process.Pid
}

// The sum over all processes is what the kernel counts for the machine: CPU time between two looks, of processes that stay.
func TestAllProcessesAreSeen(t *testing.T) {
	w, groups := live(t)
	r := lookNow(t, w)
	listed, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range listed {
		if proctable.IsPID([]byte(e.Name())) {
			n++
		}
	}
	if d := n - r.Processes; d > 20 || d < -20 || len(groups.totals) != r.Processes {
		t.Errorf("%d processes were read, /proc has %d", r.Processes, n)
	}
	self := groups.totals[Key{PID: os.Getpid()}]
	if self == nil || !self.Now.Measured() || self.Now.Memory.USS == 0 || self.Now.Memory.USS > self.Now.Memory.PSS || self.Now.Memory.PSS > self.Now.Memory.RSS {
		t.Errorf("%+v", self)
	}
}

// What a shell's children read and write counts once, although the kernel adds it to the shell's own.
func TestIOOfAShell(t *testing.T) {
	const size = 8 << 20
	w := newWatcher(t, hostfs.FromEnv(os.Getenv))
	mine := w.Group(Needs{IO: true}, func(m *Member) Key { return Key{Name: strconv.FormatBool(m.isBelow(os.Getpid()))} })
	lookNow(t, w)
	file := filepath.Join(t.TempDir(), "data")
	// The inner shell is seen while it runs. Then the outer one waits for it, and has its I/O too.
	inner := "dd if=/dev/zero of=" + file + " bs=1M count=8 conv=fsync 2>/dev/null; echo written; read line"
	cmd := exec.Command("sh", "-c", "sh -c '"+inner+"'; echo ended; read line")
	input, _ := cmd.StdinPipe()
	output, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		t.Skip("no sh")
	}
	defer func() { _ = input.Close(); _ = cmd.Wait() }()
	_, _ = output.Read(make([]byte, 64))
	lookNow(t, w)
	_, _ = input.Write([]byte("\n"))
	_, _ = output.Read(make([]byte, 64))
	for range idleLooks {
		lookNow(t, w)
	}
	total := mine.totals[Key{Name: "true"}]
	if got := total.Counters[WriteBytes]; got < size || got > size+size/2 {
		t.Errorf("%d bytes were written, want %d and a little", got, size)
	}
}

// The same with events of the kernel, for shells that are gone at the next look.
func TestIOOfShortShells(t *testing.T) {
	w := newWatcher(t, hostfs.FromEnv(os.Getenv))
	if err := w.UseKernel(func() (Meter, error) { return bpf.OpenMeter(bpf.MeterConfig{Processes: true}) }); err != nil {
		t.Skip(err)
	}
	defer func() { _ = w.Close() }()
	mine := w.Group(Needs{IO: true}, func(m *Member) Key { return Key{Name: strconv.FormatBool(m.isBelow(os.Getpid()))} })
	lookNow(t, w)
	const runs, size = 30, 1 << 20
	file := filepath.Join(t.TempDir(), "data")
	for range runs {
		if err := exec.Command("sh", "-c", "dd if=/dev/zero of="+file+" bs=64k count=16 conv=fsync 2>/dev/null; true").Run(); err != nil {
			t.Skip("no sh or dd")
		}
	}
	var last uint64
	waitFor(t, "all events", func() bool {
		lookNow(t, w)
		w.Lock()
		defer w.Unlock()
		total := mine.totals[Key{Name: "true"}]
		if total == nil {
			return false
		}
		last = total.Counters[WriteBytes]
		// Some virtual machines do not report the ends of a few: see TestManyForks of package bpf.
		return total.Counters[Starts] >= 2*runs && last >= runs*size*85/100
	})
	if last > runs*size*11/10 {
		t.Errorf("%d bytes were written, want %d", last, runs*size)
	}
}

// isBelow reports whether a process is a descendant.
func (m *Member) isBelow(pid int) bool {
	for p := m.Process.Parent; p != nil; p = p.Parent {
		if p.PID == pid {
			return true
		}
	}
	return false
}

// With eBPF, processes that live and die between two looks count with all they used.
func TestShortProcesses(t *testing.T) {
	w := newWatcher(t, hostfs.FromEnv(os.Getenv))
	err := w.UseKernel(func() (Meter, error) {
		return bpf.OpenMeter(bpf.MeterConfig{Processes: true, Network: true, Block: true})
	})
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = w.Close() }()
	groups := w.Group(Needs{Network: true, Disks: true, IO: true}, func(m *Member) Key {
		return Key{Name: m.Process.Comm, Group: strconv.FormatBool(m.isBelow(os.Getpid()))}
	})
	lookNow(t, w)
	const n = 50
	var used time.Duration
	for range n {
		cmd := exec.Command("awk", "BEGIN { while (i < 300000) i++ }")
		if err := cmd.Run(); err != nil {
			t.Skip("no awk")
		}
		used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	var total Totals
	waitFor(t, "the events of all processes", func() bool {
		lookNow(t, w)
		w.Lock()
		defer w.Unlock()
		if found := groups.totals[Key{Name: commOf(t, "awk"), Group: "true"}]; found != nil {
			total = *found
		}
		// Some virtual machines do not report the ends of a few: see TestManyForks of package bpf.
		return total.Counters[Starts] == n && total.Counters[UserCPU]+total.Counters[SystemCPU] >= uint64(used*85/100)
	})
	if got := time.Duration(total.Counters[UserCPU] + total.Counters[SystemCPU]); got > used*102/100 {
		t.Errorf("%d processes used %v, want %v", n, got, used)
	}
}

// commOf returns the name that a program has in the kernel: that of the file behind links.
func commOf(t *testing.T, program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip("no " + program)
	}
	return filepath.Base(path)[:min(15, len(filepath.Base(path)))]
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

// Bytes through sockets are those that the peers sent.
func TestBytesOnTheNetwork(t *testing.T) {
	w := newWatcher(t, hostfs.FromEnv(os.Getenv))
	err := w.UseKernel(func() (Meter, error) { return bpf.OpenMeter(bpf.MeterConfig{Processes: true, Network: true}) })
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = w.Close() }()
	if !w.HasNetwork() {
		t.Skip("this kernel does not tell")
	}
	groups := w.Group(Needs{Network: true}, func(m *Member) Key { return Key{PID: m.Process.PID} })
	lookNow(t, w)
	const size = 5 << 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, io.LimitReader(zeros{}, size))
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); n != size || err != nil {
		t.Fatal(n, err)
	}
	lookNow(t, w)
	if c := groups.totals[Key{PID: os.Getpid()}].Counters; c[RxBytes] != size || c[TxBytes] != size {
		t.Errorf("received %d, sent %d, want %d", c[RxBytes], c[TxBytes], size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Without rights, what cannot be read of other users' processes is left out, and counted.
func TestWithoutRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with this goroutine
		_ = unix.Setfsuid(65534)
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Error(err)
			return
		}
		w, groups := live(t)
		r := lookNow(t, w)
		total := groups.totals[Key{PID: os.Getppid()}]
		if r.Unreadable == 0 || total == nil || total.Now.HasIO() || total.Now.Measured() || total.Now.Resident == 0 || !total.Now.HasStatus() {
			t.Errorf("%+v, %+v", r, total)
		}
	}()
	<-done
}
