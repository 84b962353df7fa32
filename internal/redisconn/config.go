// Package redisconn turns connection settings into clients. [Client] is a go-redis client for single commands and pipelines. [Pipe]
// is a connection for callers that write RESP themselves. [Shards] holds one pipe per master of a cluster.
//
// Files in reading order: config.go (settings), address.go (URLs and credentials), dial.go, sentinel.go and socks.go (how a
// connection is made), patient.go and peer.go (what wraps it), client.go, pipe.go, reply.go and append.go (RESP), shards.go and slot.go
// (clusters), explain.go and replyclass.go (what errors mean), inspect.go (what "check --connect" reports).
package redisconn

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/netx"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Readme documents the settings of [Config]. Components that inline Config append it to their own README.
//
//go:embed README.md
var Readme string

// Config holds the connection settings of everything that talks to Redis. Outputs inline it.
type Config struct {
	URL      secret.Ref `yaml:"url"` // instead of host, port, db
	Host     string     `yaml:"host"`
	Port     int        `yaml:"port"`
	DB       int        `yaml:"db"`
	Sentinel *Sentinel  `yaml:"sentinel"` // instead of url, host, port
	Cluster  []string   `yaml:"cluster"`  // some of its nodes, instead of url, host, port, db

	Username secret.Ref `yaml:"username"`
	Password secret.Ref `yaml:"password"`

	TLS         *tlsx.Config `yaml:"tls"` // not nil: use TLS
	SSL         bool         `yaml:"ssl"` // the predecessor's names for these settings
	SSLCACerts  string       `yaml:"ssl_ca_certs"`
	SSLCertfile string       `yaml:"ssl_certfile"`
	SSLKeyfile  string       `yaml:"ssl_keyfile"`

	SOCKS5Proxy secret.Ref `yaml:"socks5_proxy"`
	SOCKS4Proxy secret.Ref `yaml:"socks4_proxy"`
	HTTPProxy   string     `yaml:"http_proxy" conf:"ignored"` // the predecessor accepted it and never read it

	ConnectTimeout conf.Duration `yaml:"connect_timeout"`           // for each of: connection, proxy, handshake, Sentinel
	Timeout        conf.Duration `yaml:"timeout"`                   // of silence on the connection, while a reply is expected
	ClientName     string        `yaml:"client_name" conf:"public"` // what CLIENT LIST shows

	Dial func(ctx context.Context, network, addr string) (net.Conn, error) `yaml:"-"` // instead of the network; for tests

	searches bool // replies may be large
}

// ForSearches returns settings that allow larger replies, for reading documents and samples.
func (c Config) ForSearches() Config {
	c.searches = true
	return c
}

// Sentinel holds the settings for finding a master by its name.
type Sentinel struct {
	Master    string     `yaml:"master"`
	Addresses []string   `yaml:"addresses"`
	Username  secret.Ref `yaml:"username"` // of the Sentinels themselves
	Password  secret.Ref `yaml:"password"`
}

const (
	defaultHost         = "localhost"
	defaultPort         = 6379
	defaultSentinelPort = 26379
)

// Defaults returns the settings for a Redis on this machine without a password.
func Defaults() Config {
	return Config{
		Host: defaultHost, Port: defaultPort, ClientName: "rtcollector",
		ConnectTimeout: conf.Duration(5 * time.Second), Timeout: conf.Duration(10 * time.Second),
	}
}

// Validate implements conf.Validator. Structs that inline Config call it from their own Validate.
func (c *Config) Validate() error {
	return errors.Join(c.validatePlace(), c.validateAddress(), c.validateTLS(), c.validateProxy(), c.validateRest())
}

// validatePlace checks that there is only one description of where Redis is.
func (c *Config) validatePlace() error {
	single := c.Host != defaultHost || c.Port != defaultPort
	var errs []error
	if !c.URL.IsZero() && (single || c.DB != 0) {
		errs = append(errs, conf.Key("url", "replaces host, port and db: use one or the other"))
	}
	if c.Sentinel != nil && (single || !c.URL.IsZero()) {
		errs = append(errs, conf.Key("sentinel", "replaces url, host and port: use one or the other"))
	}
	switch {
	case c.Cluster != nil && len(c.Cluster) == 0:
		errs = append(errs, conf.Key("cluster", "is empty: list some of its nodes, as host:6379"))
	case len(c.Cluster) == 0:
	case single || !c.URL.IsZero():
		errs = append(errs, conf.Key("cluster", "replaces url, host and port: use one or the other"))
	case c.Sentinel != nil:
		errs = append(errs, conf.Key("cluster", "needs no sentinel: its nodes take over from each other"))
	case c.DB != 0:
		errs = append(errs, conf.Key("db", "must be 0: a cluster has no other"))
	}
	return errors.Join(errs...)
}

