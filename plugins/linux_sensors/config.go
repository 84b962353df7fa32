package linuxsensors

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Config selects the entities that are reported: those that Include matches, or all if it is empty, without those that
// Exclude matches.
type Config struct {
	Include match.List `yaml:"include"` // if not empty, report only what one of them matches
	Exclude match.List `yaml:"exclude"` // overrides Include
}

func defaultConfig() Config { return Config{} }

// includesAny reports whether an entity that is known by any of these names is reported.
func (c Config) includesAny(names ...string) bool {
	return (len(c.Include) == 0 || slices.ContainsFunc(names, c.Include.Match)) && !c.excludesAny(names...)
}

// excludesAny reports whether an entity that is known by any of these names is excluded, with all its sensors.
func (c Config) excludesAny(names ...string) bool { return slices.ContainsFunc(names, c.Exclude.Match) }

// Privileges implements catalog.Privileged.
func (Config) Privileges() []catalog.Privilege {
	return []catalog.Privilege{{Capabilities: "CAP_DAC_READ_SEARCH", Without: "power_energy, on Linux 5.10 and later"}}
}
