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
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// perProcess is one allocation: package syscall copies the path that it passes to openat(2). Only package unsafe avoids it.
const perProcess = 1

func TestConformanceOfThisMachine(t *testing.T) {
	all := pids(t)
	plugintest.Run(t, Plugin, plugintest.Case{Name: "live", Allocs: 50 + perProcess*1.2*float64(len(all))},
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18"})
}

func pids(tb testing.TB) []string {
	tb.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		tb.Fatal(err)
	}
	return dirs
}

// TestAgainstPs compares with procps.
func TestAgainstPs(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("processes", ""))
	plugintest.Compare(t, func(d *plugintest.Differences) {
		if want, got := ps(t), p.Gather(0); !agree(got, want) {
			d.Errorf("%v, ps says %v", got, want)
		}
	})
}

// agree compares what does not change all the time; ps itself runs and is gone when we look.
func agree(got, want map[string]float64) bool {
	for _, name := range []string{"processes_zombie", "processes_stopped", "processes_idle", "processes_parked"} {
		if got[name] != want[name] {
			return false
		}
	}
	return got["processes_total"] == want["processes_total"]-1 && got["processes_total_threads"] == want["processes_total_threads"]-1
}

func ps(t *testing.T) map[string]float64 {
	text := servicetest.CommandOutput(t, "ps", "-e", "-o", "state=,nlwp=")
	values, names := map[string]float64{}, metricNames()
	for line := range strings.Lines(text) {
		state, threads, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[names[stateOf(state[0])]]++
		values["processes_total"]++
		n, _ := strconv.ParseFloat(strings.TrimSpace(threads), 64)
		values["processes_total_threads"] += n
	}
	return values
}

// TestAgainstStatus compares two processes of our own, whose names are as bad as can be, with the kernel's other file.
func TestAgainstStatus(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	link := filepath.Join(t.TempDir(), "a) R 1\n(b c") // the kernel takes the file's name, 15 bytes of it
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
		err := hostfs.NewDir("/proc").Heads("stat", func(name []byte) bool { return string(name) == pid }, func(_, head []byte) {
			letter, threads, ok := parseStat(head)
			if found = true; !ok || letter != want || threads != 1 {
				t.Errorf("%q is %q with %d threads (%v), want %q", head, letter, threads, ok, want)
			}
		})
		if err != nil || !found {
			t.Errorf("process %s: %v, %v", pid, found, err)
		}
	}
}

// TestProcessesThatVanishAreSilence gathers while a shell makes processes that are gone at once: between the list and the
// open, or between the open and the read.
func TestProcessesThatVanishAreSilence(t *testing.T) {
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

// BenchmarkGather is this machine with the processes it has, and with ten and twenty thousand more. Where node_exporter is
// installed, it counts the same processes beside us.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{0, 10_000, 20_000} {
		b.Run(fmt.Sprintf("%d more", n), func(b *testing.B) {
			fork(b, n)
			node, hasNode := nodeExporter(b)
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

// cpuTime is what this process has used so far, in milliseconds: what is ours, and what the kernel takes for us.
func cpuTime(b *testing.B) (user, system float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()) / 1e6, float64(u.Stime.Nano()) / 1e6
}

// fork makes n processes that wait on a pipe of ours: they end when it is closed, even if this process is killed.
func fork(b *testing.B, n int) {
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

// nodeExporter starts one with nothing but its collector of processes, and returns how to measure the CPU time, in
// milliseconds, that a scrape costs it.
func nodeExporter(b *testing.B) (measure func() float64, ok bool) {
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
		before := ticks(b, cmd.Process.Pid)
		for range scrapes {
			if !scrape(url) {
				b.Fatal("node_exporter: no answer")
			}
		}
		return (ticks(b, cmd.Process.Pid) - before) * 10 / scrapes // a tick is 10 ms: time(7), USER_HZ
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

// ticks are utime and stime, fields 14 and 15 of /proc/<pid>/stat.
func ticks(b *testing.B, pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	var fields [12]uint64
	scan.Uints(stat[strings.LastIndex(string(stat), ")")+4:], fields[:])
	return float64(fields[10] + fields[11])
}
