package mariadbinput

import (
	"errors"
	"net"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Config is the address of the server and what the input reads.
type Config struct {
	Endpoint `yaml:",inline"`

	Variables          match.List        `yaml:"variables"` // system variables
	CollectProcesses   bool              `yaml:"collect_processes"`
	CollectReplication bool              `yaml:"collect_replication"`
	UserStatistics     bool              `yaml:"user_statistics"`
	Queries            []sqlseries.Query `yaml:"queries"`

	Nested *Nested `yaml:"mariadb"` // the same settings in a map, as in the Python rtcollector

	statusNames match.List // of status variables
}

// TakeMetricList implements plugins.ListTaker: a list in "metrics" names status variables, as in the Python rtcollector.
func (c *Config) TakeMetricList(names match.List) { c.statusNames = names }

// Endpoint is the address of the server and the user.
type Endpoint struct {
	Host     string       `yaml:"host"`
	Port     int          `yaml:"port"`
	Socket   string       `yaml:"socket"` // instead of host and port
	User     string       `yaml:"user"`
	Password secret.Ref   `yaml:"password"`
	Database string       `yaml:"database"` // default database of the user's own queries
	TLS      *tlsx.Config `yaml:"tls"`
	Hostname string       `yaml:"hostname" conf:"public"` // value of the label server; "": host:port
}

// Nested is the map below a second "mariadb:", as in the Python rtcollector.
type Nested struct {
	Endpoint `yaml:",inline"`
	Metrics  match.List `yaml:"metrics"`
}

const (
	defaultHost = "localhost"
	defaultPort = 3306
)

func defaults() Config {
	return Config{
		Endpoint:    Endpoint{Host: defaultHost, Port: defaultPort, User: "root"},
		statusNames: defaultStatusNames(),
		Variables: match.NewList("max_connections", "innodb_buffer_pool_size", "innodb_log_file_size", "table_open_cache", "table_definition_cache",
			"open_files_limit", "thread_cache_size", "max_prepared_stmt_count", "read_only"),
		CollectProcesses: true, CollectReplication: true,
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	p := c.endpoint()
	if p.Socket != "" && (p.Host != defaultHost || p.Port != defaultPort) {
		errs = append(errs, conf.Key("socket", "replaces host and port: set either socket or those"))
	}
	if p.Socket != "" && p.TLS != nil {
		errs = append(errs, conf.Key("tls", "is not used with a local socket: remove it"))
	}
	if p.Host == "" {
		errs = append(errs, conf.Key("host", "must not be empty"))
	}
	if p.Port < 1 || p.Port > 65535 {
		errs = append(errs, conf.Key("port", "must be 1 to 65535, not %d", p.Port))
	}
	return errors.Join(append(errs, sqlseries.CheckUnique(c.Queries))...)
}

// endpoint returns the endpoint. Settings in the nested map take precedence.
func (c *Config) endpoint() Endpoint {
	p := c.Endpoint
	n := c.Nested
	if n == nil {
		return p
	}
	for _, s := range []struct {
		to   *string
		from string
	}{{&p.Host, n.Host}, {&p.Socket, n.Socket}, {&p.User, n.User}, {&p.Database, n.Database}, {&p.Hostname, n.Hostname}} {
		if s.from != "" {
			*s.to = s.from
		}
	}
	if n.Port != 0 {
		p.Port = n.Port
	}
	if !n.Password.IsZero() {
		p.Password = n.Password
	}
	if n.TLS != nil {
		p.TLS = n.TLS
	}
	return p
}

// wantedStatus returns the status variables to write.
func (c *Config) wantedStatus() match.List {
	if c.Nested != nil && len(c.Nested.Metrics) > 0 {
		return c.Nested.Metrics
	}
	return c.statusNames
}

// address returns the address of the server for messages and for the driver.
func (p *Endpoint) address() (network, addr string) {
	if p.Socket != "" {
		return "unix", p.Socket
	}
	return "tcp", net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
}

// serverLabel returns the value of the label server.
func (p *Endpoint) serverLabel() string {
	if p.Hostname != "" {
		return p.Hostname
	}
	_, addr := p.address()
	return addr
}
