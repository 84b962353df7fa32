package config

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// DefaultWebListen is the address of the web server.
const DefaultWebListen = "127.0.0.1:8642"

// Web holds the settings "web:" of the web server. See docs/web.md.
type Web struct {
	Listen         string         `yaml:"listen" conf:"public"` // "": DefaultWebListen
	Auth           *httpauth.Auth `yaml:"auth"`                 // nil: not configured, which only suits addresses of this machine
	TLS            tlsx.Server    `yaml:",inline"`
	Hosts          []string       `yaml:"hosts" conf:"public"`        // more names that browsers may use for this server
	CORSOrigins    []string       `yaml:"cors_origins" conf:"public"` // pages of other servers that may use the API
	MaxConnections int            `yaml:"max_connections"`            // 0: 256
	Limits         WebLimits      `yaml:"limits"`
}

// WebLimits bound what one query may cost. 0 is the default of query.Limits.
type WebLimits struct {
	Lookback   conf.Duration `yaml:"lookback_delta"`
	Timeout    conf.Duration `yaml:"timeout"`
	Samples    int           `yaml:"samples"`
	Series     int           `yaml:"series"`
	Concurrent int           `yaml:"concurrent"`
}

// Address returns the address to listen on.
func (w *Web) Address() string {
	if w.Listen == "" {
		return DefaultWebListen
	}
	return w.Listen
}

// IsLocal reports whether only this machine can reach the address.
func (w *Web) IsLocal() bool { return httpauth.IsLocal(w.Address()) }

// Validate implements conf.Validator.
func (w *Web) Validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(w.Address()); err != nil || port == "" {
		errs = append(errs, conf.Key("listen", "must be an address and a port, such as %s or 0.0.0.0:8642", DefaultWebListen))
	} else if !w.IsLocal() && w.Auth == nil {
		errs = append(errs, conf.Key("listen", `is an address that other machines can reach: add "auth: {token: secret:web/token}", or "auth: none" to let everybody in`))
	}
	for i, h := range w.Hosts {
		if _, err := url.Parse("http://" + h); err != nil || h == "" || strings.ContainsAny(h, "/:*@ ") {
			errs = append(errs, conf.Item("hosts", i, "must be a name without scheme and port, such as metrics.lan"))
		}
	}
	for i, o := range w.CORSOrigins {
		u, err := url.Parse(o)
		if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" || u.Scheme+"://"+u.Host != o {
			errs = append(errs, conf.Item("cors_origins", i, "must be like https://grafana.lan:3000, without a path"))
		}
	}
	if w.MaxConnections < 0 {
		errs = append(errs, conf.Key("max_connections", "must not be negative; 0 is the default, 256"))
	}
	return errors.Join(append(errs, w.TLS.Validate())...)
}

// Validate implements conf.Validator.
func (l *WebLimits) Validate() error {
	var errs []error
	for _, n := range []struct {
		key   string
		value int
	}{{"samples", l.Samples}, {"series", l.Series}, {"concurrent", l.Concurrent}} {
		if n.value < 0 {
			errs = append(errs, conf.Key(n.key, "must not be negative; 0 is the default"))
		}
	}
	return errors.Join(errs...)
}
