package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

// BenchmarkCycle measures what the agent costs: "rtcollector run" in a process of its own, every Linux input of
// the predecessor each second, written to an embedded Redis in another process. An operation is a cycle, so the benchmark takes as
// many seconds as operations: run it with -benchtime 60x. Measured beside it are the floor, which only makes the same system calls
// (floor_linux_test.go), and what a scrape of node_exporter costs that process. CPU times are the kernel's account of both processes, in user mode and in the kernel.
func BenchmarkCycle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("the inputs are Linux ones")
	}
	addr := benchAddr(b)
	spawn(b, addr, os.Args[0], "embedded", "--listen", addr)
	config := filepath.Join(b.TempDir(), "config.yaml")
	_, port, _ := net.SplitHostPort(addr)
	yaml := fmt.Sprintf("hostname: h\ninterval: 1s\ninputs: [%s]\noutputs:\n  - redistimeseries: {host: 127.0.0.1, port: %s, retention: 1h}\n",
		strings.Join(predecessorsInputs(), ", "), port)
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		b.Fatal(err)
	}
	agent := spawn(b, "", os.Args[0], "run", "--config", config)
	exporter, url := startExporter(b)
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	b.Cleanup(func() { _ = c.Close() })
	nextWrite(b, c)
	nextWrite(b, c) // from now on no series are new
	floorPid, floorThread := startFloor(b, agent, c, port)
	for range 8 { // until the agent has settled on one processor
		nextWrite(b, c)
	}

	ours, theirs, scraped := cpuTime(b, agent), cpuTime(b, exporter), 0
	least, switches := threadTime(b, floorPid, floorThread), contextSwitches(b, agent)
	cycles := 0
	for b.Loop() {
		nextWrite(b, c)
		scraped += scrapeOnce(b, url)
		cycles++
	}
	used, floor := cpuTime(b, agent)-ours, threadTime(b, floorPid, floorThread)-least
	b.ReportMetric(used.Seconds()*1000/float64(cycles), "cpu-ms/cycle")
	b.ReportMetric(floor.Seconds()*1000/float64(cycles), "floor-cpu-ms/cycle")
	b.ReportMetric(float64(used)/float64(floor), "of-the-floor")
	b.ReportMetric(float64(contextSwitches(b, agent)-switches)/float64(cycles), "switches/cycle")
	b.ReportMetric(latestValues(b, c, "h:internal_agent_metrics_gathered_rate"), "samples/cycle")
	b.ReportMetric(latestValues(b, c, "h:internal_process_resident_memory_bytes")/1e6, "MB")
	if exporter != 0 {
		b.ReportMetric((cpuTime(b, exporter)-theirs).Seconds()*1000/float64(cycles), "node_exporter-cpu-ms/scrape")
		b.ReportMetric(float64(scraped)/float64(cycles), "node_exporter-samples/scrape")
	}
}

func predecessorsInputs() []string {
	return []string{"linux_cpu", "linux_mem", "linux_disk", "linux_net", "linux_io", "system", "processes", "kernel", "netstat", "nstat", "linux_swap"}
}

// nextWrite waits until the agent has written again.
func nextWrite(b *testing.B, c *redis.Client) {
	written := func() float64 { return value(c, "rtcollector:hosts:h", 0) }
	before := written()
	redistest.Until(b, "the agent writes", func(context.Context) error {
		if written() == before {
			return fmt.Errorf("the last write was at %v", before)
		}
		return nil
	})
}

// value returns the time (0) or the value (1) of the last sample of a series; 0 where there is none.
func value(c *redis.Client, key string, index int) float64 {
	sample, err := c.Do(context.Background(), "TS.GET", key).Slice()
	if err != nil || len(sample) != 2 {
		return 0
	}
	v, _ := strconv.ParseFloat(fmt.Sprint(sample[index]), 64)
	return v
}

func latestValues(b *testing.B, c *redis.Client, key string) float64 {
	v := value(c, key, 1)
	if v == 0 {
		b.Fatalf("no sample in %s", key)
	}
	return v
}

// spawn starts a process that is stopped with the benchmark. With an address, it waits until the process listens there.
func spawn(b *testing.B, listens, program string, args ...string) (pid int) {
	var said bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b.Failed() {
			b.Log(said.String())
		}
	})
	if listens != "" {
		redistest.Until(b, program+" listens", func(ctx context.Context) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", listens)
			if err == nil {
				_ = conn.Close()
			}
			return err
		})
	}
	return cmd.Process.Pid
}

func benchAddr(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startExporter starts node_exporter with its defaults and the processes collector. It returns pid 0 if node_exporter is not installed.
func startExporter(b *testing.B) (pid int, url string) {
	program, err := exec.LookPath("prometheus-node-exporter")
	if err != nil {
		return 0, ""
	}
	addr := benchAddr(b)
	return spawn(b, addr, program, "--web.listen-address="+addr, "--collector.processes", "--collector.tcpstat"), "http://" + addr + "/metrics"
}

func scrapeOnce(b *testing.B, url string) (samples int) {
	if url == "" {
		return 0
	}
	reply, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if line[0] != '#' {
			samples++
		}
	}
	return samples
}

// contextSwitches returns how often the threads of a process have waited or were displaced (proc_pid_status(5)).
func contextSwitches(b *testing.B, pid int) (n int) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		b.Fatalf("no account of process %d: %v", pid, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		for line := range strings.Lines(string(text)) {
			if name, count, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "ctxt_switches") {
				v, _ := strconv.Atoi(strings.TrimSpace(count))
				n += v
			}
		}
	}
	return n
}

// cpuTime returns the CPU time of the threads of a process: /proc/<pid>/task/<tid>/schedstat, in nanoseconds
// (Documentation/scheduler/sched-stats.rst).
func cpuTime(b *testing.B, pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		b.Fatalf("no account of process %d: %v", pid, err)
	}
	var total time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		onCPU, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(onCPU, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(ns)
	}
	return total
}
