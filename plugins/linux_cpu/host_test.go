package linuxcpu

import (
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// The recordings of a host are ten seconds apart. cpu0 of the Mac spent three of them in programs, two in the kernel and five without work.
func TestOtherSystems(t *testing.T) {
	none := math.NaN()
	for host, want := range map[string]map[string]float64{
		"macos-15": {"cpu_usage_user_cpu0": 30, "cpu_usage_system_cpu0": 20, "cpu_usage_idle_cpu0": 50, "cpu_usage_active_cpu0": 50, "cpu_usage_nice_cpu0": 0,
			"cpu_usage_active_cpu-total": 20, "cpu_usage_irq_cpu0": none, "cpu_usage_iowait_cpu0": none, "cpu_usage_guest_cpu0": none},
		"freebsd-14":   {"cpu_usage_user_cpu0": 20, "cpu_usage_nice_cpu0": 5, "cpu_usage_irq_cpu0": 5, "cpu_usage_idle_cpu-total": 70, "cpu_usage_softirq_cpu0": none},
		"windows-2022": {"cpu_usage_user_cpu0": 20, "cpu_usage_system_cpu0": 10, "cpu_usage_irq_cpu0": 2.5, "cpu_usage_active_cpu0": 32.5, "cpu_usage_nice_cpu0": none},
	} {
		p := plugintest.OfHost(t, Plugin, "", host)
		if got := p.Gather(0); len(got) > 0 {
			t.Errorf("%s: the baseline gives %v", host, got)
		}
		p.Play(host + "-later")
		got := p.Gather(10)
		for key, v := range got {
			got[key] = math.Round(v*1e3) / 1e3 // the last microsecond of a decimal fraction may be missing
		}
		plugintest.Expect(t, got, want)
	}
}

func TestTotalOnlyOfOtherSystems(t *testing.T) {
	p := plugintest.OfHost(t, Plugin, "per_core: false", "freebsd-14")
	p.Gather(0)
	p.Play("freebsd-14-later")
	if got := p.Gather(10); len(got) != 6 {
		t.Errorf("%v", got)
	}
}

func TestConvertTimes(t *testing.T) {
	ticks, counted := convertTimes(map[string]float64{"user": 1.5, "idle": -1, "system": 1e300, "guest": 1, "noise": 1})
	if ticks != (cpuTicks{user: 1_500_000}) || counted != 1<<user {
		t.Errorf("%v, %b", ticks, counted)
	}
}
