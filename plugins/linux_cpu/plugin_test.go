package linuxcpu

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "vm", Root: "testdata/vm-6.18", Then: "testdata/vm-6.18-later"},
		plugintest.Case{Name: "nine columns", Root: "testdata/kvmhost-2.6.32", Then: "testdata/kvmhost-2.6.32-later"},
		plugintest.Case{Name: "core comes online", Root: "testdata/armboard-4.9", Then: "testdata/armboard-4.9-later"},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later", Allocs: 8},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later", Allocs: 8},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later", Allocs: 8},
	)
}

func TestComputeShares(t *testing.T) {
	for _, tt := range []struct {
		name      string
		last, now cpuTicks
		want      map[string]float64 // by state; others are 0
	}{
		{"simple", cpuTicks{}, cpuTicks{user: 10, system: 20, idle: 70}, map[string]float64{"user": 10, "system": 20, "idle": 70}},
		{"guest is inside user", cpuTicks{}, cpuTicks{user: 50, guest: 30, idle: 50}, map[string]float64{"user": 20, "guest": 30, "idle": 50}},
		{"guest_nice is inside nice", cpuTicks{}, cpuTicks{nice: 50, guestNice: 50, idle: 50}, map[string]float64{"guest_nice": 50, "idle": 50}},
		{"guest runs ahead of user", cpuTicks{}, cpuTicks{user: 10, guest: 12, idle: 90}, map[string]float64{"guest": 10, "idle": 90}},
		{"iowait goes backwards", cpuTicks{iowait: 100, idle: 10}, cpuTicks{iowait: 40, idle: 60, user: 50}, map[string]float64{"idle": 50, "user": 50}},
		{"all states", cpuTicks{}, cpuTicks{1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, map[string]float64{
			"user": 12.5, "nice": 12.5, "system": 12.5, "idle": 12.5, "iowait": 12.5, "irq": 12.5, "softirq": 12.5, "steal": 12.5}},
	} {
		shares, ok := computeShares(tt.last, tt.now)
		got, sum := map[string]float64{}, 0.0
		for i, name := range stateNames() {
			sum += shares[i]
			if shares[i] != 0 {
				got[name] = shares[i]
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || !ok {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if math.Abs(sum-100) > 1e-9 {
			t.Errorf("%s: the shares add up to %v", tt.name, sum)
		}
	}
	if _, ok := computeShares(cpuTicks{user: 5}, cpuTicks{user: 5}); ok {
		t.Error("no time passed, yet there are shares")
	}
	if _, ok := computeShares(cpuTicks{user: 5, idle: 900}, cpuTicks{user: 1005, idle: 400}); ok {
		t.Error("half of the time is missing, yet there are shares")
	}
	if _, ok := computeShares(cpuTicks{user: 5, idle: 900}, cpuTicks{user: 1005, idle: 700}); !ok {
		t.Error("a little of the time is missing, and there are no shares")
	}
	if _, ok := computeShares(cpuTicks{user: 5, idle: 9}, cpuTicks{}); ok {
		t.Error("all counters were reset, yet there are shares")
	}
}

func TestGather(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/stat": "cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 0 0\nintr 1\n"})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir))
	if got := p.Gather(0); len(got) > 0 {
		t.Errorf("the baseline gives samples: %v", got)
	}
	plugintest.Files(t, dir, map[string]string{"proc/stat": "cpu  20 0 10 160 10 0 0 0 0 0 9 9\ncpu0 10 0 10 180\ncpu1 1 2 3 4 5\n"})
	got := p.Gather(10)
	want := map[string]float64{
		"cpu_usage_user_cpu-total": 10, "cpu_usage_nice_cpu-total": 0, "cpu_usage_system_cpu-total": 0, "cpu_usage_idle_cpu-total": 80,
		"cpu_usage_iowait_cpu-total": 10, "cpu_usage_irq_cpu-total": 0, "cpu_usage_softirq_cpu-total": 0, "cpu_usage_steal_cpu-total": 0,
		"cpu_usage_guest_cpu-total": 0, "cpu_usage_guest_nice_cpu-total": 0, "cpu_usage_active_cpu-total": 10,
		"cpu_usage_user_cpu0": 0, "cpu_usage_nice_cpu0": 0, "cpu_usage_system_cpu0": 0, "cpu_usage_idle_cpu0": 100, "cpu_usage_active_cpu0": 0,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	plugintest.Files(t, dir, map[string]string{"proc/stat": "cpu  20 0 10 160 10 0 0 0 0 0\ncpu1 2 2 3 4 5\n"})
	if got := p.Gather(20); got["cpu_usage_user_cpu1"] != 100 || len(got) != 6 {
		t.Errorf("a core that came online is %v", got)
	}
}

func TestTotalOnly(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/stat": "cpu  1 1 1 1\ncpu0 1 1 1 1\n"})
	p := plugintest.Start(t, Plugin, "per_core: false", plugintest.Env("linux_cpu", dir))
	p.Gather(0)
	plugintest.Files(t, dir, map[string]string{"proc/stat": "cpu  2 1 1 1\ncpu0 2 1 1 1\n"})
	if got := p.Gather(1); len(got) != 5 || got["cpu_usage_user_cpu-total"] != 100 {
		t.Errorf("%v", got)
	}
}

// A core that comes back online starts again: its old reading is useless for the time since.
func TestOfflineCoreIsForgotten(t *testing.T) {
	const total = "cpu 1 1 1 1\n"
	if got := plugintest.ComesBack(t, Plugin, "proc/stat", total+"cpu1 1 1 1 1\n", total, total+"cpu1 9 9 9 9\n"); len(got) > 0 {
		t.Errorf("the first reading of a core that came back gives %v", got)
	}
}

func TestLabels(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"proc/stat": "cpu 1 1 1 1\n"})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir))
	p.Gather(0)
	plugintest.Files(t, dir, map[string]string{"proc/stat": "cpu 2 1 1 1\n"})
	b, err := p.Batch(1)
	if err != nil {
		t.Fatal(err)
	}
	const want = `cpu_usage_user{core="cpu-total",environment="test",host="testhost",source="linux_cpu",unit="percent"}`
	if got, ok := plugintest.BySeries(b)[want]; !ok || got != 100 {
		t.Errorf("no %s in %v", want, plugintest.BySeries(b))
	}
}

func TestGatherErrors(t *testing.T) {
	for content, want := range map[string]string{
		"":                        "no cpu lines",
		"intr 1 2 3\n":            "no cpu lines",
		"cpu  1 2 3":              "no cpu lines", // truncated
		"cpu  a b c d e\n":        "no cpu lines",
		"cpux 1 2 3 4 5\n":        "no cpu lines",
		"cpufreq 1 2 3 4 5 6 7\n": "no cpu lines",
	} {
		dir := plugintest.Files(t, "", map[string]string{"proc/stat": content})
		p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir))
		if _, err := p.Batch(0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	dir := t.TempDir()
	_, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir)).Batch(0)
	if err == nil || !strings.HasPrefix(err.Error(), "read "+filepath.Join(dir, "proc", "stat")) {
		t.Errorf("no file: %v", err)
	}
}

