// Package httpx is the one place that turns settings into HTTP clients: a [Config] that inputs inline, and a [Target]
// for each URL, whose connection is kept between gathers and whose errors say what to do. A [Group] of them is an input.
package httpx

import (
	"context"
	_ "embed"
	"errors"
	"net/url"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Readme documents the settings of [Config]; whoever inlines it appends this to a README of its own.
//
//go:embed README.md
var Readme string

// Config are the settings of everything that speaks HTTP; inputs inline it. The time limit is the context's.
type Config struct {
	Username        secret.Ref            `yaml:"username"`
	Password        secret.Ref            `yaml:"password"`
	BearerToken     secret.Ref            `yaml:"bearer_token"` // instead of username and password
	Headers         map[string]secret.Ref `yaml:"headers"`
	TLS             tlsx.Config           `yaml:"tls"`
	Proxy           secret.Ref            `yaml:"proxy"` // a URL; the environment's proxies are not used
	FollowRedirects bool                  `yaml:"follow_redirects"`

	pool *pool // shared by all targets of an input; nil: there is no limit
}

// Defaults follows redirects.
func Defaults() Config { return Config{FollowRedirects: true, pool: &pool{}} }

// Validate implements conf.Validator. Structs that inline Config and have rules of their own call it from these.
func (c *Config) Validate() error {
	var errs []error
	if !c.BearerToken.IsZero() && !c.Username.IsZero() {
		errs = append(errs, conf.Key("bearer_token", "stands instead of username and password: use one or the other"))
	}
	if c.Username.IsZero() && !c.Password.IsZero() {
		errs = append(errs, conf.Key("password", "needs a username"))
	}
	for name := range c.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, conf.Key("headers", "%q cannot be the name of a header", name))
		}
	}
	if text, ok := literal(c.Proxy); ok {
		if _, err := parseProxy(text); err != nil {
			errs = append(errs, conf.Key("proxy", "%s", err))
		}
	}
	return errors.Join(errs...)
}

// parseProxy reads the URL of a proxy. Its error does not repeat it: it may have a password in it.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return nil, errors.New("must be a URL such as http://proxy:3128, https://user:password@proxy:443 or socks5://proxy:1080")
	}
	return u, nil
}

// noStore refuses every reference, so that resolving with it tells literals from references.
type noStore struct{}

func (noStore) Secret(context.Context, string) (string, error) { return "", errors.New("no store") }

// literal returns a configured text that is there already, not in a secret store.
func literal(r secret.Ref) (string, bool) {
	if r.IsZero() {
		return "", false
	}
	text, err := r.Resolve(context.Background(), noStore{})
	return text, err == nil
}
