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
	Commandstats     bool `yaml:"commandstats"` // calls and latencies of each command
	Slowlog          bool `yaml:"slowlog"`
	LatencyHistogram bool `yaml:"latency_histogram"`
}

// Config are the input's settings. The predecessor also took them from a map below "redis".
type Config struct {
	Settings `yaml:",inline"`
	Nested   *Nested `yaml:"redis"`

	metrics match.List // when set, only these
}

// Nested is what the predecessor took below a second "redis:".
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
		return conf.Key("redis", "holds the same settings that may be beside it: use one place for all of them")
	}
	return c.Settings.Validate()
}

func isDefault(s Settings) bool { return reflect.DeepEqual(s, defaultSettings()) }

// settings returns those that were written, in whichever place.
func (c *Config) settings() Settings {
	if c.Nested != nil && isDefault(c.Settings) {
		return c.Nested.Settings
	}
	return c.Settings
}

// wanted returns the names of the metrics to write; without any, all are.
func (c *Config) wanted() match.List {
	if c.Nested != nil && len(c.Nested.Metrics) > 0 {
		return c.Nested.Metrics
	}
	return c.metrics
}
