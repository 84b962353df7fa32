//go:build unix

package docker

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// serveVariable is an environment variable. Its value makes the test program serve this many containers in a separate process, so that
// benchmarks do not include the CPU time of the daemon.
const serveVariable = "RTC_TEST_SERVE_CONTAINERS"

// TestServeContainers is the daemon of the benchmarks, in a separate process. It ends when its standard input is closed.
func TestServeContainers(t *testing.T) {
	n := 0
	if _, err := fmt.Sscan(os.Getenv(serveVariable), &n); err != nil {
		t.Skip("only benchmarks use it")
	}
	fmt.Println("at", newDaemonOfMany(t, n).URL)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// startServer starts the process of TestServeContainers and returns its address.
func startServer(b *testing.B, n int) string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeContainers$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", serveVariable, n))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "at "); ok {
			return url
		}
	}
	b.Fatal("the daemon did not print its address")
	return ""
}

// BenchmarkGather gathers from a daemon in another process. cpu-ms/gather is the CPU time of this process.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%d containers", n), func(b *testing.B) {
			url := startServer(b, n)
			p := plugintest.Start(b, Plugin, "{endpoint: '"+url+"'}", plugintest.Env("docker", ""))
			gather := func() int {
				now := time.Now()
				batch := telemetry.NewBatch(now, now, 60*n)
				if err := p.Input.Gatherer.Gather(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				return batch.Len()
			}
			samples := gather()
			before := servicetest.CPUTime()
			b.ReportAllocs()
			for b.Loop() {
				samples = gather()
			}
			b.ReportMetric(float64((servicetest.CPUTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/gather")
			b.ReportMetric(float64(samples), "samples")
		})
	}
}

// BenchmarkStats decodes the statistics of one container.
func BenchmarkStats(b *testing.B) {
	page := []byte(newRecordedDaemon(b, "docker-29-cgroup2").pages["/v1.51/containers/aa00000000000000000000000000000000000000000000000000000000000001/stats"])
	page = []byte(strings.NewReplacer("$READ", "2023-11-14T22:13:20Z", "$NANOS", "1000000000").Replace(string(page)))
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeJSON[stats](page); err != nil {
			b.Fatal(err)
		}
	}
}
