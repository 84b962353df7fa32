package linuxevents

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Config has the input's settings.
type Config struct {
	Source         string     `yaml:"source" conf:"public"`
	ExcludeDevices match.List `yaml:"exclude_devices" conf:"public"`
	IncludeDevices match.List `yaml:"include_devices" conf:"public"` // if not empty, only these
	RunQueue       bool       `yaml:"run_queue"`
	Signals        string     `yaml:"signals" conf:"public"`
	MeasureTime    bool       `yaml:"measure_programs"`
}

// Values of the settings.
const (
	sourceAuto, sourceEBPF, sourceProc      = "auto", "ebpf", "proc"
	signalsNone, signalsCrashes, signalsAll = "none", "crashes", "all"
)

func defaults() Config { return Config{Source: sourceAuto, Signals: signalsCrashes} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if err := checkChoice("source", c.Source, sourceAuto, sourceEBPF, sourceProc); err != nil {
		return err
	}
	return checkChoice("signals", c.Signals, signalsNone, signalsCrashes, signalsAll)
}

func checkChoice(key, value string, choices ...string) error {
	for _, c := range choices {
		if value == c {
			return nil
		}
	}
	return conf.Key(key, "must be one of %s", strings.Join(choices, ", "))
}

// includesDevice reports whether the device is reported. Loop devices and RAM disks must be included explicitly, as in linux_io.
func (c *Config) includesDevice(name string) bool {
	switch {
	case c.ExcludeDevices.Match(name):
		return false
	case len(c.IncludeDevices) > 0:
		return c.IncludeDevices.Match(name)
	default:
		return !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "ram")
	}
}

// Privileges implements catalog.Privileged.
func (c *Config) Privileges() []catalog.Privilege {
	if c.Source == sourceProc {
		return nil
	}
	return []catalog.Privilege{{
		Capabilities: "CAP_BPF CAP_PERFMON", Without: "latencies, processes that fail, and the names of those that the OOM killer ends",
	}}
}
