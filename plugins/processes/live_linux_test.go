package processes

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerProcess is one: package syscall copies the path that it passes to openat(2). Only package unsafe could avoid
// that.
const allocsPerProcess = 1

func TestConformanceOfThisMachine(t *testing.T) {
	all := listPIDs(t)
	plugintest.Run(t, Plugin, plugintest.Case{Name: "live", Allocs: 50 + allocsPerProcess*1.2*float64(len(all))},
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"})
}

func listPIDs(tb testing.TB) []string {
	tb.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		tb.Fatal(err)
	}
	return dirs
}

// TestAgainstPs compares our values with ps of procps.
func TestAgainstPs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("processes", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) {
		if want, got := runPS(t), p.Gather(0); !countsAgree(got, want) {
			d.Errorf("%v, ps says %v", got, want)
		}
	})
}

// countsAgree compares the states that seldom change. ps itself is running while it counts, and gone when we count.
func countsAgree(got, want map[string]float64) bool {
	for _, name := range []string{"processes_zombie", "processes_stopped", "processes_idle", "processes_parked"} {
		if got[name] != want[name] {
			return false
		}
	}
	return got["processes_total"] == want["processes_total"]-1 && got["processes_total_threads"] == want["processes_total_threads"]-1
}

func runPS(t *testing.T) map[string]float64 {
	text := servicetest.CommandOutput(t, "ps", "-e", "-o", "state=,nlwp=")
	values, names := map[string]float64{}, metricNames()
	for line := range strings.Lines(text) {
		state, threads, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[names[stateOfLetter(state[0])]]++
		values["processes_total"]++
		n, _ := strconv.ParseFloat(strings.TrimSpace(threads), 64)
		values["processes_total_threads"] += n
	}
	return values
}

// TestAgainstStatus compares /proc/<pid>/stat of two processes with difficult names with /proc/<pid>/status.
func TestAgainstStatus(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	link := filepath.Join(t.TempDir(), "a) R 1\n(b c") // the kernel uses the first 15 bytes of the file name
	if err := os.Symlink(sleep, link); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		cmd := exec.Command(link, "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		want := map[syscall.Signal]byte{syscall.SIGSTOP: 'T', syscall.SIGKILL: 'Z'}[sig]
		pid := strconv.Itoa(cmd.Process.Pid)
		awaitState(t, pid, want)
		found := false
		err := hostfs.NewDir("/proc").ReadHeads("stat", func(name []byte) bool { return string(name) == pid }, func(_, head []byte) {
			s, ok := proctable.ParseStat(head)
			if found = true; !ok || s.State != want || s.Threads != 1 {
				t.Errorf("%q is %q with %d threads (%v), want %q", head, s.State, s.Threads, ok, want)
			}
		})
		if err != nil || !found {
			t.Errorf("process %s: %v, %v", pid, found, err)
		}
	}
}

// TestVanishedProcessesAreNoError gathers while a shell starts processes that end at once: between the listing and the
// open, or between the open and the read.
func TestVanishedProcessesAreNoError(t *testing.T) {
	cmd := exec.Command("sh", "-c", "while :; do (:) & (:) & (:) & wait; done")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p := plugintest.Start(t, Plugin, "", plugintest.Env("processes", ""))
	for i := range 300 {
		if got := p.Gather(float64(i)); got["processes_total"] < 2 {
			t.Fatalf("only %v processes", got["processes_total"])
		}
	}
}

// awaitState waits until /proc/<pid>/status shows a state.
func awaitState(t *testing.T, pid string, want byte) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(status), "\nState:\t"+string(want)) {
			return
		}
	}
	t.Fatalf("process %s is not %q", pid, want)
}

// BenchmarkGather gathers with the processes of this machine, and with ten and twenty thousand more. If node_exporter is
// installed, it counts the same processes for comparison.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{0, 10_000, 20_000} {
		b.Run(fmt.Sprintf("%d more", n), func(b *testing.B) {
			startProcesses(b, n)
			node, hasNode := startNodeExporter(b)
			p := plugintest.Start(b, Plugin, "", plugintest.Env("processes", ""))
			var total float64
			user, system := cpuTime(b)
			for b.Loop() {
				out := telemetry.NewBatch(time.Now(), time.Now(), 16)
				if err := p.Input.Gatherer.Gather(b.Context(), out); err != nil {
					b.Fatal(err)
				}
				total = plugintest.ByKey(out)["processes_total"]
			}
			userEnd, systemEnd := cpuTime(b)
			user, system = (userEnd-user)/float64(b.N), (systemEnd-system)/float64(b.N)
			b.ReportMetric(user, "user-ms/op")
			b.ReportMetric(system, "system-ms/op")
			b.ReportMetric((user+system)*1000/total, "cpu-us/process")
			b.ReportMetric(total, "processes")
			if hasNode {
				b.ReportMetric(node(), "node-exporter-cpu-ms/op")
			}
		})
	}
}

// cpuTime returns the CPU time that this process has used so far, in milliseconds: in user mode and in the kernel.
func cpuTime(b *testing.B) (user, system float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()) / 1e6, float64(u.Stime.Nano()) / 1e6
}

// startProcesses starts n processes that wait on a pipe of ours. They end when it is closed, even if this process is
// killed.
func startProcesses(b *testing.B, n int) {
	if n == 0 {
		return
	}
	wait, release, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	const script = `i=0; while [ $i -lt "$1" ]; do read x <&3 & i=$((i+1)); done; exec 3<&-; echo ready; wait`
	cmd := exec.Command("sh", "-c", script, "sh", strconv.Itoa(n))
	cmd.ExtraFiles, cmd.Stderr = []*os.File{wait}, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_ = wait.Close()
	b.Cleanup(func() { _ = release.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		b.Skipf("cannot fork %d processes: %v; see ulimit -u and kernel.pid_max", n, err)
	}
}

// startNodeExporter starts node_exporter with only its collector of processes. It returns a function that measures the
// CPU time of a scrape, in milliseconds.
func startNodeExporter(b *testing.B) (measure func() float64, ok bool) {
	path, err := exec.LookPath("prometheus-node-exporter")
	if err != nil {
		return nil, false
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	cmd := exec.Command(path, "--collector.disable-defaults", "--collector.processes", "--web.listen-address="+address)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url := "http://" + address + "/metrics"
	deadline := time.Now().Add(20 * time.Second)
	for !scrape(url) {
		if time.Now().After(deadline) {
			b.Fatalf("node_exporter does not answer at %s", url)
		}
	}
	const scrapes = 10
	return func() float64 {
		before := readCPUTicks(b, cmd.Process.Pid)
		for range scrapes {
			if !scrape(url) {
				b.Fatal("node_exporter: no answer")
			}
		}
		return (readCPUTicks(b, cmd.Process.Pid) - before) * 10 / scrapes // a tick is 10 ms: time(7), USER_HZ
	}, true
}

func scrape(url string) bool {
	reply, err := http.Get(url)
	if err != nil {
		return false
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	return err == nil && strings.Contains(string(body), "node_processes_pids")
}

// readCPUTicks returns the sum of utime and stime, fields 14 and 15 of /proc/<pid>/stat.
func readCPUTicks(b *testing.B, pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	var fields [12]uint64
	scan.ParseUints(stat[strings.LastIndex(string(stat), ")")+4:], fields[:])
	return float64(fields[10] + fields[11])
}
