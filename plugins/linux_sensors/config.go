package linuxsensors

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/match"
)

// Config says which things are reported: all, or those included, without those excluded.
type Config struct {
	Include match.List `yaml:"include"` // when there are any, only what one of them fits
	Exclude match.List `yaml:"exclude"` // always wins
}

func defaults() Config { return Config{} }

// wants decides on a thing by the names that a user may know it by.
func (c Config) wants(names ...string) bool {
	return (len(c.Include) == 0 || slices.ContainsFunc(names, c.Include.Match)) && !c.excludes(names...)
}

// excludes says whether a thing is left out, with all that belongs to it.
func (c Config) excludes(names ...string) bool { return slices.ContainsFunc(names, c.Exclude.Match) }