// TestCPUComesBackOnline uses numbers of Linux 4.4: when a CPU comes back, the kernel adds its idle time to the total;
// when the CPU goes offline, the kernel subtracts it. The remaining 41 ticks are not all of the time.
func TestCPUComesBackOnline(t *testing.T) {
	dir := t.TempDir()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir))
	var active []float64
	for i, line := range []string{
		"cpu  8123 235 3359 1099139 15985 0 14 0 0 0\n",
		"cpu  8146 235 3374 1168377 18919 0 14 0 0 0\n",
		"cpu  8169 236 3391 1033989 15978 0 14 0 0 0\n", // idle and iowait fell by 137329 ticks
		"cpu  8179 236 3401 1034169 15978 0 14 0 0 0\n",
	} {
		plugintest.Files(t, dir, map[string]string{"proc/stat": line})
		got := p.Gather(float64(i))
		if v, ok := got["cpu_usage_active_cpu-total"]; ok {
			active = append(active, math.Round(v))
		} else if len(got) > 0 {
			t.Errorf("gather %d has shares, but not the active one: %v", i, got)
		}
	}
	if diff := cmp.Diff([]float64{0, 10}, active); diff != "" {
		t.Error(diff)
	}
}

func TestCountLostTicks(t *testing.T) {
	for name, tt := range map[string]struct {
		last, now cpuTicks
		want      uint64
	}{
		"nothing":                {cpuTicks{user: 1, idle: 5}, cpuTicks{user: 2, idle: 5}, 0},
		"from iowait to idle":    {cpuTicks{idle: 5, iowait: 100}, cpuTicks{idle: 105, iowait: 10}, 0},
		"idle":                   {cpuTicks{idle: 100}, cpuTicks{idle: 60}, 40},
		"idle and user":          {cpuTicks{idle: 100, user: 10}, cpuTicks{idle: 60, user: 7}, 43},
		"guest is part of user":  {cpuTicks{user: 10, guest: 10}, cpuTicks{user: 20, guest: 5}, 0},
		"steal, after migration": {cpuTicks{steal: 100, idle: 5}, cpuTicks{steal: 1, idle: 7}, 99},
	} {
		if got := countLostTicks(tt.last, tt.now); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// TestTimesReadZeroOnce checks that the reading after the zeros is not reported as shares of the time since boot.
func TestTimesReadZeroOnce(t *testing.T) {
	dir := t.TempDir()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", dir))
	for i, line := range []string{"cpu 90 0 0 910\n", "cpu 0 0 0 0\n", "cpu 90 0 0 1010\n"} {
		plugintest.Files(t, dir, map[string]string{"proc/stat": line})
		if got := p.Gather(float64(i)); len(got) > 0 {
			t.Errorf("gather %d: %v", i, got)
		}
	}
	plugintest.Files(t, dir, map[string]string{"proc/stat": "cpu 140 0 0 1060\n"})
	if got := p.Gather(3); got["cpu_usage_active_cpu-total"] != 50 {
		t.Errorf("a second later: %v", got)
	}
}

func FuzzParseStat(f *testing.F) {
	plugintest.Seed(f, "testdata/*/proc/stat")
	f.Add([]byte("cpu99999999999999999999 1 2 3 4\ncpu -1 -2 -3 -4 18446744073709551615"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for line := range strings.Lines(string(data)) {
			_, now, columns := parseCPU([]byte(line))
			if columns < 0 || columns > numStates {
				t.Fatalf("%d columns", columns)
			}
			shares, ok := computeShares(cpuTicks{1, 2, 3, 4}, now)
			sum := 0.0
			for _, v := range shares {
				sum += v
			}
			if ok && !(math.Abs(sum-100) < 1e-6) {
				t.Errorf("shares %v add up to %v", shares, sum)
			}
		}
	})
}
