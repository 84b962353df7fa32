package docker

import (
	"cmp"
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Config has the input's settings.
type Config struct {
	httpx.Config `yaml:",inline"`
	Endpoint     string `yaml:"endpoint" conf:"public"` // "": $DOCKER_HOST, or Docker's default socket
	MaxWorkers   int    `yaml:"max_workers"`            // how many requests about containers run at the same time

	Names `yaml:",inline"`

	LabelTags []string `yaml:"label_tags" conf:"public"` // labels of containers that become labels of their series
	TagEnv    []string `yaml:"tag_env" conf:"public"`    // environment variables of containers that become labels of their series

	Engine            bool          `yaml:"collect_engine_metrics"`
	DiskUsage         bool          `yaml:"collect_disk_usage"`
	DiskUsageInterval conf.Duration `yaml:"disk_usage_interval"`
	Swarm             bool          `yaml:"swarm_enabled"`
	GatherServices    bool          `yaml:"gather_services"` // the same as swarm_enabled

	PerDevice        bool     `yaml:"perdevice" conf:"ignored"`
	PerDeviceInclude []string `yaml:"perdevice_include" conf:"ignored"`
}

// Names selects the containers to report. An empty include list includes all.
type Names struct {
	NameInclude  patterns   `yaml:"container_name_include" conf:"public"`
	NameExclude  patterns   `yaml:"container_name_exclude" conf:"public"`
	ImageInclude patterns   `yaml:"image_include" conf:"public"`
	ImageExclude patterns   `yaml:"image_exclude" conf:"public"`
	StateInclude match.List `yaml:"container_state_include" conf:"public"`
	StateExclude match.List `yaml:"container_state_exclude" conf:"public"`
	LabelInclude match.List `yaml:"docker_label_include" conf:"public"` // "name" or "name=value"
	LabelExclude match.List `yaml:"docker_label_exclude" conf:"public"`
}

func defaults() Config {
	return Config{Config: httpx.Defaults(), MaxWorkers: 10, Engine: true, DiskUsage: true, DiskUsageInterval: conf.Duration(5 * time.Minute)}
}

const (
	defaultSocket = "unix:///var/run/docker.sock"
	maxWorkers    = 100
)

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.Endpoint != "" {
		if _, err := c.parseEndpoint(c.Endpoint); err != nil {
			errs = append(errs, conf.Key("endpoint", "%s", err))
		}
	}
	if c.MaxWorkers < 1 || c.MaxWorkers > maxWorkers {
		errs = append(errs, conf.Key("max_workers", "must be 1 to %d", maxWorkers))
	}
	if c.DiskUsage && c.DiskUsageInterval.D() < time.Second {
		errs = append(errs, conf.Key("disk_usage_interval", "must be at least 1s: collect_disk_usage: false switches it off"))
	}
	for i, label := range c.LabelTags {
		errs = append(errs, checkTag("label_tags", i, label))
	}
	for i, label := range c.TagEnv {
		errs = append(errs, checkTag("tag_env", i, label))
	}
	return errors.Join(errs...)
}

var tagName = regexp.MustCompile(`^[\w.:/-]+$`)

func checkTag(key string, index int, label string) error {
	switch {
	case !tagName.MatchString(label):
		return conf.Item(key, index, "%q cannot be the name of a label: letters, digits and _ . : / - only", label)
	case telemetry.Reserved(label):
		return conf.Item(key, index, "%q is set on every series: choose another label", label)
	}
	return nil
}

// parseEndpoint parses an endpoint: unix://, tcp://, http://, https://.
func (c *Config) parseEndpoint(endpoint string) (httpx.Address, error) {
	scheme, rest, _ := strings.Cut(endpoint, "://")
	switch scheme {
	case "tcp":
		scheme = "http"
		if c.usesTLS() || strings.HasSuffix(strings.TrimRight(rest, "/"), ":2376") { // IANA: docker-s
			scheme = "https"
		}
		if u, err := url.Parse("tcp://" + rest); err == nil && u.Port() == "" {
			u.Host += map[string]string{"http": ":2375", "https": ":2376"}[scheme]
			_, rest, _ = strings.Cut(u.String(), "://")
		}
		endpoint = scheme + "://" + rest
	case "npipe":
		return httpx.Address{}, errors.New("named pipes are not supported: let Docker listen on tcp://localhost:2375, and use that")
	case "ssh", "fd":
		return httpx.Address{}, errors.New("must be unix://, tcp:// or https://: " + scheme + " is not supported")
	}
	a, err := httpx.ParseURL(endpoint)
	if err != nil {
		return a, errors.New("must be " + defaultSocket + ", tcp://host:2375 or https://host:2376")
	}
	return a, nil
}

func (c *Config) usesTLS() bool {
	return c.TLS.CA != "" || c.TLS.Cert != "" || c.TLS.InsecureSkipVerify
}

// resolveEndpoint returns the address of the daemon from the settings, or from the environment variables that Docker's own client uses.
func (c *Config) resolveEndpoint(getenv func(string) string) (httpx.Address, error) {
	if c.Endpoint != "" {
		return c.parseEndpoint(c.Endpoint)
	}
	if dir := getenv("DOCKER_CERT_PATH"); dir != "" && getenv("DOCKER_TLS_VERIFY") != "" && !c.usesTLS() {
		c.TLS.CA, c.TLS.Cert, c.TLS.Key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	}
	a, err := c.parseEndpoint(cmp.Or(getenv("DOCKER_HOST"), defaultSocket))
	if err != nil {
		return a, errors.New("the variable DOCKER_HOST " + err.Error())
	}
	return a, nil
}

// serverLabel returns the label that distinguishes several daemons. It is empty for the daemon at Docker's default socket, which keeps
// the keys of its containers short.
func serverLabel(a httpx.Address) telemetry.Label {
	l := telemetry.Label{Key: "server", Value: a.HostPort()}
	if a.Scheme == "unix" && (a.Host == "/var/run/docker.sock" || a.Host == "/run/docker.sock") {
		l.Value = ""
	}
	return l
}

// patterns are like match.List, except that a plain word also matches as a substring, as in the Python rtcollector.
type patterns match.List

func (l patterns) matchName(name string) bool {
	for _, p := range l {
		if p.Match(name) || strings.Contains(name, p.String()) {
			return true
		}
	}
	return false
}

func (n *Names) includesContainer(name string, l *listedContainer) bool {
	return (len(n.NameInclude) == 0 || n.NameInclude.matchName(name)) && !n.NameExclude.matchName(name) &&
		(len(n.ImageInclude) == 0 || n.ImageInclude.matchName(l.Image)) && !n.ImageExclude.matchName(l.Image) &&
		n.includesState(l.State) && n.includesLabels(l)
}

func (n *Names) includesState(state string) bool {
	return (len(n.StateInclude) == 0 || n.StateInclude.Match(state)) && !n.StateExclude.Match(state)
}

// includesStopped reports whether the settings include stopped containers.
func (n *Names) includesStopped() bool {
	for _, state := range []string{"created", "exited", "dead"} {
		if n.includesState(state) {
			return true
		}
	}
	return false
}

func (n *Names) includesLabels(l *listedContainer) bool {
	if len(n.LabelInclude)+len(n.LabelExclude) == 0 {
		return true
	}
	included, excluded := len(n.LabelInclude) == 0, false
	for name, value := range l.decodeLabels() {
		pair := name + "=" + value
		included = included || n.LabelInclude.Match(name) || n.LabelInclude.Match(pair)
		excluded = excluded || n.LabelExclude.Match(name) || n.LabelExclude.Match(pair)
	}
	return included && !excluded
}
