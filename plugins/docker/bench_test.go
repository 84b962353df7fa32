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

// serveVariable makes this test's program serve so many containers instead of testing: the CPU time of a daemon is not ours.
const serveVariable = "RTC_TEST_SERVE_CONTAINERS"

// TestServe is the daemon of the benchmarks, in a process of its own; it ends with its standard input.
func TestServe(t *testing.T) {
	n := 0
	if _, err := fmt.Sscan(os.Getenv(serveVariable), &n); err != nil {
		t.Skip("only the benchmarks need it")
	}
	fmt.Println("at", many(t, n).URL)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// serve starts it.
func serve(b *testing.B, n int) string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServe$", "-test.v")
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
	b.Fatal("the daemon does not say where it is")
	return ""
}

// BenchmarkGather asks a daemon that is another process; cpu-ms/gather is this process's time.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%d containers", n), func(b *testing.B) {
			url := serve(b, n)
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

// BenchmarkStats takes the statistics of one container apart.
func BenchmarkStats(b *testing.B) {
	page := []byte(recorded(b, "docker-29-cgroup2").pages["/v1.51/containers/aa00000000000000000000000000000000000000000000000000000000000001/stats"])
	page = []byte(strings.NewReplacer("$READ", "2023-11-14T22:13:20Z", "$NANOS", "1000000000").Replace(string(page)))
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode[stats](page); err != nil {
			b.Fatal(err)
		}
	}
}
