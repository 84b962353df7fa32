// Package httpauth has the settings that say who may use one of our HTTP servers. They are apart from package httpserve, which checks credentials,
// because every configuration has them, and programs without a server need nothing of net/http.
package httpauth

import (
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Auth says who may use a server: who knows the token, or the username and the password, or, with "none", everybody.
type Auth struct {
	Token    secret.Ref `yaml:"token"`
	Username secret.Ref `yaml:"username"`
	Password secret.Ref `yaml:"password"`
	none     bool
}

// NoAuth returns the setting "auth: none".
func NoAuth() *Auth { return &Auth{none: true} }

// The results of [Auth.Mode].
const (
	ModeNone  = "none"
	ModeToken = "token"
	ModeBasic = "basic"
)

// Mode returns which credential clients need.
func (a *Auth) Mode() string {
	switch {
	case a == nil || a.none:
		return ModeNone
	case !a.Token.IsZero():
		return ModeToken
	case !a.Username.IsZero():
		return ModeBasic
	}
	return ModeNone
}

// UnmarshalScalar implements conf.Scalar.
func (a *Auth) UnmarshalScalar(text string) error {
	if text != ModeNone {
		return errors.New(`must be none, or a map such as {token: "secret:web/token"} or {username: admin, password: "secret:web/password"}`)
	}
	a.none = true
	return nil
}

// Validate implements conf.Validator.
func (a *Auth) Validate() error {
	basic := !a.Username.IsZero() || !a.Password.IsZero()
	switch {
	case a.none:
		return nil
	case !a.Token.IsZero() && basic:
		return conf.Key("token", "replaces username and password: use one or the other")
	case basic && a.Username.IsZero():
		return conf.Key("password", "needs a username")
	case basic && a.Password.IsZero():
		return conf.Key("username", "needs a password")
	case a.Token.IsZero() && !basic:
		return errors.New(`needs a token, or username and password; "auth: none" lets everybody in`)
	}
	return nil
}

// IsLocal reports whether only this machine can reach a listener at an address host:port.
func IsLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
