package machines

import (
	"runtime"
	"strings"
	"testing"
)

// TestWindows runs the build for Windows. Wine has a service manager and two performance counters, but no event log (wevtapi.dll): that input
// has its tests on fakes.
func TestWindows(t *testing.T) {
	p := build(t, machine{goos: "windows", goarch: "amd64", emulator: "wine64"})
	t.Run("version", func(t *testing.T) {
		if text, _ := p.run(t, 0, "version"); !strings.Contains(text, "v1.2.3 windows/amd64") {
			t.Error(text)
		}
	})
	t.Run("plugins", func(t *testing.T) {
		text, _ := p.run(t, 0, "plugins", "list")
		for _, want := range []string{"windows_cpu", "windows_eventlog", "redistimeseries"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in:\n%s", want, text)
			}
		}
	})
	t.Run("check", func(t *testing.T) { p.run(t, 0, "check", "--config", p.configure(t, printing(windowsInputs()...))) })
	t.Run("wrong configuration", func(t *testing.T) {
		_, report := p.run(t, 2, "check", "--config", p.configure(t, "inputs:\n  - internal:\n      colour: red\noutputs: [stdout]\n"))
		if !strings.Contains(report, `config.yaml:3:7: inputs[0].internal: unknown key "colour"`) {
			t.Error(report)
		}
	})
	t.Run("once", func(t *testing.T) { checkWindowsOnce(t, p) })
	t.Run("run", func(t *testing.T) { checkWindowsRun(t, p) })
	t.Run("service", func(t *testing.T) {
		text, _ := p.run(t, 0, "service", "install", "--dry-run", "--config", p.configure(t, printing("internal")))
		for _, want := range []string{"service rtcollector in the service manager of Windows", `rtcollector.exe`, `CurrentControlSet\Services\EventLog\Application\rtcollector`} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in:\n%s", want, text)
			}
		}
	})
}

// windowsInputs are those that Wine has something for. It lets nobody read the counters of disks (io, windows_io).
func windowsInputs() []string {
	return []string{"internal", "cpu", "mem", "disk", "net", "swap", "system", "processes", "netstat", "windows_cpu", "windows_mem", "windows_disk", "windows_net", "windows_swap",
		"windows_services", `{windows_perf: {paths: ['\System\System Up Time', '\Processor(_Total)\% Processor Time', '\Unheard(*)\Of']}}`}
}

func checkWindowsOnce(t *testing.T, p *program) {
	before := uptime(t)
	text, report := p.run(t, 0, "once", "--config", p.configure(t, printing(windowsInputs()...)), "--format", "json")
	got := readSamples(t, text)
	for _, key := range []string{"mem_total", "windows_mem_total"} {
		expectNear(t, got, key, memoryTotal(t), 0.001)
	}
	expectNear(t, got, "system_n_cpus", float64(runtime.NumCPU()), 0)
	if v := got["system_uptime"].Value; v < before-2 || v > uptime(t)+2 {
		t.Errorf("system_uptime is %v, the host says %v", v, before)
	}
	for _, sum := range [][]string{
		{"windows_cpu_user", "windows_cpu_system", "windows_cpu_idle", "windows_cpu_interrupt"},
		{"cpu_usage_user_cpu-total", "cpu_usage_system_cpu-total", "cpu_usage_idle_cpu-total", "cpu_usage_irq_cpu-total"},
	} {
		total := 0.0
		for _, key := range sum {
			total += got[key].Value
		}
		if total < 99 || total > 101 {
			t.Errorf("%v add up to %v percent", sum, total)
		}
	}
	if got["windows_disk_total_C_NTFS_C"].Value < 1e9 || got["windows_disk_total_C_NTFS_C"].Value != got["disk_total_C:"].Value {
		t.Errorf("drive C has %v and %v bytes\n%s", got["windows_disk_total_C_NTFS_C"], got["disk_total_C:"], report)
	}
	if state := got["windows_service_state_RpcSs"].Value; state != 4 {
		t.Errorf("Wine's RPC service has state %v, want 4 (running)\n%s", state, report)
	}
	// Wine returns a number of another type than was asked for (8.0, dlls/pdh: largevalue as doubleValue), so its value means nothing.
	for _, key := range []string{"windows_perf_system_system_up_time", "windows_perf_processor_percent_processor_time__Total"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %s\n%s", key, report)
		}
	}
	if n := strings.Count(report, "a performance counter is left out"); n != 1 {
		t.Errorf("the missing counter was logged %d times:\n%s", n, report)
	}
}

func checkWindowsRun(t *testing.T, p *program) {
	s := newStore(t)
	p.configure(t, s.config(windowsInputs()...))
	p.runUntil(t, "five gathers are in Redis", func() error {
		return s.hasSamples(t, 5, "mem_total", "cpu_usage_idle_cpu-total", "windows_cpu_percent_cpu0", "windows_service_state_RpcSs", "internal_agent_metrics_written", "internal_agent_metrics_written_rate")
	})
}
