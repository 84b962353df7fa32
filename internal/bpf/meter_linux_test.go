//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// openMeter loads the programs, or skips the test where that is not possible.
func openMeter(t testing.TB, c MeterConfig) *Meter {
	t.Helper()
	m, err := OpenMeter(c)
	if err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, errors.ErrUnsupported) {
			if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing == nil {
				t.Fatal(err)
			}
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// untilEvent reads events until done returns true for one.
func untilEvent(t testing.TB, m *Meter, what string, done func(*ProcessEvent) bool) {
	t.Helper()
	found := false
	for deadline := time.Now().Add(time.Minute); !found; {
		if time.Now().After(deadline) {
			t.Fatalf("no event: %s", what)
		}
		if err := m.Read(50*time.Millisecond, func(e *ProcessEvent) { found = done(e) || found }); err != nil {
			t.Fatal(err)
		}
	}
}

// childVariable names what a copy of the test program does instead of testing.
const childVariable = "RTC_BPF_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "traffic":
		err = exchange(os.Args[1], os.Args[2])
	case "datagram":
		err = sendDatagram(os.Args[1])
	case "work":
		err = work(os.Args[1])
	case "busy":
		fmt.Print(burn(8, 300*time.Millisecond))
	case "memory":
		err = useMemory()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(childVariable) == "work" {
		os.Exit(3)
	}
	os.Exit(0)
}

