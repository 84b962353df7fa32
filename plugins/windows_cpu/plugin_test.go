package windowscpu

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// core returns the seconds of a core. Idle time and the time of the kernel grow with each reading.
func core(name string, user, system, idle, irq float64) sysinfo.CPU {
	return sysinfo.CPU{Core: name, States: map[string]float64{"user": user, "system": system, "idle": idle, "irq": irq}}
}

// readings is a host that returns one reading after the other, and then the last one again.
func readings(all ...[]sysinfo.CPU) func(*plugins.Env) {
	n := 0
	return func(e *plugins.Env) {
		e.Host = &sysinfo.Host{CPUs: func(context.Context) ([]sysinfo.CPU, error) {
			n++
			return all[min(n, len(all))-1], nil
		}}
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin, plugintest.Case{Name: "two cores", Setup: func(_ *testing.T, e *plugins.Env) {
		seconds := 0.0
		e.Host = &sysinfo.Host{CPUs: func(context.Context) ([]sysinfo.CPU, error) {
			seconds++
			return []sysinfo.CPU{core("cpu-total", seconds, seconds, 2*seconds, 0), core("cpu0", seconds, 0, seconds, 0), core("cpu1", 0, seconds, seconds, 0)}, nil
		}}
	}, Allocs: 20})
}

func TestGather(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_cpu", "", readings(
		[]sysinfo.CPU{core("cpu-total", 100, 50, 850, 0), core("cpu0", 100, 50, 850, 0)},
		[]sysinfo.CPU{core("cpu-total", 102, 51, 856, 1), core("cpu0", 109, 51, 850, 0)},
		[]sysinfo.CPU{core("cpu-total", 102, 51, 856, 1), core("cpu0", 1, 1, 8, 0)}, // no time has passed; the core was replaced
		[]sysinfo.CPU{core("cpu-total", 102, 51, 857, 1), core("cpu0", 2, 1, 9, 0)},
	)))
	for i, want := range []map[string]float64{
		{},
		{"windows_cpu_percent_cpu-total": 40, "windows_cpu_percent_cpu0": 100, "windows_cpu_user": 20, "windows_cpu_system": 10, "windows_cpu_idle": 60, "windows_cpu_interrupt": 10},
		{},
		{"windows_cpu_percent_cpu-total": 0, "windows_cpu_percent_cpu0": 50, "windows_cpu_user": 0, "windows_cpu_system": 0, "windows_cpu_idle": 100, "windows_cpu_interrupt": 0},
	} {
		if diff := cmp.Diff(want, plugintest.ByKey(p.Batches(float64(10 * i))[0])); diff != "" {
			t.Errorf("gather %d: %s", i, diff)
		}
	}
}

func TestError(t *testing.T) {
	away := errors.New("away")
	p := plugintest.Start(t, Plugin, "", plugintest.Env("windows_cpu", "", func(e *plugins.Env) {
		e.Host = &sysinfo.Host{CPUs: func(context.Context) ([]sysinfo.CPU, error) { return nil, away }}
	}))
	if _, err := p.Batch(0); !errors.Is(err, away) {
		t.Error(err)
	}
}
