package windowsperf

import (
	"errors"
	"regexp"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pdh"
)

// Config has the counters and their instances.
type Config struct {
	Counters         []counterConfig `yaml:"paths"`
	IncludeInstances match.List      `yaml:"include_instances"` // if not empty, only these
	ExcludeInstances match.List      `yaml:"exclude_instances"`
}

// counterConfig is a counter; its short form is the path alone.
type counterConfig struct {
	Path string `yaml:"path" conf:"public"`
	Name string `yaml:"name" conf:"public"` // of the metric; "": made of the path
}

// UnmarshalScalar implements conf.Scalar.
func (c *counterConfig) UnmarshalScalar(text string) error {
	c.Path = text
	return nil
}

func defaults() Config { return Config{} }

// defaultCounters are those that show what the other inputs do not.
func defaultCounters() []counterConfig {
	return []counterConfig{
		{Path: `\System\Processor Queue Length`}, {Path: `\System\Context Switches/sec`}, {Path: `\Processor(_Total)\% DPC Time`},
		{Path: `\Memory\Committed Bytes`}, {Path: `\Memory\Pages/sec`}, {Path: `\Paging File(*)\% Usage`},
		{Path: `\PhysicalDisk(*)\Current Disk Queue Length`}, {Path: `\PhysicalDisk(*)\Avg. Disk sec/Transfer`},
	}
}

// counters returns the configured counters.
func (c *Config) counters() []counterConfig {
	if len(c.Counters) == 0 {
		return defaultCounters()
	}
	return c.Counters
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	seen := map[string]string{}
	for _, counter := range c.counters() {
		p, err := pdh.ParsePath(counter.Path)
		switch {
		case err != nil:
			errs = append(errs, conf.Key("paths", "%v", err))
			continue
		case strings.HasPrefix(counter.Path, `\\`):
			errs = append(errs, conf.Key("paths", "%s names a machine; only this one can be read", counter.Path))
			continue
		case counter.Name != "" && !metric.IsName(counter.Name):
			errs = append(errs, conf.Key("paths", "%q is not a name of a metric: letters, digits and _ . : - only", counter.Name))
			continue
		}
		name := counter.metricName(p)
		if other, taken := seen[name]; taken {
			errs = append(errs, conf.Key("paths", "%s and %s are both called %s; set a name", other, counter.Path, name))
		}
		seen[name] = counter.Path
	}
	return errors.Join(errs...)
}

// MetricNames implements plugins.Namer.
func (c *Config) MetricNames() (names []string) {
	for _, counter := range c.counters() {
		if p, err := pdh.ParsePath(counter.Path); err == nil {
			names = append(names, counter.metricName(p))
		}
	}
	return names
}

func (c *Config) includesInstance(name string) bool {
	return (len(c.IncludeInstances) == 0 || c.IncludeInstances.Match(name)) && !c.ExcludeInstances.Match(name)
}

// notInNames is what separates words.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// metricName returns the configured name, or one like windows_perf_network_interface_bytes_received_per_sec.
func (c *counterConfig) metricName(p pdh.Path) string {
	if c.Name != "" {
		return c.Name
	}
	words := strings.NewReplacer("%", " percent ", "/", " per ").Replace(strings.ToLower(p.Object + " " + p.Counter))
	return "windows_perf_" + strings.Trim(notInNames.ReplaceAllString(words, "_"), "_")
}
