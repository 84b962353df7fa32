package machines

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Linux on other processors. s390x orders its bytes in the other way; arm and 386 have words of 32 bits.
var (
	arm   = machine{goos: "linux", goarch: "arm", settings: []string{"GOARM=6"}, emulator: "qemu-arm-static"}
	s390x = machine{goos: "linux", goarch: "s390x", emulator: "qemu-s390x-static"}
)

// testsAll reports whether the tests use all machines, as the workflow does, not only arm and Windows: what a machine needs takes minutes to
// compile.
func testsAll() bool { return os.Getenv("RTC_TEST_MACHINES") == "all" }

// processors are those for which the whole program is built.
func processors() []machine {
	if !testsAll() {
		return []machine{arm}
	}
	return []machine{
		arm, s390x,
		{goos: "linux", goarch: "386"}, // this machine runs it: Go's programs crash in qemu-i386 7.2, nine times of ten at their start
		{goos: "linux", goarch: "arm64", emulator: "qemu-aarch64-static"},
		{goos: "linux", goarch: "ppc64le", emulator: "qemu-ppc64le-static"},
		{goos: "linux", goarch: "riscv64", emulator: "qemu-riscv64-static"},
	}
}

// inputs are those that read this host's kernel and need no rights that a test may lack.
func inputs() []string {
	return []string{"cpu", "mem", "disk", "net", "io", "swap", "system", "processes", "kernel", "netstat", "nstat", "vmstat", "linux_sockets", "sensors", "linux_time",
		"{process_top: {source: proc}}", "{process_groups: {source: proc}}", "{linux_events: {source: proc}}"}
}

// TestProcessors compares what each build reports about this host with what the build for it does.
func TestProcessors(t *testing.T) {
	servicetest.RequireCommands(t, "qemu-user-static, which .ci/machines unpacks", processors()[0].emulator)
	native := build(t, machine{goos: "linux", goarch: runtime.GOARCH})
	config := native.configure(t, printing(inputs()...))
	text, _ := native.run(t, 0, "once", "--config", config, "--format", "json")
	want := metricNames(readSamples(t, text))
	for _, m := range processors() {
		t.Run(m.goarch, func(t *testing.T) {
			if m.goarch == "386" && runtime.GOARCH != "amd64" {
				t.Skip("this processor does not run it")
			}
			p := build(t, m)
			if text, _ := p.run(t, 0, "version"); !strings.Contains(text, "v1.2.3 linux/"+m.goarch) {
				t.Errorf("version: %s", text)
			}
			checkOnce(t, p, want)
			checkRun(t, p)
		})
	}
}

func checkOnce(t *testing.T, p *program, want []string) {
	before := uptime(t)
	config := p.configure(t, printing(inputs()...))
	text, report := p.run(t, 0, "once", "--config", config, "--format", "json")
	got := readSamples(t, text)
	if diff := cmp.Diff(want, metricNames(got)); diff != "" {
		t.Errorf("metrics of the build for this host (-) and of this one (+):\n%s\n%s", diff, report)
	}
	for _, input := range []string{"process_top", "process_groups"} {
		if !strings.Contains(text, `"source":"`+input+`"`) {
			t.Errorf("%s has no samples:\n%s", input, report)
		}
	}
	expectNear(t, got, "mem_total", memoryTotal(t), 0)
	expectNear(t, got, "system_n_cpus", float64(runtime.NumCPU()), 0)
	if v := got["system_uptime"].Value; v < before-1 || v > uptime(t)+1 {
		t.Errorf("system_uptime is %v, the host says %v", v, before)
	}
}

// checkRun checks that the agent writes into a Redis, several times.
func checkRun(t *testing.T, p *program) {
	s := newStore(t)
	p.configure(t, s.config("mem", "cpu", "net", "system"))
	keys := []string{"mem_total", "mem_available", "system_uptime", "cpu_usage_idle_cpu-total", "net_rx_bytes_lo", "net_rx_bytes_rate_lo"}
	p.runUntil(t, "five gathers are in Redis", func() error { return s.hasSamples(t, 5, keys...) })
	if total := s.samples(t, "mem_total"); slices.ContainsFunc(total, func(v float64) bool { return v != memoryTotal(t) }) {
		t.Errorf("mem_total is %v, the host says %v", total, memoryTotal(t))
	}
}
