// Package redisconn is the one place that turns connection settings into clients: go-redis for everything it does well
// (dialling, TLS, authentication, single commands and pipelines), and a [Pipe] for those who write RESP themselves.
package redisconn

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/secrets"
)

// Config are the connection settings of everything that speaks to Redis; outputs inline it.
type Config struct {
	URL         secrets.Ref `yaml:"url"` // instead of host, port, db
	Host        string      `yaml:"host"`
	Port        int         `yaml:"port"`
	DB          int         `yaml:"db"`
	Username    secrets.Ref `yaml:"username"`
	Password    secrets.Ref `yaml:"password"`
	SSL         bool        `yaml:"ssl"`
	SSLCACerts  string      `yaml:"ssl_ca_certs"`
	SSLCertfile string      `yaml:"ssl_certfile"`
	SSLKeyfile  string      `yaml:"ssl_keyfile"`
	SOCKS5Proxy secrets.Ref `yaml:"socks5_proxy"`
	SOCKS4Proxy secrets.Ref `yaml:"socks4_proxy"`
	HTTPProxy   string      `yaml:"http_proxy" conf:"ignored"` // the predecessor accepted it and never read it
}

const (
	defaultHost = "localhost"
	defaultPort = 6379
)

// Defaults is a Redis on this machine, without a password.
func Defaults() Config { return Config{Host: defaultHost, Port: defaultPort} }

// Validate implements conf.Validator. Structs that inline Config call it from their own Validate.
func (c *Config) Validate() error {
	return errors.Join(c.validateAddress(), c.validateTLS(), c.validateProxy())
}

func (c *Config) validateAddress() error {
	var errs []error
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, conf.Key("port", "must be 1 to 65535, not %d", c.Port))
	}
	switch {
	case c.Host == "":
		errs = append(errs, conf.Key("host", "must not be empty"))
	case strings.Contains(c.Host, "/"):
		errs = append(errs, conf.Key("host", "must be a name or an address; a URL is written behind url"))
	case strings.Contains(c.Host, ":") && net.ParseIP(c.Host) == nil:
		errs = append(errs, conf.Key("host", "must be a name or an address without brackets; the port is written behind port"))
	}
	if c.DB < 0 {
		errs = append(errs, conf.Key("db", "must not be negative"))
	}
	if c.URL.IsZero() {
		return errors.Join(errs...)
	}
	if c.Host != defaultHost || c.Port != defaultPort || c.DB != 0 {
		errs = append(errs, conf.Key("url", "stands instead of host, port and db: use one or the other"))
	}
	if text, ok := literal(c.URL); ok {
		if _, err := parseURL(text); err != nil {
			errs = append(errs, conf.Key("url", "%s", err))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateTLS() error {
	if (c.SSLCertfile == "") != (c.SSLKeyfile == "") {
		return conf.Key("ssl_certfile", "needs ssl_keyfile, and the other way round")
	}
	return nil
}

func (c *Config) validateProxy() error {
	var errs []error
	if !c.SOCKS4Proxy.IsZero() {
		errs = append(errs, conf.Key("socks4_proxy", "is not supported yet: use socks5_proxy"))
	}
	if text, ok := literal(c.SOCKS5Proxy); ok {
		if _, err := parseProxy(text); err != nil {
			errs = append(errs, conf.Key("socks5_proxy", "%s", err))
		}
	}
	return errors.Join(errs...)
}

// noStore refuses every reference, so that resolving with it tells literals from references.
type noStore struct{}

func (noStore) Secret(context.Context, string) (string, error) {
	return "", errors.New("no store")
}

// literal returns a configured text that is there already, not in a secret store.
func literal(r secrets.Ref) (string, bool) {
	if r.IsZero() {
		return "", false
	}
	text, err := r.Resolve(context.Background(), noStore{})
	return text, err == nil
}

// address is where a Redis is and what to say to it.
type address struct {
	network  string // tcp or unix
	addr     string // host:port or a path; never credentials, so that it may be shown
	db       int
	username string
	password string
	tls      bool
}

// None of the errors repeats the URL: it may contain a password.
var (
	errURL   = errors.New("must be a URL such as redis://host:6379/0, rediss://host:6379 or unix:///run/redis.sock?db=0")
	errQuery = errors.New("has a query this program does not know; only unix:// takes one, db")
	errProxy = errors.New("must be a URL such as socks5://user:password@host:1080")
)

func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" { // an unescaped # in a password would cut the URL in two
		return address{}, errURL
	}
	a := address{network: "tcp", username: u.User.Username()}
	a.password, _ = u.User.Password()
	switch u.Scheme {
	case "redis", "rediss":
		a.tls = u.Scheme == "rediss"
		if u.RawQuery != "" {
			return address{}, errQuery
		}
		if u.Hostname() == "" {
			return address{}, errURL
		}
		a.addr = hostPort(u, defaultPort)
		return a, a.setDB(strings.Trim(u.Path, "/"))
	case "unix":
		return parseUnix(u, a)
	}
	return address{}, errURL
}

func parseUnix(u *url.URL, a address) (address, error) {
	a.network, a.addr = "unix", u.Path
	if u.Path == "" || u.Host != "" {
		return address{}, errURL
	}
	for key := range u.Query() {
		if key != "db" {
			return address{}, errQuery
		}
	}
	return a, a.setDB(u.Query().Get("db"))
}

func (a *address) setDB(text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("must name the database by its number")
	}
	a.db = n
	return nil
}

func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "socks5" || u.Hostname() == "" {
		return nil, errProxy
	}
	return u, nil
}

func hostPort(u *url.URL, port int) string {
	p := u.Port()
	if p == "" {
		p = strconv.Itoa(port)
	}
	return net.JoinHostPort(u.Hostname(), p)
}

// resolve finds the address, asking the store where a setting refers to it. Username and password of their own win
// over those in the URL.
func (c *Config) resolve(ctx context.Context, store secrets.Resolver) (address, error) {
	a := address{network: "tcp", addr: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), db: c.DB}
	if !c.URL.IsZero() {
		text, err := c.URL.Resolve(ctx, store)
		if err != nil {
			return address{}, err
		}
		if a, err = parseURL(text); err != nil {
			return address{}, conf.Key("url", "%s", err)
		}
	}
	a.tls = a.tls || c.SSL
	return a, nil
}

// credentials resolves username and password; it runs for every new connection, so that a rotated password is found.
func (c *Config) credentials(ctx context.Context, store secrets.Resolver, a address) (username, password string, err error) {
	username, password = a.username, a.password
	if !c.Username.IsZero() {
		if username, err = c.Username.Resolve(ctx, store); err != nil {
			return "", "", secretError{err}
		}
	}
	if !c.Password.IsZero() {
		if password, err = c.Password.Resolve(ctx, store); err != nil {
			return "", "", secretError{err}
		}
	}
	return username, password, nil
}

// secretError is an error of a secret store, which Redis is not to blame for.
type secretError struct{ error }

func (e secretError) Unwrap() error { return e.error }
