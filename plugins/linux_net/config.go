package linuxnet

import "github.com/rtcollector/rtcollector/internal/match"

// Config says which interfaces are reported: all, but those excluded, and again those included.
type Config struct {
	ExcludePatterns   match.Regexps `yaml:"exclude_patterns"`
	IncludePatterns   match.Regexps `yaml:"include_patterns"` // bring back what was excluded
	ExcludeInterfaces match.List    `yaml:"exclude_interfaces"`
	IncludeInterfaces match.List    `yaml:"include_interfaces"` // bring back what was excluded
}

// defaults leave out what Docker makes: every container has a veth, and its traffic is counted again on the bridge.
func defaults() Config {
	return Config{ExcludePatterns: match.RegexpsOf("veth", "docker", "^br-")}
}

// wants decides on an interface's name.
func (c *Config) wants(name string) bool {
	excluded := c.ExcludePatterns.Match(name) || c.ExcludeInterfaces.Match(name)
	return !excluded || c.IncludePatterns.Match(name) || c.IncludeInterfaces.Match(name)
}
