package linuxsensors

import (
	"math"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// cpuPrefix is the prefix of the directories of CPUs.
const cpuPrefix = "cpu"

// openCPU adds the clock of a CPU (Documentation/admin-guide/pm/cpufreq.rst) and how often it was throttled
// (Documentation/ABI/testing/sysfs-devices-system-cpu). A CPU that is offline has neither directory.
func (in *input) openCPU(c *candidate) bool {
	if _, ok := scan.ParseUint([]byte(c.name[len(cpuPrefix):])); !ok || !in.config.includesAny(c.name) {
		return true // "cpufreq" and "cpuidle" are not CPUs
	}
	if c.hasFile("cpufreq") {
		in.addClock(c)
	}
	if c.hasFile("thermal_throttle") {
		in.addThrottling(c)
	} else {
		in.forgetPackageCPU(c.path)
	}
	return true
}

func (in *input) addClock(c *candidate) {
	const kilo = 1e-3 // the kernel's unit is kHz
	core := telemetry.Label{Key: "core", Value: c.name}
	file := func(name string) string { return filepath.Join(c.path, "cpufreq", name) }
	c.addReader("cpu_frequency", func() reader {
		return &sensor{files: []numberFile{in.budget.newNumberFile(file("scaling_cur_freq"))}, divisor: kilo, minimum: 1,
			series: in.factory.Gauge("cpu_frequency", telemetry.Hertz, core)}
	})
	for metric, name := range map[string]string{"cpu_frequency_min": "scaling_min_freq", "cpu_frequency_max": "scaling_max_freq"} {
		c.addReader(metric, func() reader {
			return &limit{file: numberFile{file: hostfs.NewValue(file(name))}, divisor: kilo, minimum: 1, maximum: math.MaxInt64,
				series: in.factory.Gauge(metric, telemetry.Hertz, core)}
		})
	}
}

func (in *input) addThrottling(c *candidate) {
	counter := func(name, metric string, label telemetry.Label) {
		c.addReader(metric, func() reader {
			return &sensor{files: []numberFile{in.budget.newNumberFile(filepath.Join(c.path, "thermal_throttle", name))}, divisor: 1,
				total: in.factory.Counter(metric, telemetry.None, label)}
		})
	}
	counter("core_throttle_count", "cpu_core_throttles", telemetry.Label{Key: "core", Value: c.name})
	if id := readText(c.path, "topology", "physical_package_id"); id != "" && in.isPackageCPU(c, id) {
		counter("package_throttle_count", "cpu_package_throttles", telemetry.Label{Key: "package", Value: id})
	}
}

// isPackageCPU reports whether the package's counter is read from this CPU. All CPUs of a package have the same counter,
// so the first one that was found is used.
func (in *input) isPackageCPU(c *candidate, id string) bool {
	if in.packageCPUs[id] == "" {
		in.packageCPUs[id] = c.path
	}
	return in.packageCPUs[id] == c.path
}

// forgetPackageCPU makes the package's counter be read from another CPU, because this one was removed or is offline.
func (in *input) forgetPackageCPU(path string) {
	for id, cpu := range in.packageCPUs {
		if cpu == path {
			delete(in.packageCPUs, id)
			in.packageCPULost = true
		}
	}
}

// reopenCPUs makes the next search open all CPUs again if a package has lost its CPU.
func (in *input) reopenCPUs(t *tree) {
	if !in.packageCPULost || t.prefix != cpuPrefix {
		return
	}
	in.packageCPULost = false
	for _, e := range t.entities {
		e.contentHash = 0
	}
}
