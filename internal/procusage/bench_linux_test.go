package procusage

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// BenchmarkLook looks at sleeping processes: with what process_groups needs, with and without a budget for the memory, and without memory.
// If Debian's process exporter is installed, it reads the same processes for comparison.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{2_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			name := fmt.Sprintf("rtcbench%d", os.Getpid())
			s := servicetest.StartShell(b, name, `i=0; while [ $i -lt $1 ]; do (read end <&3) & i=$((i+1)); done; echo ready; read end`, fmt.Sprint(n))
			s.Line()
			withBudget, noMemory := allNeeds, allNeeds
			withBudget.Budget, noMemory.Memory = 100*time.Millisecond, false // 1 % of 10 s
			b.Run("budget", func(b *testing.B) { benchLook(b, withBudget, n) })
			b.Run("no budget", func(b *testing.B) { benchLook(b, allNeeds, n) })
			b.Run("no memory", func(b *testing.B) { benchLook(b, noMemory, n) })
			b.Run("process_exporter", func(b *testing.B) { benchExporter(b, name) })
		})
	}
}

// benchLook reports the time of the first look, which reads everything, beside that of those after it.
func benchLook(b *testing.B, needs Needs, n int) {
	w := newWatcher(b, hostfs.FromEnv(os.Getenv))
	w.Group(needs, byClass)
	began := time.Now()
	r := lookNow(b, w)
	first := time.Since(began)
	if r.Processes < n {
		b.Skipf("only %d processes could be started; see ulimit -u and kernel.pid_max", r.Processes)
	}
	b.ReportAllocs()
	servicetest.LoopWithCPU(b, func() { r = lookNow(b, w) })
	b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
	b.ReportMetric(float64(r.Unmeasured), "unmeasured")
}

// benchExporter reports the CPU time of a scrape of process_exporter, which groups the processes by one name and by that of each other.
func benchExporter(b *testing.B, name string) {
	config := "process_names:\n  - name: '{{.Comm}}'\n    cmdline: ['.+']\n"
	d := httpxtest.Start(b, "prometheus-process-exporter", map[string]string{"config.yml": config},
		"prometheus-process-exporter", "-web.listen-address=127.0.0.1:$PORT", "-config.path=$DIR/config.yml", "-threads=false")
	scrape := func() {
		reply, err := http.Get(d.URL("/metrics"))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = reply.Body.Close() }()
		page, err := io.ReadAll(reply.Body)
		if err != nil || !strings.Contains(string(page), name) {
			b.Fatal("the group is missing: ", err)
		}
	}
	scrape()
	rounds, before := 0, ticksOf(b, d.PID())
	for b.Loop() {
		scrape()
		rounds++
	}
	b.ReportMetric(float64(ticksOf(b, d.PID())-before)*10_000/float64(rounds), "cpu-µs/op")
}

// ticksOf returns the CPU time of a process in hundredths of a second, from /proc/PID/stat.
func ticksOf(b *testing.B, pid int) (ticks int) {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, field := range strings.Fields(string(data[strings.LastIndexByte(string(data), ')'):]))[12:14] {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return ticks
}
