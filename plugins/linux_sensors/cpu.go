package linuxsensors

import (
	"math"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// cpuPrefix begins the names of the directories of CPUs.
const cpuPrefix = "cpu"

// openCPU adds the clock of a CPU (Documentation/admin-guide/pm/cpufreq.rst) and how often heat slowed it down
// (Documentation/ABI/testing/sysfs-devices-system-cpu). A CPU that is offline has neither directory.
func (in *input) openCPU(p *place) bool {
	if _, ok := scan.Uint([]byte(p.name[len(cpuPrefix):])); !ok || !in.config.wants(p.name) {
		return true // "cpufreq" and "cpuidle" are no CPUs
	}
	if p.has("cpufreq") {
		in.addClock(p)
	}
	if p.has("thermal_throttle") {
		in.addThrottling(p)
	} else {
		in.forgetSpeaker(p.path)
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
	if id := text(p.path, "topology", "physical_package_id"); id != "" && in.speaksForPackage(p, id) {
		counter("package_throttle_count", "cpu_package_throttles", telemetry.Label{Key: "package", Value: id})
	}
}

// speaksForPackage reports whether a CPU is the one of its package that is read: all of them count the same. That is the
// first one that was found.
func (in *input) speaksForPackage(p *place, id string) bool {
	if in.speakers[id] == "" {
		in.speakers[id] = p.path
	}
	return in.speakers[id] == p.path
}

// forgetSpeaker lets another CPU of the package be read instead of one that is gone or offline.
func (in *input) forgetSpeaker(path string) {
	for id, speaker := range in.speakers {
		if speaker == path {
			delete(in.speakers, id)
			in.speakerLost = true
		}
	}
}

// reopenCPUs has all CPUs opened again by the search that begins, if a package has lost the one that is read.
func (in *input) reopenCPUs(t *tree) {
	if !in.speakerLost || t.prefix != cpuPrefix {
		return
	}
	in.speakerLost = false
	for _, th := range t.things {
		th.content = 0
	}
}