// child is a copy of the test program that does something else.
func child(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// The bytes that the child sends in each way.
const (
	written, sentFile, spliced = 100_001, 50_000, 3000
	answered                   = 77_777
	datagrams, datagramSize    = 10, 100
)

// exchange sends and receives in all ways that count, and in some that do not.
func exchange(tcp, udp string) error {
	c, err := net.Dial("tcp", tcp)
	if err != nil {
		return err
	}
	if _, err := c.Write(make([]byte, written)); err != nil {
		return err
	}
	file, err := c.(*net.TCPConn).File() // blocks, unlike c
	if err != nil {
		return err
	}
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	if err := errors.Join(sendTemporaryFile(fd), spliceIn(fd), unix.Shutdown(fd, unix.SHUT_WR), peek(fd)); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, struct{ io.Reader }{file}); n != answered || err != nil {
		return fmt.Errorf("received %d bytes: %w", n, err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(pair[0], make([]byte, 5000)); err != nil {
		return err
	}
	return exchangeDatagrams(udp)
}

func sendTemporaryFile(to int) error {
	f, err := os.CreateTemp("", "rtc")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Truncate(sentFile); err != nil {
		return err
	}
	for sent := 0; sent < sentFile; {
		n, err := unix.Sendfile(to, int(f.Fd()), nil, sentFile-sent)
		if err != nil {
			return fmt.Errorf("sendfile: %w", err)
		}
		sent += n
	}
	return nil
}

func spliceIn(to int) error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	if _, err := unix.Write(pipe[1], make([]byte, spliced)); err != nil {
		return err
	}
	n, err := unix.Splice(pipe[0], nil, to, nil, spliced, 0)
	if err != nil || n != spliced {
		return fmt.Errorf("splice %d: %w", n, err)
	}
	return nil
}

func peek(fd int) error {
	_, _, err := unix.Recvfrom(fd, make([]byte, 1000), unix.MSG_PEEK)
	return err
}

func exchangeDatagrams(address string) error {
	c, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	file, err := c.(*net.UDPConn).File()
	if err != nil {
		return err
	}
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	for range datagrams {
		if _, err := unix.Write(fd, make([]byte, datagramSize)); err != nil {
			return err
		}
		if err := peek(fd); err != nil {
			return err
		}
		if _, err := unix.Read(fd, make([]byte, 1000)); err != nil {
			return err
		}
	}
	return nil
}

// answerDatagrams sends each datagram back twice as long.
func answerDatagrams(l net.PacketConn, received *int) {
	buf := make([]byte, 1000)
	for {
		n, from, err := l.ReadFrom(buf)
		if err != nil {
			return
		}
		*received += n
		_, _ = l.WriteTo(make([]byte, 2*n), from)
	}
}

// trafficOf returns what a process sent and received.
func trafficOf(t *testing.T, m *Meter, pid int) (found Traffic) {
	t.Helper()
	if err := m.Traffic(func(one *Traffic) bool {
		if one.PID == pid {
			found = *one
		}
		return false
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// What a process sends and receives is what its peers count: also with sendfile and splice, and what it only peeks at counts once.
func TestTraffic(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run(host, func(t *testing.T) {
			m := openMeter(t, MeterConfig{Network: true})
			if !m.HasNetwork() {
				t.Skip("this kernel does not tell the length of what is sent")
			}
			l, err := net.Listen("tcp", host+":0")
			if err != nil {
				t.Skip(err)
			}
			defer l.Close()
			udp, err := net.ListenPacket("udp", host+":0")
			if err != nil {
				t.Skip(err)
			}
			defer udp.Close()
			gotUDP := 0
			go answerDatagrams(udp, &gotUDP)
			got := make(chan int64, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					got <- -1
					return
				}
				defer c.Close()
				n, _ := io.Copy(io.Discard, c)
				_, _ = c.Write(make([]byte, answered))
				got <- n
			}()
			cmd := child("traffic", l.Addr().String(), udp.LocalAddr().String())
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			n := <-got
			if n != written+sentFile+spliced {
				t.Fatalf("the peer received %d bytes", n)
			}
			traffic := trafficOf(t, m, cmd.Process.Pid)
			want := Traffic{
				ProcessKey: traffic.ProcessKey, Comm: traffic.Comm, TCPTx: uint64(n), TCPRx: answered,
				UDPTx: datagrams * datagramSize, UDPRx: 2 * datagrams * datagramSize,
			}
			if traffic != want || traffic.Comm.String() == "" || traffic.Start <= 0 {
				t.Errorf("got  %+v\nwant %+v", traffic, want)
			}
			mine := trafficOf(t, m, os.Getpid())
			if mine.UDPRx != want.UDPTx || mine.UDPTx != want.UDPRx || mine.TCPRx != want.TCPTx || mine.TCPTx != want.TCPRx {
				t.Errorf("the peer: %+v", mine)
			}
		})
	}
}

func sendDatagram(address string) error {
	c, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	_, err = c.Write(make([]byte, datagramSize))
	return err
}

// Processes that do not fit are counted as lost. Those that are forgotten make room.
func TestFullMap(t *testing.T) {
	m := openMeter(t, MeterConfig{Network: true, MaxProcesses: 2})
	if !m.HasNetwork() {
		t.Skip("this kernel does not tell the length of what is sent")
	}
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	send := func() int {
		cmd := child("datagram", l.LocalAddr().String())
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return cmd.Process.Pid
	}
	for range 5 {
		send()
	}
	lost, err := m.Lost()
	if err != nil || lost.Traffic < 3 { // other processes of this machine may be lost, too
		t.Errorf("lost %+v, %v; want at least 3 of 5", lost, err)
	}
	fill, err := m.Fill()
	if err != nil || len(fill) != 1 || fill[0] != (MapFill{"traffic", 2, 2}) {
		t.Errorf("fill %+v, %v", fill, err)
	}
	servicetest.Until(t, "there is room after all were forgotten", func(context.Context) error {
		if err := m.Traffic(func(*Traffic) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if trafficOf(t, m, send()).UDPTx != datagramSize {
			return errors.New("others took it")
		}
		return nil
	})
}

// checkSum checks that the sum of a histogram is possible with its slots.
func checkSum(t *testing.T, h *Histogram) {
	t.Helper()
	bounds := HistogramBounds()
	var least, most time.Duration
	for i, n := range h.Count {
		if i > 0 {
			least += time.Duration(n) * bounds[i-1]
		}
		if i == len(bounds) {
			most += time.Duration(n) * time.Hour
		} else {
			most += time.Duration(n) * bounds[i]
		}
	}
	if h.Sum <= least || h.Sum > most {
		t.Errorf("%v does not lie between %v and %v: %v", h.Sum, least, most, h.Count)
	}
}

// loopDevice returns a block device in a file, with its numbers.
func loopDevice(t testing.TB, size int64) (path string, disk Disk) {
	t.Helper()
	servicetest.RequireCommands(t, "mount", "losetup")
	file := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}
	path = strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", path).Run() })
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Skip(err)
	}
	return path, Disk{unix.Major(stat.Rdev), unix.Minor(stat.Rdev)}
}

// diskstats returns the line of a disk in /proc/diskstats without its name.
func diskstats(t testing.TB, disk Disk) (numbers [17]uint64) {
	t.Helper()
	data, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if fields[0] != fmt.Sprint(disk.Major) || fields[1] != fmt.Sprint(disk.Minor) {
			continue
		}
		for i, text := range fields[3:min(len(fields), 20)] {
			numbers[i], _ = strconv.ParseUint(text, 10, 64)
		}
	}
	return numbers
}

