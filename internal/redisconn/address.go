package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// address holds where a Redis is and how to log in.
type address struct {
	network  string // tcp or unix
	addr     string // host:port or a path; never credentials, so it may be printed
	db       int
	username string
	password string
	tls      *tlsx.Config // nil: no TLS
}

// None of these errors repeats the URL, because it may contain a password.
var (
	errURL   = errors.New("must be a URL such as redis://host:6379/0, rediss://host:6379 or unix:///run/redis.sock?db=0")
	errQuery = errors.New("has an unknown query; only unix:// has one, db")
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
		if u.Scheme == "rediss" {
			a.tls = &tlsx.Config{}
		}
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

func hostPort(u *url.URL, port int) string {
	p := u.Port()
	if p == "" {
		p = strconv.Itoa(port)
	}
	return net.JoinHostPort(u.Hostname(), p)
}

// withPort completes "host" or "host:port".
func withPort(text string, port int) (string, error) {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), strconv.Itoa(port)
	}
	n, err := strconv.Atoi(p)
	if err != nil || n < 1 || n > 65535 || checkHost(host) != nil {
		return "", fmt.Errorf("must be an address such as 10.0.0.1:%d or [fd00::1]:%d, not %q", port, port, text)
	}
	return net.JoinHostPort(host, p), nil
}

func withPorts(texts []string, port int) []string {
	var out []string
	for _, t := range texts {
		if a, err := withPort(t, port); err == nil { // Validate has checked them
			out = append(out, a)
		}
	}
	return out
}

// resolve returns the address of a single server. It asks the store for settings that refer to it.
func (c *Config) resolve(ctx context.Context, store secret.Resolver) (address, error) {
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
	if t := c.tls(); t != nil {
		a.tls = t
	} else if a.tls != nil { // rediss:// with the predecessor's files
		a.tls = &tlsx.Config{CA: c.SSLCACerts, Cert: c.SSLCertfile, Key: c.SSLKeyfile}
	}
	return a, nil
}

// credentials resolves username and password. It runs for every new connection, so a rotated password is used at once. The separate
// settings take precedence over those in the URL.
func (c *Config) credentials(ctx context.Context, store secret.Resolver) (username, password string, err error) {
	if !c.URL.IsZero() {
		a, err := c.resolve(ctx, store)
		if err != nil {
			return "", "", err
		}
		username, password = a.username, a.password
	}
	if !c.Username.IsZero() {
		if username, err = c.Username.Resolve(ctx, store); err != nil {
			return "", "", err
		}
	}
	if !c.Password.IsZero() {
		if password, err = c.Password.Resolve(ctx, store); err != nil {
			return "", "", err
		}
	}
	return username, password, nil
}
