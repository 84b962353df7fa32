package windowseventlog

import (
	"errors"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/wevt"
)

// Config has the input's settings.
type Config struct {
	Channels []string `yaml:"channels" conf:"public"`
	Query    string   `yaml:"query" conf:"public"` // XPath
	Start    start    `yaml:"start" conf:"public"`
	StateDir string   `yaml:"state_directory" conf:"public"`
}

func defaults() Config {
	return Config{Channels: []string{"Application", "System"}, Query: "*", Start: startNow, StateDir: `C:\ProgramData\rtcollector`}
}

// start is where reading begins when there is no bookmark.
type start string

const (
	startNow    start = "now"
	startOldest start = "oldest"
)

// UnmarshalScalar implements conf.Scalar.
func (s *start) UnmarshalScalar(text string) error {
	switch *s = start(text); *s {
	case startNow, startOldest:
		return nil
	}
	return errors.New("must be now or oldest")
}

func (s start) position() wevt.Start {
	if s == startOldest {
		return wevt.FromOldest
	}
	return wevt.FromNow
}

// StateFiles implements catalog.Stateful.
func (c *Config) StateFiles() []string { return []string{c.StateDir} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Channels) == 0 {
		errs = append(errs, conf.Key("channels", "must name a channel of the event log, such as System"))
	}
	for i, name := range c.Channels {
		if name == "" {
			errs = append(errs, conf.Key("channels", "must not have an empty name"))
		}
		if slices.ContainsFunc(c.Channels[:i], func(other string) bool { return strings.EqualFold(name, other) }) {
			errs = append(errs, conf.Key("channels", "%s appears twice", name))
		}
	}
	if c.Query == "" {
		errs = append(errs, conf.Key("query", `must be an XPath expression such as "*[System[Level<=3]]"; "*" is everything`))
	}
	if c.StateDir == "" {
		errs = append(errs, conf.Key("state_directory", "must be a folder that the agent may write to"))
	}
	return errors.Join(errs...)
}