// What processes write to and read from a disk is, process by process, what they asked for, and in sum what /proc/diskstats counts.
// There is one latency for each request.
func TestBlock(t *testing.T) {
	m := openMeter(t, MeterConfig{Block: true, Latency: true})
	path, disk := loopDevice(t, 64<<20)
	before := diskstats(t, disk)
	run := func(args ...string) int {
		cmd := exec.Command("dd", args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("dd: %v: %s", err, out)
		}
		return cmd.Process.Pid
	}
	writer := run("if=/dev/zero", "of="+path, "bs=64k", "count=256", "oflag=direct", "conv=fsync")
	reader := run("if="+path, "of=/dev/null", "bs=4k", "count=512", "iflag=direct")
	cached := run("if=/dev/zero", "of="+path, "bs=64k", "count=16", "conv=fsync") // through the kernel's cache
	byProcess := map[int]BlockUse{}
	servicetest.Until(t, "the programs and /proc/diskstats agree", func(context.Context) error {
		var sum BlockUse
		if err := m.BlockUse(func(u *BlockUse) bool {
			if u.Disk == disk {
				byProcess[u.PID] = *u
				sum.ReadBytes, sum.WriteBytes = sum.ReadBytes+u.ReadBytes, sum.WriteBytes+u.WriteBytes
				sum.Reads, sum.Writes = sum.Reads+u.Reads, sum.Writes+u.Writes
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		latencies := map[BlockOp]uint64{}
		if err := m.BlockLatency(func(l *BlockLatency) bool {
			if l.Disk == disk {
				latencies[l.Op] = l.Total()
				checkSum(t, &l.Histogram)
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		now := diskstats(t, disk)
		for i := range now {
			now[i] -= before[i]
		}
		got := fmt.Sprintln(sum.Reads, sum.ReadBytes, sum.Writes, sum.WriteBytes, latencies[BlockRead], latencies[BlockWrite], latencies[BlockFlush])
		// A request to empty the disk's cache has no data. It counts as a write in /proc/diskstats, but the disk gets a flush instead.
		want := fmt.Sprintln(now[0], now[2]*512, now[4]-now[15], now[6]*512, now[0], now[4]-now[15], now[15])
		if got != want || latencies[BlockFlush] == 0 {
			return fmt.Errorf("programs: %s diskstats: %s", got, want)
		}
		return nil
	})
	if u := byProcess[writer]; u.WriteBytes != 256*64<<10 || u.Writes == 0 || u.Comm.String() != "dd" {
		t.Errorf("the writer: %+v", u)
	}
	if u := byProcess[reader]; u.ReadBytes < 512*4<<10 || u.Reads < 512 || u.WriteBytes != 0 {
		t.Errorf("the reader: %+v", u)
	}
	t.Logf("what was written through the cache counts for %+v", byProcess[cached])
	if lost, err := m.Lost(); err != nil || lost != (MeterLost{}) {
		t.Errorf("lost %+v, %v", lost, err)
	}
}

// burn uses CPUs in several threads, and returns how long these waited for a CPU.
func burn(threads int, howLong time.Duration) (waited time.Duration) {
	runtime.GOMAXPROCS(threads)
	done := make(chan time.Duration)
	for range threads {
		go func() {
			runtime.LockOSThread() // so that the thread ends, too
			for end := time.Now().Add(howLong); time.Now().Before(end); {
			}
			done <- runDelay()
		}()
	}
	for range threads {
		waited += <-done
	}
	return waited
}

// work does what the numbers of a process are about.
func work(folder string) error {
	burn(2, 100*time.Millisecond)
	path := filepath.Join(folder, "file")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for range 100 {
		if _, err := f.Write(make([]byte, 10_000)); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return err
	}
	_, err = os.ReadFile(path)
	memory := make([]byte, 50<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	runtime.KeepAlive(memory)
	return err
}

func near(a, b, most int64) bool { return a-b <= most && b-a <= most }

// The numbers of a process that ended are those that wait4 reports, with all its threads.
func TestExitNumbers(t *testing.T) {
	m := openMeter(t, MeterConfig{Processes: true})
	cmd := child("work", t.TempDir())
	_ = cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatal(cmd.ProcessState)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	pid := cmd.Process.Pid
	var kinds []ProcessEventKind
	var key ProcessKey
	untilEvent(t, m, "exit", func(e *ProcessEvent) bool {
		if e.Process.PID != pid {
			return false
		}
		kinds = append(kinds, e.Kind)
		if key != (ProcessKey{}) && e.Key() != key {
			t.Errorf("the process was %+v, is %+v", key, e.Key())
		}
		key = e.Key()
		if e.Process.Parent != os.Getpid() || int(e.Process.UID) != os.Getuid() {
			t.Errorf("%+v", e.Process)
		}
		if e.Kind != ProcessExit {
			return false
		}
		f := e.Final
		t.Logf("%+v\n%+v", f, usage)
		const slack = int64(5 * time.Millisecond) // wait4 looks before the process has left its CPU
		if !near(int64(f.User+f.System), usage.Utime.Nano()+usage.Stime.Nano(), slack) || !near(int64(f.User), usage.Utime.Nano(), slack) {
			t.Errorf("CPU: %v and %v, wait4 says %v and %v", f.User, f.System, time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano()))
		}
		if f.CPU < 100*time.Millisecond || f.CPU != f.User+f.System {
			t.Errorf("CPU %v", f.CPU)
		}
		if !near(int64(f.MinorFaults), int64(usage.Minflt), 0) || !near(int64(f.MajorFaults), int64(usage.Majflt), 0) || f.MinorFaults < 100 {
			t.Errorf("faults %d and %d", f.MinorFaults, f.MajorFaults)
		}
		if !near(int64(f.Voluntary), int64(usage.Nvcsw), 1) || !near(int64(f.Involuntary), int64(usage.Nivcsw), 1) { //nolint:unconvert // they are int32 on machines with 32 bits
			t.Errorf("switches %d and %d", f.Voluntary, f.Involuntary)
		}
		if int64(f.ReadBytes>>9) != int64(usage.Inblock) || int64(f.WriteBytes>>9) != int64(usage.Oublock) { //nolint:unconvert // both are 0 if the folder is in memory; int32 on machines with 32 bits
			t.Errorf("%d bytes read, %d written", f.ReadBytes, f.WriteBytes)
		}
		if f.ReadCalls == 0 || f.WriteCalls < 100 || f.PeakRSS>>10 != int64(usage.Maxrss) { //nolint:unconvert // they are int32 on machines with 32 bits
			t.Errorf("%d and %d calls, %d bytes", f.ReadCalls, f.WriteCalls, f.PeakRSS)
		}
		if f.ExitCode != 3 || f.Signal != 0 || e.OOMVictim {
			t.Errorf("ended with %d, signal %d, %v", f.ExitCode, f.Signal, e.OOMVictim)
		}
		return true
	})
	if !slices.Equal(kinds, []ProcessEventKind{ProcessFork, ProcessExec, ProcessExit}) {
		t.Errorf("events %v", kinds)
	}
}

// A process that a signal ended says which.
func TestExitBySignal(t *testing.T) {
	m := openMeter(t, MeterConfig{Processes: true})
	cmd := exec.Command("bash", "-c", "kill -9 $$")
	if err := cmd.Run(); cmd.Process == nil {
		t.Skip(err)
	}
	untilEvent(t, m, "exit", func(e *ProcessEvent) bool {
		if e.Kind != ProcessExit || e.Process.PID != cmd.Process.Pid {
			return false
		}
		if e.Final.Signal != 9 || e.Final.ExitCode != 0 {
			t.Errorf("%+v", e.Final)
		}
		return true
	})
}

// Every process that begins ends, once, whatever their number.
func TestManyForks(t *testing.T) {
	// A few ends are missing where the kernel runs no programs while a protected process is interrupted, such as process 1 of some virtual
	// machines: it frees ended processes in an interrupt, whatever runs then.
	const n, fewest = 3000, 2900
	m := openMeter(t, MeterConfig{Processes: true})
	cmd := exec.Command("bash", "-c", fmt.Sprintf("for ((i = 0; i < %d; i++)); do (exit 7); done", n))
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	begun, ended := map[ProcessKey]bool{}, 0
	untilEvent(t, m, "almost all processes ended", func(e *ProcessEvent) bool {
		if e.Process.Parent != cmd.Process.Pid {
			return false
		}
		switch e.Kind {
		case ProcessFork:
			begun[e.Key()] = true
		case ProcessExit:
			if !begun[e.Key()] || e.Final.ExitCode != 7 {
				t.Errorf("%+v ended without a beginning, or twice", e)
			}
			delete(begun, e.Key())
			ended++
		}
		return ended >= fewest
	})
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 7 {
		t.Error(err)
	}
	if lost, err := m.Lost(); err != nil || len(begun) > n-fewest || lost != (MeterLost{}) {
		t.Errorf("%d have not ended; lost %+v, %v", len(begun), lost, err)
	}
}

// memoryGroup makes a control group with 16 MiB of memory and returns the file that a process writes 0 to to join it.
func memoryGroup(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("rtc-test-%d", os.Getpid())
	for _, group := range []struct{ folder, limit string }{
		{"/sys/fs/cgroup/" + name, "memory.max"}, {"/sys/fs/cgroup/memory/" + name, "memory.limit_in_bytes"},
	} {
		if os.Mkdir(group.folder, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			servicetest.Until(t, "the control group is empty", func(context.Context) error { return os.Remove(group.folder) })
		})
		limit := filepath.Join(group.folder, group.limit)
		if _, err := os.Stat(limit); err == nil && os.WriteFile(limit, []byte("16777216"), 0) == nil {
			_ = os.WriteFile(filepath.Join(group.folder, "memory.swap.max"), []byte("0"), 0)
			return filepath.Join(group.folder, "cgroup.procs")
		}
	}
	t.Skip("no control group for memory can be made here")
	return ""
}

func useMemory() error {
	var all [][]byte
	for range 100 {
		one := bytes.Repeat([]byte{1}, 4<<20)
		all = append(all, one)
	}
	return fmt.Errorf("%d blocks of 4 MiB fit in 16 MiB", len(all))
}

// A process that the OOM killer ends is known as its victim.
func TestOOM(t *testing.T) {
	procs := memoryGroup(t)
	m := openMeter(t, MeterConfig{Processes: true})
	cmd := exec.Command("bash", "-c", "echo 0 > "+procs+" && exec "+os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=memory")
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Skipf("the process was not killed: %v", err)
	}
	chosen := false
	untilEvent(t, m, "exit", func(e *ProcessEvent) bool {
		if e.Process.PID != cmd.Process.Pid {
			return false
		}
		if e.Kind == ProcessOOM {
			chosen = true
		}
		if e.Kind == ProcessExit && (!e.OOMVictim || e.Final.Signal != 9) {
			t.Errorf("%+v", e)
		}
		return e.Kind == ProcessExit
	})
	if chosen != m.HasOOM() {
		t.Errorf("the choice of the OOM killer was reported: %v", chosen)
	}
}

// RetransSegs is the number of segments that the network namespace of this thread has sent again.
func retransSegs() (n uint64, err error) {
	data, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return 0, err
	}
	var header []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if fields[0] == "Tcp:" && header != nil {
			for i, name := range header {
				if name == "RetransSegs" {
					return strconv.ParseUint(fields[i], 10, 64)
				}
			}
		}
		if fields[0] == "Tcp:" {
			header = fields
		}
	}
	return 0, errors.New("no RetransSegs in /proc/net/snmp")
}

// A segment that nobody answers is sent again, and counted. It happens in a network namespace of its own, with a neighbour that does
// not exist.
func TestRetransmits(t *testing.T) {
	servicetest.RequireCommands(t, "iproute2", "ip")
	m := openMeter(t, MeterConfig{Retransmits: true})
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		done <- loseSegments(t, m)
	}()
	if err := <-done; err != nil {
		t.Skip(err)
	}
}

func loseSegments(t *testing.T, m *Meter) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("no network namespace can be made: %w", err)
	}
	for _, args := range []string{
		"link add one type veth peer name two", "addr add 198.51.100.1/24 dev one", "addr add 2001:db8::1/64 dev one nodad",
		"link set one up", "link set two up",
		"neigh add 198.51.100.2 lladdr 02:00:00:00:00:99 dev one", "neigh add 2001:db8::2 lladdr 02:00:00:00:00:99 dev one",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	for _, to := range []unix.Sockaddr{
		&unix.SockaddrInet4{Port: 80, Addr: [4]byte{198, 51, 100, 2}},
		&unix.SockaddrInet6{Port: 80, Addr: [16]byte{0x20, 1, 0xd, 0xb8, 15: 2}},
		&unix.SockaddrInet6{Port: 80, Addr: [16]byte{10: 255, 11: 255, 12: 198, 13: 51, 14: 100, 15: 2}}, // IPv4 in its IPv6 form
	} {
		family := unix.AF_INET6
		if _, ok := to.(*unix.SockaddrInet4); ok {
			family = unix.AF_INET
		}
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, to); err != unix.EINPROGRESS {
			return fmt.Errorf("connect to nobody: %w", err)
		}
	}
	servicetest.Until(t, "segments were sent again", func(context.Context) error {
		all, err := retransSegs()
		if err != nil {
			return err
		}
		counted, err := m.TCP()
		if err != nil {
			return err
		}
		r := counted.Retransmits
		if all < 3 || r.IPv4 < 2 || r.IPv6 < 1 || r.IPv4+r.IPv6 < all {
			return fmt.Errorf("%d segments sent again, %+v counted", all, counted)
		}
		return nil
	})
	return nil
}

