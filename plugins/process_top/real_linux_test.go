package processtop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// isBusy makes this program a process with busy threads instead of tests.
const isBusy = "RTC_TEST_BUSY_THREADS"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(isBusy)); err == nil {
		keepBusy(n)
		return
	}
	os.Exit(m.Run())
}

// keepBusy has n threads compute until the standard input ends.
func keepBusy(n int) {
	runtime.GOMAXPROCS(n + 1)
	for range n {
		go func() {
			runtime.LockOSThread()
			for i := 0; ; i++ {
				runtime.KeepAlive(i)
			}
		}()
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startBusy starts a process with n busy threads under a name of its own.
func startBusy(t *testing.T, name string, n int) (pid int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", isBusy, n))
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// startLive starts the input for the processes of this machine. Each gather reads all processes anew.
func startLive(t *testing.T, config string) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("process_top", "", func(e *plugins.Env) { e.Interval = 0 }))
}

func gatherNow(t *testing.T, p *plugintest.Probe) *telemetry.Batch {
	t.Helper()
	now := time.Now()
	out := telemetry.NewBatch(now, now, 1024)
	if err := p.Input.Gatherer.Gather(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	plugintest.Possible(t, out)
	return out
}

// ticksOf returns the CPU time of a process in hundredths of a second.
func ticksOf(t *testing.T, pid int) (ticks float64) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')'):]))
	for _, field := range fields[12:14] {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += v
	}
	return ticks
}

// TestBusyThreads: four busy threads of one process use all CPUs, and never more than there are, in the series and in the table.
func TestBusyThreads(t *testing.T) {
	name := fmt.Sprintf("rtcbusy%d", os.Getpid())
	probe := startLive(t, "{source: proc, by: [cpu], top: 1000, snapshot_every: 1, snapshot_rows: 200}")
	pid := startBusy(t, name, 4)
	gatherNow(t, probe)
	most := 0.0
	for range 3 {
		before := ticksOf(t, pid)
		first := gatherNow(t, probe)
		begun := ticksOf(t, pid)
		servicetest.Until(t, "a second of CPU time is used", func(context.Context) error {
			if ticksOf(t, pid) < begun+100 {
				return errors.New("not yet")
			}
			return nil
		})
		late := ticksOf(t, pid)
		last := gatherNow(t, probe)
		after := ticksOf(t, pid)
		elapsed := last.At.Sub(first.At).Seconds()
		limit := 100 * float64(runtime.NumCPU())
		low, high := min((late-begun)/elapsed, limit), min((after-before)/elapsed, limit)
		got := 0.0
		for key, v := range plugintest.ByKey(last) {
			if strings.HasPrefix(key, "process_top_cpu_") && strings.HasSuffix(key, "_"+name) {
				got = v
			}
		}
		row := fieldOf(t, last, pid, "cpu_percent")
		for _, v := range []float64{got, row} {
			if v < 0.99*low || v > 1.01*high || v > 1.05*limit {
				t.Errorf("%v %% of a core (the table has %v), /proc has %v to %v", got, row, low, high)
			}
		}
		most = max(most, got)
	}
	if runtime.NumCPU() > 1 && most < 101 {
		t.Skipf("this machine is too busy: four threads had no more than %v %% of a core", most)
	}
}

// fieldOf returns a number of a process in the table of a batch.
func fieldOf(t *testing.T, b *telemetry.Batch, pid int, name string) float64 {
	t.Helper()
	for _, e := range b.Events {
		field := map[string]string{}
		for _, f := range e.Fields {
			field[f.Key] = f.Text()
		}
		if field["pid"] == strconv.Itoa(pid) {
			v, err := strconv.ParseFloat(field[name], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("process %d is not in the table", pid)
	return 0
}

// TestOddNamesOfProcesses: names with anything in them are labels without control characters and invalid bytes, and rows of the table.
func TestOddNamesOfProcesses(t *testing.T) {
	probe := startLive(t, "{source: proc, by: [rss], top: 1000, snapshot_every: 1, snapshot_rows: 200}")
	want := map[string]int{}
	for name, label := range map[string]string{
		"two words": "two words", "a) R 1 (b": "a) R 1 (b", "x\ny\x1b[31m": "", "123456789012345": "123456789012345", "longer-than-15-bytes": "longer-than-15-", "bad\xff\xfeutf8": "bad\ufffdutf8",
	} {
		s := servicetest.StartShell(t, name, `echo started; read end`)
		s.Lines(1)
		want[label] = s.PID
	}
	gatherNow(t, probe)
	b := gatherNow(t, probe)
	found := map[string]bool{}
	for i := range b.Len() {
		series, _, _ := b.Sample(i)
		for _, l := range series.Labels() {
			if !utf8.ValidString(l.Value) || strings.ContainsFunc(l.Value, unicode.IsControl) {
				t.Errorf("label %s is %q", l.Key, l.Value)
			}
			found[l.Value] = found[l.Value] || l.Key == "name"
		}
	}
	for label, pid := range want {
		if label != "" && !found[label] {
			t.Errorf("no series has the name %q", label)
		}
		if rss := fieldOf(t, b, pid, "rss_bytes"); rss < 4096 {
			t.Errorf("%q: %v bytes", label, rss)
		}
	}
}
