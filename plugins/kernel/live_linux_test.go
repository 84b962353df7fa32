package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformanceOfThisMachine(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "live"}, plugintest.Case{Name: "vm", Root: "testdata/vm-6.18", Then: "testdata/vm-6.18-later"})
}

// TestAgainstTheKernelsOtherFiles compares our values with /proc/softirqs, summed over all CPUs, and with vmstat of
// procps. Ours must be between a reference reading before the gather and one after it.
func TestAgainstTheKernelsOtherFiles(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("kernel", ""))
	var got map[string]float64
	plugintest.Compare(t, func(d *plugintest.Differences) {
		before := readReferenceCounters(t)
		got = p.Gather(0)
		after := readReferenceCounters(t)
		d.Between(got, before, after)
	})
	for _, names := range []string{"/proc/pressure/*", "/sys/kernel/mm/ksm/run"} {
		paths, _ := filepath.Glob(names)
		for _, path := range paths {
			name := filepath.Base(path)
			_, pressed := got["kernel_pressure_avg10_"+name+"_full"]
			if _, merged := got["kernel_ksm_"+name]; !merged && !pressed {
				t.Errorf("no metric of %s in %v", path, got)
			}
		}
	}
}

func readReferenceCounters(t *testing.T) map[string]float64 {
	values := readSoftirqs(t)
	text, err := exec.Command("vmstat", "-s").Output()
	if err != nil {
		t.Logf("vmstat: %v", err)
		return values
	}
	keys := map[string]string{"interrupts": "kernel_interrupts", "CPU context switches": "kernel_context_switches", "forks": "kernel_processes_forked",
		"boot time": "kernel_boot_time"}
	for line := range strings.Lines(string(text)) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key := keys[name]; key != "" {
			values[key], _ = strconv.ParseFloat(number, 64)
		}
	}
	return values
}

func readSoftirqs(t *testing.T) map[string]float64 {
	text, err := os.ReadFile("/proc/softirqs")
	if err != nil {
		t.Skip(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, counts, isKind := strings.Cut(line, ":")
		if !isKind {
			continue // the heading: CPU0 CPU1 …
		}
		sum := 0.0
		for _, count := range strings.Fields(counts) {
			v, _ := strconv.ParseFloat(count, 64)
			sum += v
		}
		values["kernel_softirqs_"+strings.TrimSpace(name)] = sum
	}
	return values
}

func BenchmarkGather(b *testing.B) {
	plugintest.Cost(b, plugintest.Start(b, Plugin, "", plugintest.Env("kernel", "")))
}

// BenchmarkParseStat parses the file of a machine with 4096 CPUs and 20,000 interrupts.
func BenchmarkParseStat(b *testing.B) {
	var text strings.Builder
	for cpu := range 4096 {
		fmt.Fprintf(&text, "cpu%d 25602341 611 10455123 4061724231 455123 0 605123 17 0 0\n", cpu)
	}
	text.WriteString("intr 55512120000" + strings.Repeat(" 0", 20_000) + "\nctxt 771\nbtime 1600000000\nprocesses 99\n")
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if s, err := parseStat(data); err != nil || s.values[statForks] != 99 {
			b.Fatal(s, err)
		}
	}
}
