package connections

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/remotename"
)

// Config is the input's configuration.
type Config struct {
	Patterns    []string `yaml:"patterns" conf:"public"`
	Exclude     []string `yaml:"exclude_patterns" conf:"public"`
	PIDs        []int    `yaml:"pids"`
	Descendants bool     `yaml:"descendants"`
	Listening   bool     `yaml:"listening"`

	Source  string `yaml:"source" conf:"public"`
	Domains string `yaml:"domains" conf:"public"`
	Session string `yaml:"session" conf:"public"`

	UDPIdle     conf.Duration `yaml:"udp_idle"`
	RetryWindow conf.Duration `yaml:"retry_window"`
	TopDomains  int           `yaml:"top_domains"`
	MeasureTime bool          `yaml:"measure_programs"`

	Providers Providers `yaml:"providers"`
	Alerts    Alerts    `yaml:"alerts"`
}

// Providers are named groups of processes and domains.
type Providers struct {
	Mode string     `yaml:"mode" conf:"public"` // merge or replace
	List []Provider `yaml:"list"`
}

// Provider is a name for the processes and the remote ends of one service.
type Provider struct {
	Name      string     `yaml:"name" conf:"public"`
	Processes []string   `yaml:"processes" conf:"public"` // parts of names or command lines, in any case
	Domains   domainList `yaml:"domains" conf:"public"`
}

// Alerts says what the user wants to be told about. Zero values turn a kind off.
type Alerts struct {
	Domains        domainList    `yaml:"domains" conf:"public"`
	UnknownDomain  bool          `yaml:"unknown_domain"`
	MaxConnections int           `yaml:"max_connections"`
	MaxPerProvider int           `yaml:"max_per_provider"`
	Duration       conf.Duration `yaml:"duration"`
	Cooldown       conf.Duration `yaml:"cooldown"`
	Bell           bool          `yaml:"bell"` // for the command observe
}

// domainPattern is a glob or regular expression for domains, in any case.
type domainPattern struct{ match.Pattern }

// UnmarshalScalar implements conf.Scalar. The names that are matched are in lower case.
func (p *domainPattern) UnmarshalScalar(text string) error {
	if expression, isRegexp := strings.CutPrefix(text, "~"); isRegexp {
		return p.Pattern.UnmarshalScalar("~(?i)" + expression)
	}
	return p.Pattern.UnmarshalScalar(strings.ToLower(text))
}

type domainList []domainPattern

// match reports whether one of the patterns matches the name of a remote end, or one of the names on the way to it.
func (l domainList) match(n *remotename.Name) bool {
	for _, p := range l {
		if n.Name != "" && p.Match(n.Name) || slices.ContainsFunc(n.CNAMEs, p.Match) {
			return true
		}
	}
	return false
}

// Values of the settings.
const (
	sourceAuto, sourceEBPF, sourcePoll      = "auto", "ebpf", "poll"
	domainsPTR, domainsCapture, domainsOff  = "ptr", "capture", "off"
	modeMerge, modeReplace                  = "merge", "replace"
	maxPatterns, maxProviders, maxTopDomain = 1000, 200, 1000
)

func defaults() Config {
	return Config{
		Patterns: []string{"claude", "codex", "gemini"}, Descendants: true, Source: sourceAuto, Domains: domainsPTR,
		UDPIdle: conf.Duration(30 * time.Second), RetryWindow: conf.Duration(30 * time.Second), TopDomains: 20,
		Providers: Providers{Mode: modeMerge}, Alerts: Alerts{Cooldown: conf.Duration(10 * time.Second)},
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{
		checkChoice("source", c.Source, sourceAuto, sourceEBPF, sourcePoll),
		checkChoice("domains", c.Domains, domainsPTR, domainsCapture, domainsOff),
		checkChoice("providers.mode", c.Providers.Mode, modeMerge, modeReplace),
		checkPatterns("patterns", c.Patterns),
		checkPatterns("exclude_patterns", c.Exclude),
	}
	for _, pid := range c.PIDs {
		if pid < 1 {
			errs = append(errs, conf.Key("pids", "%d is not a process ID", pid))
		}
	}
	if c.UDPIdle < conf.Duration(time.Second) {
		errs = append(errs, conf.Key("udp_idle", "must be at least 1s"))
	}
	if c.TopDomains < 0 || c.TopDomains > maxTopDomain {
		errs = append(errs, conf.Key("top_domains", "must be between 0 and %d", maxTopDomain))
	}
	if c.Alerts.MaxConnections < 0 || c.Alerts.MaxPerProvider < 0 {
		errs = append(errs, conf.Key("alerts", "max_connections and max_per_provider must not be negative"))
	}
	if c.Domains == domainsOff && (c.Alerts.UnknownDomain || len(c.Alerts.Domains) > 0) {
		errs = append(errs, conf.Key("alerts", "about domains are never raised with domains: off"))
	}
	return errors.Join(append(errs, c.Providers.validate())...)
}

func (p *Providers) validate() error {
	if len(p.List) > maxProviders {
		return conf.Key("providers.list", "must have at most %d entries", maxProviders)
	}
	for _, provider := range p.List {
		switch {
		case provider.Name == "":
			return conf.Key("providers.list", "an entry has no name")
		case len(provider.Processes) == 0 && len(provider.Domains) == 0:
			return conf.Key("providers.list", "%q has neither processes nor domains", provider.Name)
		}
		if err := checkPatterns("providers.list", provider.Processes); err != nil {
			return err
		}
	}
	return nil
}

func checkChoice(key, value string, choices ...string) error {
	for _, c := range choices {
		if value == c {
			return nil
		}
	}
	return conf.Key(key, "must be one of %s", strings.Join(choices, ", "))
}

func checkPatterns(key string, patterns []string) error {
	if len(patterns) > maxPatterns {
		return conf.Key(key, "must have at most %d entries", maxPatterns)
	}
	for _, p := range patterns {
		if strings.TrimSpace(p) == "" {
			return conf.Key(key, "has an empty entry, which every process would match; an empty list means every process")
		}
	}
	return nil
}

// Privileges implements catalog.Privileged.
func (c *Config) Privileges() (all []catalog.Privilege) {
	if c.Source != sourcePoll {
		all = append(all, catalog.Privilege{
			Capabilities: "CAP_BPF CAP_PERFMON",
			Without:      "connections that are shorter than the interval, failed ones, and UDP without connect",
		})
	}
	all = append(all, catalog.Privilege{Capabilities: "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH", Without: "which processes of other users have the connections"})
	all = append(all, catalog.Privilege{Capabilities: "CAP_SYS_ADMIN", Without: "connections in other network namespaces, such as those of containers, that eBPF does not report"})
	if c.Domains == domainsCapture {
		all = append(all, catalog.Privilege{Capabilities: "CAP_NET_RAW", Without: "the names in DNS answers and TLS"})
	}
	return all
}
