// Package httpx makes HTTP clients from settings. Inputs inline a [Config] and make a [Target] for each URL. A target keeps its
// connection between gathers, and its errors say what to do. A [Group] of servers is an input.
//
// config.go has the settings and address.go parses URLs. target.go requests pages, with dial.go, redirect.go and encoding.go for
// connections, redirects and compressed answers. pool.go bounds the memory of pages. explain.go makes errors readable. pages.go and
// group.go serve inputs that read one page from each of several servers.
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

// Readme documents the settings of [Config]. Inputs that inline it append this to their README.
//
//go:embed README.md
var Readme string

// Config has the settings that all inputs for HTTP share. It has no timeout, because the context has one.
type Config struct {
	Username        secret.Ref            `yaml:"username"`
	Password        secret.Ref            `yaml:"password"`
	BearerToken     secret.Ref            `yaml:"bearer_token"` // instead of username and password
	Headers         map[string]secret.Ref `yaml:"headers"`
	TLS             tlsx.Config           `yaml:"tls"`
	Proxy           secret.Ref            `yaml:"proxy"` // a URL; the proxies of the environment are not used
	FollowRedirects bool                  `yaml:"follow_redirects"`

	pool *pageBudget // shared by all targets of an input; nil: no limit
}

// Defaults returns the default settings, which follow redirects.
func Defaults() Config { return Config{FollowRedirects: true, pool: &pageBudget{}} }

// Validate implements conf.Validator. A struct that inlines Config and has its own Validate must call it.
func (c *Config) Validate() error {
	var errs []error
	if !c.BearerToken.IsZero() && !c.Username.IsZero() {
		errs = append(errs, conf.Key("bearer_token", "replaces username and password: use one or the other"))
	}
	if c.Username.IsZero() && !c.Password.IsZero() {
		errs = append(errs, conf.Key("password", "needs a username"))
	}
	for name := range c.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, conf.Key("headers", "%q cannot be the name of a header", name))
		}
	}
	if text, ok := literalText(c.Proxy); ok {
		if _, err := parseProxy(text); err != nil {
			errs = append(errs, conf.Key("proxy", "%s", err))
		}
	}
	return errors.Join(errs...)
}

// parseProxy parses the URL of a proxy. The error does not repeat the URL, which may contain a password.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return nil, errors.New("must be a URL such as http://proxy:3128, https://user:password@proxy:443 or socks5://proxy:1080")
	}
	return u, nil
}

// noStore rejects every reference. Resolving with it succeeds for literals only.
type noStore struct{}

func (noStore) Secret(context.Context, string) (string, error) { return "", errors.New("no store") }

// literalText returns the text of a value that is not a reference to a secret store.
func literalText(r secret.Ref) (string, bool) {
	if r.IsZero() {
		return "", false
	}
	text, err := r.Resolve(context.Background(), noStore{})
	return text, err == nil
}
