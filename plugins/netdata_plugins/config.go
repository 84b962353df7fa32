package netdataplugins

import (
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Config holds the input's settings.
type Config struct {
	Directories []string          `yaml:"directories"`
	Plugins     match.List        `yaml:"plugins"` // names without ".plugin"; if not empty, only these
	Exclude     match.List        `yaml:"exclude"`
	UpdateEvery conf.Duration     `yaml:"update_every"` // 0: the interval
	Rescan      conf.Duration     `yaml:"rescan"`
	Options     map[string]string `yaml:"options"` // by plugin: further arguments
	OnBadLine   OnBadLine         `yaml:"on_bad_line"`
	Values      Values            `yaml:"values"`
	ConfigDir   string            `yaml:"config_dir"` // of the plugins' own configuration
	StockDir    string            `yaml:"stock_dir"`
	HostPrefix  string            `yaml:"host_prefix"`
	MaxSeries   int               `yaml:"max_series"`
}

func defaults() Config {
	return Config{
		Directories: []string{"/usr/libexec/netdata/plugins.d", "/usr/lib/netdata/plugins.d"},
		Rescan:      conf.Duration(time.Minute), OnBadLine: Keep, Values: Computed,
		ConfigDir: "/etc/netdata", StockDir: "/usr/lib/netdata/conf.d", MaxSeries: 50_000,
	}
}

// StartsPrograms implements catalog.Starter.
func (c *Config) StartsPrograms() {}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Directories) == 0 {
		errs = append(errs, conf.Key("directories", "is empty: name the folders that have *.plugin files"))
	}
	if c.Rescan.D() < time.Second {
		errs = append(errs, conf.Key("rescan", "must be at least 1s"))
	}
	if c.UpdateEvery != 0 && c.UpdateEvery.D() < time.Second {
		errs = append(errs, conf.Key("update_every", "must be at least 1s: plugins count in seconds"))
	}
	if c.MaxSeries < 1 {
		errs = append(errs, conf.Key("max_series", "must be at least 1"))
	}
	return errors.Join(errs...)
}

// MetricNames implements plugins.Namer: the plugins name the metrics.
func (c *Config) MetricNames() []string { return []string{"*"} }

// OnBadLine says what happens to a plugin that prints a line which is wrong.
type OnBadLine string

// The values of [OnBadLine].
const (
	Keep OnBadLine = "keep" // the line is counted and logged
	Stop OnBadLine = "stop" // the plugin is stopped for good, as Netdata does
)

// UnmarshalScalar implements conf.Scalar.
func (o *OnBadLine) UnmarshalScalar(text string) error {
	switch *o = OnBadLine(text); *o {
	case Keep, Stop:
		return nil
	}
	return errors.New("must be keep (the line is counted and logged) or stop (the plugin is stopped, as Netdata does)")
}

// Values says which values are written.
type Values string

// The values of [Values].
const (
	Computed Values = "computed" // after the algorithm of the dimension
	Raw      Values = "raw"      // as the plugin prints them
	Both     Values = "both"     // raw ones under the name with _raw
)

// UnmarshalScalar implements conf.Scalar.
func (v *Values) UnmarshalScalar(text string) error {
	switch *v = Values(text); *v {
	case Computed, Raw, Both:
		return nil
	}
	return errors.New("must be computed (after each dimension's algorithm), raw (as the plugin prints them) or both (raw ones with _raw)")
}
