package config

import (
	"cmp"
	"errors"
	"net"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// DefaultHealthListen is the address of the server for health checks.
const DefaultHealthListen = "127.0.0.1:8643"

// Health holds the settings "health:" of the server for health checks, which needs no web server. See docs/operating.md.
type Health struct {
	Listen string         `yaml:"listen" conf:"public"` // "": DefaultHealthListen
	Auth   *httpauth.Auth `yaml:"auth"`                 // nil: not configured, which only suits addresses of this machine
	TLS    tlsx.Server    `yaml:",inline"`
}

// Address returns the address to listen on.
func (h *Health) Address() string { return cmp.Or(h.Listen, DefaultHealthListen) }

// Validate implements conf.Validator.
func (h *Health) Validate() error {
	var err error
	if _, port, split := net.SplitHostPort(h.Address()); split != nil || port == "" {
		err = conf.Key("listen", "must be an address and a port, such as %s or 0.0.0.0:8643", DefaultHealthListen)
	} else if !httpauth.IsLocal(h.Address()) && h.Auth == nil {
		err = conf.Key("listen", `is an address that other machines can reach: add "auth: {token: secret:health/token}", or "auth: none" to let everybody in`)
	}
	return errors.Join(err, h.TLS.Validate())
}
