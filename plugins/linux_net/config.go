package linuxnet

import "github.com/rtcollector/rtcollector/internal/match"

// Config selects the interfaces that are reported: all except the excluded ones. The include lists override the exclude
// lists.
type Config struct {
	ExcludePatterns   match.Regexps `yaml:"exclude_patterns"`
	IncludePatterns   match.Regexps `yaml:"include_patterns"` // report these although they are excluded
	ExcludeInterfaces match.List    `yaml:"exclude_interfaces"`
	IncludeInterfaces match.List    `yaml:"include_interfaces"` // report these although they are excluded
}

// defaultConfig excludes the interfaces of Docker: every container has a veth, and the bridge counts its traffic again.
func defaultConfig() Config {
	return Config{ExcludePatterns: match.NewRegexps("veth", "docker", "^br-")}
}

// includesInterface reports whether the interface is reported.
func (c *Config) includesInterface(name string) bool {
	excluded := c.ExcludePatterns.Match(name) || c.ExcludeInterfaces.Match(name)
	return !excluded || c.IncludePatterns.Match(name) || c.IncludeInterfaces.Match(name)
}
