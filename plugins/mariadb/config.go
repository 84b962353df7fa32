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

// Config says where the server is and what is read.
type Config struct {
	Place `yaml:",inline"`

	Variables          match.List        `yaml:"variables"` // system variables
	CollectProcesses   bool              `yaml:"collect_processes"`
	CollectReplication bool              `yaml:"collect_replication"`
	UserStatistics     bool              `yaml:"user_statistics"`
	Queries            []sqlseries.Query `yaml:"queries"`

	Nested *Nested `yaml:"mariadb"` // the same settings in a map, as the predecessor took them

	statusNames match.List // of status variables
}

// TakeMetricList implements plugins.ListTaker: a list below "metrics" names status variables, as in the predecessor.
func (c *Config) TakeMetricList(names match.List) { c.statusNames = names }

// Place is where the server is, and as whom it is asked.
type Place struct {
	Host     string       `yaml:"host"`
	Port     int          `yaml:"port"`
	Socket   string       `yaml:"socket"` // instead of host and port
	User     string       `yaml:"user"`
	Password secret.Ref   `yaml:"password"`
	Database string       `yaml:"database"` // for queries of the user's own
	TLS      *tlsx.Config `yaml:"tls"`
	Hostname string       `yaml:"hostname" conf:"public"` // the label server; "": host:port
}

// Nested is what the predecessor took below a second "mariadb:".
type Nested struct {
	Place   `yaml:",inline"`
	Metrics match.List `yaml:"metrics"`
}

const (
	defaultHost = "localhost"
	defaultPort = 3306
)

func defaults() Config {
	return Config{
		Place:       Place{Host: defaultHost, Port: defaultPort, User: "root"},
		statusNames: defaultStatus(),
		Variables: match.NewList("max_connections", "innodb_buffer_pool_size", "innodb_log_file_size", "table_open_cache", "table_definition_cache",
			"open_files_limit", "thread_cache_size", "max_prepared_stmt_count", "read_only"),
		CollectProcesses: true, CollectReplication: true,
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	p := c.place()
	if p.Socket != "" && (p.Host != defaultHost || p.Port != defaultPort) {
		errs = append(errs, conf.Key("socket", "stands instead of host and port: use one or the other"))
	}
	if p.Socket != "" && p.TLS != nil {
		errs = append(errs, conf.Key("tls", "is not spoken through a socket of this machine: leave it out"))
	}
	if p.Host == "" {
		errs = append(errs, conf.Key("host", "must not be empty"))
	}
	if p.Port < 1 || p.Port > 65535 {
		errs = append(errs, conf.Key("port", "must be 1 to 65535, not %d", p.Port))
	}
	return errors.Join(append(errs, sqlseries.Unique(c.Queries))...)
}

// place is where the server is; what is nested goes before what stands beside it.
func (c *Config) place() Place {
	p := c.Place
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

func (c *Config) status() match.List {
	if c.Nested != nil && len(c.Nested.Metrics) > 0 {
		return c.Nested.Metrics
	}
	return c.statusNames
}

// address is where the server is, for messages and for the driver.
func (p *Place) address() (network, addr string) {
	if p.Socket != "" {
		return "unix", p.Socket
	}
	return "tcp", net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
}

// server is how the server is called in labels.
func (p *Place) server() string {
	if p.Hostname != "" {
		return p.Hostname
	}
	_, addr := p.address()
	return addr
}
