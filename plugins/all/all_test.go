package all

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestNamesAreUnique(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows", "freebsd"} {
		owner := map[string]string{}
		for _, d := range Catalog().For(goos) {
			if !d.Runs(goos) {
				continue
			}
			for _, name := range append(slices.Clone(d.Aliases()), d.Name()) {
				if other, taken := owner[name]; taken {
					t.Errorf("on %s %q means %s and %s", goos, name, other, d.Name())
				}
				owner[name] = d.Name()
			}
		}
	}
}

func TestAliases(t *testing.T) {
	for alias, want := range map[string]string{"cpu": "linux_cpu", "mem": "linux_mem", "disk": "linux_disk", "net": "linux_net", "io": "linux_io",
		"swap": "linux_swap", "sensors": "linux_sensors", "time": "linux_time", "vmstat": "linux_vmstat", "system": "system", "internal": "internal"} {
		if d, err := Catalog().Find("input", alias, "linux"); err != nil || d.Name() != want {
			t.Errorf("%s is %s, %v", alias, d.Name(), err)
		}
	}
}

// On other systems the portable names select the inputs of Linux, and the names of Linux nothing.
func TestPortableNames(t *testing.T) {
	for _, goos := range []string{"darwin", "windows", "freebsd"} {
		for _, name := range []string{"cpu", "mem", "disk", "net", "io", "swap", "system", "processes", "netstat"} {
			if d, err := Catalog().Find("input", name, goos); err != nil || d.Name() != name || !d.Starts(goos) {
				t.Errorf("%s on %s is %q, %v", name, goos, d.Name(), err)
			}
		}
		advice := "linux_cpu is not available on " + goos + ": use cpu, which works on every system"
		if goos == "darwin" {
			advice = "linux_cpu is not available on darwin: macos_cpu is used, as the Python agent did; cpu has the same names on every system"
		}
		for name, want := range map[string]string{"linux_cpu": advice, "linux_vmstat": "it runs on linux", "vmstat": "it runs on linux"} {
			if _, err := Catalog().Find("input", name, goos); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s on %s: %v", name, goos, err)
			}
		}
		if d, err := Catalog().Find("input", "disk", goos); err != nil || !strings.HasPrefix(d.Sample(), "- disk:") || !strings.HasPrefix(d.Starter(), "- disk:") {
			t.Errorf("the sample of disk on %s: %s%s %v", goos, d.Sample(), d.Starter(), err)
		}
	}
}

// TestKeysAreUnique gathers from this machine with every input. No two series may share a key, not even those of different
// inputs.
func TestKeysAreUnique(t *testing.T) {
	owner := map[string]string{}
	for name, p := range startAllInputs(t) {
		for i := range 2 {
			b, err := p.Batch(float64(10 * i))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for key := range plugintest.ByKey(b) {
				if other, taken := owner[key]; taken && other != name {
					t.Errorf("%s and %s share the key %s", other, name, key)
				}
				owner[key] = name
			}
		}
	}
	if len(owner) == 0 {
		t.Error("no samples")
	}
	t.Logf("%d series", len(owner))
}

// startAllInputs returns the inputs that need no configuration.
func startAllInputs(tb testing.TB) map[string]*plugintest.Probe {
	probes := map[string]*plugintest.Probe{}
	for _, d := range Catalog().For(runtime.GOOS) {
		if !d.Starts(runtime.GOOS) {
			continue
		}
		env := plugintest.Env(d.Name(), "", func(e *plugins.Env) { e.Host = sysinfo.New() })
		for _, in := range Catalog() {
			env.Self.NewInput(in.Name())
		}
		env.Self.NewOutput("redistimeseries", 5000, 1<<20)
		probes[d.Name()] = plugintest.Start(tb, d, "", env)
	}
	return probes
}

func BenchmarkGatherAll(b *testing.B) {
	var inputs []plugins.Gatherer
	for _, p := range startAllInputs(b) {
		inputs = append(inputs, p.Input.Gatherer)
	}
	gatherAll(b, inputs)
}

// BenchmarkGather gathers one input at a time.
func BenchmarkGather(b *testing.B) {
	for name, p := range startAllInputs(b) {
		b.Run(name, func(b *testing.B) { gatherAll(b, []plugins.Gatherer{p.Input.Gatherer}) })
	}
}

// gatherAll gathers as the agent does, with a batch per input. The rounds are so short that linux_cpu often has no samples.
func gatherAll(b *testing.B, inputs []plugins.Gatherer) {
	makers := make([]telemetry.Maker, len(inputs))
	at, samples := time.Now(), 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		at = at.Add(time.Second)
		for i, in := range inputs {
			out := makers[i].New(at, at)
			if err := in.Gather(b.Context(), out); err != nil {
				b.Fatal(err)
			}
			makers[i].Filled(out.Len())
			samples += out.Len()
		}
	}
	runtime.ReadMemStats(&after)
	if samples > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(samples), "ns/sample")
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(samples), "allocs/sample")
		b.ReportMetric(float64(samples)/float64(b.N), "samples/op")
	}
}

// TestNoiseInAKernelFileIsAnError replaces files that inputs read by noise. The input must report that, and not treat the file as empty.
func TestNoiseInAKernelFileIsAnError(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the inputs run on Linux only")
	}
	for file, name := range map[string]string{
		"proc/vmstat": "linux_vmstat", "proc/sys/fs/file-nr": "kernel", "proc/7/stat": "processes",
		"proc/1/net/snmp": "nstat", "proc/1/net/netstat": "netstat", "proc/1/net/tcp": "netstat", "proc/1/net/sockstat": "linux_sockets",
		"proc/stat": "linux_cpu", "proc/meminfo": "linux_mem", "proc/1/net/dev": "linux_net",
		"proc/diskstats": "linux_io", "proc/loadavg": "system", "proc/uptime": "system",
	} {
		d, err := Catalog().Find("input", name, runtime.GOOS)
		if err != nil {
			t.Fatal(err)
		}
		dir := plugintest.Files(t, t.TempDir(), map[string]string{file: "\x00\xff noise\nmore noise"})
		_, err = plugintest.Start(t, d, "", plugintest.Env(name, dir)).Batch(0)
		if err == nil || !strings.Contains(err.Error(), "parse ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s with noise in %s: %v", name, file, err)
		}
	}
}
