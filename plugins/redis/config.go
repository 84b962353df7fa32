package redisinput

import (
	"reflect"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// Settings are what can be configured.
type Settings struct {
	redisconn.Config `yaml:",inline"`
	Metrics          match.List `yaml:"metrics" conf:"public"` // when set, only these
	Commandstats     bool       `yaml:"commandstats"`          // calls and latencies of each command
	Slowlog          bool       `yaml:"slowlog"`
	LatencyHistogram bool       `yaml:"latency_histogram"`
}

// Config are the input's settings. The predecessor also took them from a map below "redis".
type Config struct {
	Settings `yaml:",inline"`
	Nested   *Settings `yaml:"redis"`
}

func defaultSettings() Settings {
	return Settings{Config: redisconn.Defaults(), Commandstats: true, Slowlog: true}
}

func defaults() Config {
	nested := defaultSettings()
	return Config{Settings: defaultSettings(), Nested: &nested}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.Nested != nil && !isDefault(*c.Nested) && !isDefault(c.Settings) {
		return conf.Key("redis", "holds the same settings that may stand beside it: use one place for all of them")
	}
	return c.Settings.Validate()
}

func isDefault(s Settings) bool { return reflect.DeepEqual(s, defaultSettings()) }

// settings are those that were written, wherever they stand.
func (c *Config) settings() Settings {
	if c.Nested != nil && isDefault(c.Settings) {
		return *c.Nested
	}
	return c.Settings
}

// wants decides on a metric by its name without "redis_"; with it, the user means the same.
func (s *Settings) wants(name string) bool {
	return len(s.Metrics) == 0 || s.Metrics.Match(name) || s.Metrics.Match(prefix+name)
}