// A connection that is aborted is a reset, sent and received; so is one that is refused, which older kernels do not report as sent.
func TestResets(t *testing.T) {
	m := openMeter(t, MeterConfig{Retransmits: true})
	if !m.HasResets() {
		t.Skip("this kernel does not report resets")
	}
	before, err := m.TCP()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		if c, err := net.Dial("tcp", net.JoinHostPort(host, servicetest.FreePort(t))); err == nil {
			c.Close()
			t.Skip("somebody listens there")
		}
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Skip(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	after, err := m.TCP()
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string][2]uint64{
		"sent, IPv4":     {before.ResetsSent.IPv4, after.ResetsSent.IPv4},
		"received, IPv4": {before.ResetsReceived.IPv4, after.ResetsReceived.IPv4},
		"sent, IPv6":     {before.ResetsSent.IPv6, after.ResetsSent.IPv6},
		"received, IPv6": {before.ResetsReceived.IPv6, after.ResetsReceived.IPv6},
	} {
		if n[1]-n[0] < 1 || n[1]-n[0] > 100 {
			t.Errorf("resets %s: %d", name, n[1]-n[0])
		}
	}
}

// runDelay returns how long this thread has waited for a CPU, as the kernel counts it (/proc/PID/schedstat).
func runDelay() time.Duration {
	data, _ := os.ReadFile("/proc/thread-self/schedstat")
	fields := strings.Fields(string(data))
	if len(fields) != 3 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[1], 10, 64)
	return time.Duration(n)
}

