package linuxsensors

import (
	"math"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// openCPU adds the clock of a CPU (Documentation/admin-guide/pm/cpufreq.rst) and how often heat slowed it down
// (Documentation/ABI/testing/sysfs-devices-system-cpu). A CPU that is offline has neither directory.
func (in *input) openCPU(p *place) bool {
	if _, ok := scan.Uint([]byte(p.name[len("cpu"):])); !ok || !in.config.wants(p.name) {
		return true // "cpufreq" and "cpuidle" are no CPUs
	}
	if p.has("cpufreq") {
		in.addClock(p)
	}
	if p.has("thermal_throttle") {
		in.addThrottling(p)
	}
	return true
}

func (in *input) addClock(p *place) {
	const kilo = 1e-3 // the kernel counts in kHz
	core := telemetry.Label{Key: "core", Value: p.name}
	file := func(name string) string { return filepath.Join(p.path, "cpufreq", name) }
	p.add("cpu_frequency", func() reader {
		return &sensor{values: []value{in.files.value(file("scaling_cur_freq"))}, divisor: kilo, least: 1,
			series: in.factory.Gauge("cpu_frequency", telemetry.Hertz, core)}
	})
	for metric, name := range map[string]string{"cpu_frequency_min": "scaling_min_freq", "cpu_frequency_max": "scaling_max_freq"} {
		p.add(metric, func() reader {
			return &limit{value: value{file: hostfs.NewValue(file(name))}, divisor: kilo, least: 1, most: math.MaxInt64,
				series: in.factory.Gauge(metric, telemetry.Hertz, core)}
		})
	}
}

func (in *input) addThrottling(p *place) {
	counter := func(name, metric string, label telemetry.Label) {
		p.add(metric, func() reader {
			return &sensor{values: []value{in.files.value(filepath.Join(p.path, "thermal_throttle", name))}, divisor: 1,
				total: in.factory.Counter(metric, telemetry.None, label)}
		})
	}
	counter("core_throttle_count", "cpu_core_throttles", telemetry.Label{Key: "core", Value: p.name})
	if id := text(p.path, "topology", "physical_package_id"); id != "" && in.speaksForPackage(p) {
		counter("package_throttle_count", "cpu_package_throttles", telemetry.Label{Key: "package", Value: id})
	}
}

// speaksForPackage says whether a CPU is the first of its package: all of them count the same. The files name the CPUs
// that are online, as in "0-3,8-11".
func (in *input) speaksForPackage(p *place) bool {
	list := text(p.path, "topology", "core_siblings_list")
	end := 0
	for end < len(list) && list[end] >= '0' && list[end] <= '9' {
		end++
	}
	return list == "" || "cpu"+list[:end] == p.name
}
