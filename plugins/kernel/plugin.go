// Package kernel reports what a Linux kernel counts about itself: context switches, interrupts, forks, pressure, open
// files and KSM.
//
//   - plugin.go: the input, and its samples from /proc/stat.
//   - parse.go: pure functions that parse /proc/stat and /proc/pressure.
//   - numbers.go: files below /proc/sys that contain a few numbers.
//   - pressure.go: /proc/pressure. ksm.go: /sys/kernel/mm/ksm.
package kernel

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("kernel", "context switches, interrupts, forks, pressure, open files, KSM (Linux)", func() Config { return Config{} }, build).
	On("linux").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	stat     *hostfs.File
	totals   [numStats]*telemetry.Total  // nil for gauges
	gauges   [numStats]*telemetry.Series // nil for counters
	softirqs []*telemetry.Total          // one per kind that this kernel has; empty until the first gather
	factory  *telemetry.Factory

	numberFiles []numberFile
	pressure    *pressureDir
	ksm         *ksmDir
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	in := &input{
		stat:        env.FS.ProcFile("stat"),
		factory:     f,
		numberFiles: newNumberFiles(env),
		pressure:    newPressureDir(env),
		ksm:         newKSMDir(env),
	}
	in.totals[statContextSwitches] = f.Counter("kernel_context_switches", telemetry.None)
	in.totals[statInterrupts] = f.Counter("kernel_interrupts", telemetry.None)
	in.totals[statForks] = f.Counter("kernel_processes_forked", telemetry.None)
	in.gauges[statBootTime] = f.Gauge("kernel_boot_time", telemetry.Seconds)
	in.gauges[statProcsRunning] = f.Gauge("kernel_procs_running", telemetry.None)
	in.gauges[statProcsBlocked] = f.Gauge("kernel_procs_blocked", telemetry.None)
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	err := in.addStat(out)
	for i := range in.numberFiles {
		err = errors.Join(err, in.numberFiles[i].addSamples(out))
	}
	return errors.Join(err, in.pressure.addSamples(out), in.ksm.addSamples(out))
}

func (in *input) addStat(out *telemetry.Batch) error {
	data, err := in.stat.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	s, err := parseStat(data)
	if err != nil {
		return fmt.Errorf("parse %s: %w", in.stat.Path(), err)
	}
	for i, v := range s.values {
		switch {
		case !s.present[i]:
		case in.totals[i] != nil:
			in.totals[i].Add(out, float64(v))
		default:
			out.Add(in.gauges[i], float64(v))
		}
	}
	in.addSoftirqs(out, s.softirqs[:s.softirqKinds])
	return nil
}

func (in *input) addSoftirqs(out *telemetry.Batch, counts []uint64) {
	if len(in.softirqs) == 0 && len(counts) > 0 {
		for _, name := range softirqNames(len(counts)) {
			label := telemetry.Label{Key: "softirq", Value: name}
			in.softirqs = append(in.softirqs, in.factory.Counter("kernel_softirqs", telemetry.None, label))
		}
	}
	if len(in.softirqs) == len(counts) { // the kinds of a running kernel do not change
		for i, total := range in.softirqs {
			total.Add(out, float64(counts[i]))
		}
	}
}
