package redisinput

import (
	"reflect"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// Settings are the keys of the input.
type Settings struct {
	redisconn.Config `yaml:",inline"`
	Commandstats     bool `yaml:"commandstats"` // calls and latencies of each command
	Slowlog          bool `yaml:"slowlog"`
	LatencyHistogram bool `yaml:"latency_histogram"`
}

// Config is the input's configuration. The Python rtcollector also accepted the settings in a map below "redis".
type Config struct {
	Settings `yaml:",inline"`
	Nested   *Nested `yaml:"redis"`

	metrics match.List // if set, only these metrics are written
}

// Nested is the map below a second "redis:", as in the Python rtcollector.
type Nested struct {
	Settings `yaml:",inline"`
	Metrics  match.List `yaml:"metrics" conf:"public"`
}

// TakeMetricList implements plugins.ListTaker: names with or without "redis_".
func (c *Config) TakeMetricList(names match.List) { c.metrics = names }

func defaultSettings() Settings {
	return Settings{Config: redisconn.Defaults(), Commandstats: true, Slowlog: true}
}

func defaults() Config {
	return Config{Settings: defaultSettings(), Nested: &Nested{Settings: defaultSettings()}}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.Nested != nil && !isDefault(c.Nested.Settings) && !isDefault(c.Settings) {
		return conf.Key("redis", "repeats settings that are also set next to it: put all settings in one place")
	}
	return c.Settings.Validate()
}

func isDefault(s Settings) bool { return reflect.DeepEqual(s, defaultSettings()) }

// settings returns the settings from the place in which the user wrote them.
func (c *Config) settings() Settings {
	if c.Nested != nil && isDefault(c.Settings) {
		return c.Nested.Settings
	}
	return c.Settings
}

// wanted returns the names of the metrics to write. An empty list means all.
func (c *Config) wanted() match.List {
	if c.Nested != nil && len(c.Nested.Metrics) > 0 {
		return c.Nested.Metrics
	}
	return c.metrics
}