// The time that threads wait for a CPU is that which the kernel counts itself.
func TestRunQueue(t *testing.T) {
	m := openMeter(t, MeterConfig{RunQueue: true})
	before, err := m.RunQueue()
	if err != nil {
		t.Fatal(err)
	}
	cmd := child("busy")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	waited, err := time.ParseDuration(string(out))
	if err != nil {
		t.Fatal(err)
	}
	after, err := m.RunQueue()
	if err != nil {
		t.Fatal(err)
	}
	got, n := after.Sum-before.Sum, after.Total()-before.Total()
	t.Logf("threads waited %v, %d times; those of the child %v", got, n, waited)
	checkSum(t, &after)
	if waited == 0 {
		t.Skip("this kernel does not count it")
	}
	if got < waited*9/10 || n == 0 {
		t.Errorf("the programs saw threads wait %v, %d times; those of the child alone %v", got, n, waited)
	}
}

// Only what was asked for is loaded.
func TestOnlyWhatIsWanted(t *testing.T) {
	m := openMeter(t, MeterConfig{Latency: true})
	if len(m.programs) != 2 || m.maps["traffic"] != nil || m.HasOOM() || m.HasResets() || m.HasNetwork() {
		t.Errorf("programs %v, maps %v", m.programs, m.maps)
	}
	if m.Read(0, nil) == nil {
		t.Error("there are events that nobody asked for")
	}
	if err := errors.Join(m.Traffic(nil), m.BlockUse(func(*BlockUse) bool { return true })); err != nil {
		t.Error(err)
	}
	if _, err := m.RunQueue(); err != nil {
		t.Error(err)
	}
}