func (c *Config) validateAddress() error {
	var errs []error
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, conf.Key("port", "must be 1 to 65535, not %d", c.Port))
	}
	if err := checkHost(c.Host); err != nil {
		errs = append(errs, conf.Key("host", "%s", err))
	}
	if c.DB < 0 {
		errs = append(errs, conf.Key("db", "must not be negative"))
	}
	if text, ok := literal(c.URL); ok {
		if _, err := parseURL(text); err != nil {
			errs = append(errs, conf.Key("url", "%s", err))
		}
	}
	for i, a := range c.Cluster {
		if _, err := withPort(a, defaultPort); err != nil {
			errs = append(errs, conf.Item("cluster", i, "%s", err))
		}
	}
	return errors.Join(errs...)
}

func checkHost(host string) error {
	switch {
	case host == "":
		return errors.New("must not be empty")
	case strings.Contains(host, "/"):
		return errors.New("must be a name or an address; a URL belongs to the key url")
	case strings.Contains(host, ":") && net.ParseIP(host) == nil:
		return errors.New("must be a name or an address without brackets; the port belongs to the key port")
	}
	return nil
}

// Validate implements conf.Validator.
func (s *Sentinel) Validate() error {
	var errs []error
	if s.Master == "" {
		errs = append(errs, conf.Key("master", "is missing: the name that the Sentinels know the master by, often mymaster"))
	}
	if !s.Username.IsZero() && s.Password.IsZero() {
		errs = append(errs, conf.Key("username", "needs a password"))
	}
	if len(s.Addresses) == 0 {
		errs = append(errs, conf.Key("addresses", "is missing: some of the Sentinels, as host:26379"))
	}
	for i, a := range s.Addresses {
		if _, err := withPort(a, defaultSentinelPort); err != nil {
			errs = append(errs, conf.Item("addresses", i, "%s", err))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateTLS() error {
	if (c.SSLCertfile == "") != (c.SSLKeyfile == "") {
		return conf.Key("ssl_certfile", "needs ssl_keyfile, and vice versa")
	}
	if c.TLS != nil && c.SSLCACerts+c.SSLCertfile != "" {
		return conf.Key("tls", "replaces ssl_ca_certs, ssl_certfile and ssl_keyfile: use one or the other")
	}
	return nil
}

// tls returns the TLS settings, or nil without TLS.
func (c *Config) tls() *tlsx.Config {
	switch {
	case c.TLS != nil:
		return c.TLS
	case c.SSL:
		return &tlsx.Config{CA: c.SSLCACerts, Cert: c.SSLCertfile, Key: c.SSLKeyfile}
	}
	return nil
}

func (c *Config) validateProxy() error {
	var errs []error
	if !c.SOCKS4Proxy.IsZero() && !c.SOCKS5Proxy.IsZero() {
		errs = append(errs, conf.Key("socks4_proxy", "replaces socks5_proxy: use one or the other"))
	}
	if text, _ := literal(c.URL); strings.HasPrefix(text, "unix:") && (!c.SOCKS4Proxy.IsZero() || !c.SOCKS5Proxy.IsZero()) {
		errs = append(errs, conf.Key("url", "names a socket of this machine, which needs no proxy: leave one of them out"))
	}
	if text, ok := literal(c.SOCKS5Proxy); ok {
		if _, err := netx.ParseSOCKS5(text); err != nil {
			errs = append(errs, conf.Key("socks5_proxy", "%s", err))
		}
	}
	if text, ok := literal(c.SOCKS4Proxy); ok {
		if _, err := parseSOCKS4(text); err != nil {
			errs = append(errs, conf.Key("socks4_proxy", "%s", err))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateRest() error {
	var errs []error
	if !c.Username.IsZero() && c.Password.IsZero() && c.URL.IsZero() {
		errs = append(errs, conf.Key("username", "needs a password"))
	}
	const shortest = 100 * time.Millisecond
	if c.ConnectTimeout.D() < shortest {
		errs = append(errs, conf.Key("connect_timeout", "must be at least %v", shortest))
	}
	if c.Timeout.D() < shortest {
		errs = append(errs, conf.Key("timeout", "must be at least %v", shortest))
	}
	if strings.ContainsFunc(c.ClientName, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, conf.Key("client_name", "must consist of printable ASCII without blanks: Redis accepts nothing else"))
	}
	return errors.Join(errs...)
}

// noStore refuses every reference. It tells literals from references.
type noStore struct{}

func (noStore) Secret(context.Context, string) (string, error) {
	return "", errors.New("no store")
}

// literal returns a configured text. ok is false if the text is in a secret store.
func literal(r secret.Ref) (text string, ok bool) {
	if r.IsZero() {
		return "", false
	}
	text, err := r.Resolve(context.Background(), noStore{})
	return text, err == nil
}
