package linuxcpu

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstUptime compares our values with /proc/uptime, whose second number is the idle time of all cores together.
// It keeps one core busy, so that the values differ from those of an idle machine.
func TestAgainstUptime(t *testing.T) {
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_cpu", ""))
	second := 0.0
	plugintest.Compare(t, func(d *plugintest.Differences) {
		up, idle := readUptime(t)
		p.Gather(second)
		now, nowIdle := readUptime(t)
		for now-up < 0.5 {
			now, nowIdle = readUptime(t)
		}
		got := p.Gather(second + 1)
		second += 2
		sum := 0.0
		for _, state := range stateNames() {
			sum += got["cpu_usage_"+state+"_cpu-total"]
		}
		if math.Abs(sum-100) > 1e-6 {
			t.Errorf("the states add up to %v", sum)
		}
		want := 100 * (nowIdle - idle) / (now - up) / float64(runtime.NumCPU())
		if have := got["cpu_usage_idle_cpu-total"]; math.Abs(have-want) > 20 {
			d.Errorf("idle %v %%, uptime says %v %%", have, want)
		}
		if runtime.NumCPU() <= 8 && got["cpu_usage_active_cpu-total"] < 5 {
			d.Errorf("a busy core is active for %v %%", got["cpu_usage_active_cpu-total"])
		}
	})
}

func readUptime(t *testing.T) (up, idle float64) {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Skip(err)
	}
	fields := strings.Fields(string(text))
	up, _ = strconv.ParseFloat(fields[0], 64)
	idle, _ = strconv.ParseFloat(fields[1], 64)
	return up, idle
}
