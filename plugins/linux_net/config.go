package linuxnet

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Config says which interfaces are reported: all, but those excluded, and again those included.
type Config struct {
	ExcludePatterns   []string `yaml:"exclude_patterns"`   // regular expressions, found anywhere in the name
	IncludePatterns   []string `yaml:"include_patterns"`   // bring back what was excluded
	ExcludeInterfaces []string `yaml:"exclude_interfaces"` // exact names
	IncludeInterfaces []string `yaml:"include_interfaces"` // exact names, bring back what was excluded
}

// defaults leave out what Docker makes: every container has a veth, and its traffic is counted again on the bridge.
func defaults() Config {
	return Config{ExcludePatterns: []string{"veth", "docker", "^br-"}}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	_, err := c.filter()
	return err
}

// filter returns the decision on an interface's name.
func (c *Config) filter() (func(name string) bool, error) {
	exclude, errExclude := compile("exclude_patterns", c.ExcludePatterns)
	include, errInclude := compile("include_patterns", c.IncludePatterns)
	return func(name string) bool {
		excluded := matches(exclude, name) || slices.Contains(c.ExcludeInterfaces, name)
		return !excluded || matches(include, name) || slices.Contains(c.IncludeInterfaces, name)
	}, errors.Join(errExclude, errInclude)
}

func compile(key string, patterns []string) ([]*regexp.Regexp, error) {
	var compiled []*regexp.Regexp
	var errs []error
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			errs = append(errs, conf.Key(key, "%q is no regular expression: %s", p, reason(err)))
			continue
		}
		compiled = append(compiled, re)
	}
	return compiled, errors.Join(errs...)
}

// reason is what is wrong with an expression, in few words.
func reason(err error) string {
	var se *syntax.Error
	if errors.As(err, &se) {
		return string(se.Code) + " at " + se.Expr
	}
	return err.Error()
}

func matches(patterns []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}
