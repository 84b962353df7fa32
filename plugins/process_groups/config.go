package processgroups

import (
	"errors"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/procusage"
)

// Config has the settings of the input.
type Config struct {
	procusage.Settings `yaml:",inline"`
	Labels             []label       `yaml:"labels"`      // further labels, by which groups are divided
	PSS                bool          `yaml:"pss"`         // read PSS and USS
	PSSBudget          conf.Duration `yaml:"pss_budget"`  // how long that may take at each gather; 0: a hundredth of the interval
	Connections        bool          `yaml:"connections"` // count TCP connections by state
}

// label is a label by which groups are divided further.
type label string

const (
	labelUnit      label = "unit"
	labelCgroup    label = "cgroup"
	labelContainer label = "container"
)

// UnmarshalScalar implements conf.Scalar.
func (l *label) UnmarshalScalar(text string) error {
	switch *l = label(text); *l {
	case labelUnit, labelCgroup, labelContainer:
		return nil
	}
	return errors.New("must be unit (of systemd), cgroup (the path) or container (the beginning of its id)")
}

func defaults() Config { return Config{Settings: procusage.DefaultSettings(), PSS: true} }

// containerDigits is how much of the id of a container is a label, as in docker ps. Events have it in full.
const containerDigits = 12

// keyOf returns which group a process belongs to.
func (c *Config) keyOf(m *procusage.Member) procusage.Key {
	key := procusage.Key{Group: m.Class.Group, Subgroup: m.Class.Subgroup}
	for _, l := range c.Labels {
		switch l {
		case labelUnit:
			key.Unit = m.Place.Unit
		case labelCgroup:
			key.Cgroup = m.Place.Path
		case labelContainer:
			key.Container = m.Place.Container[:min(containerDigits, len(m.Place.Container))]
		}
	}
	return key
}
