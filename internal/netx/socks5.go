// Package netx dials through SOCKS proxies, for everything that connects to a server and has the setting "socks5_proxy".
package netx

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"

	"golang.org/x/net/proxy"
)

// SOCKSPort is the default port of SOCKS proxies (RFC 1928, section 3).
const SOCKSPort = 1080

// DialFunc makes a connection.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// errSOCKS5 does not repeat the URL, because it may contain a password.
var errSOCKS5 = errors.New("must be a URL such as socks5://user:password@host:1080")

// ParseSOCKS5 parses the setting "socks5_proxy".
func ParseSOCKS5(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "socks5" && u.Scheme != "socks5h" || u.Hostname() == "" || u.Fragment != "" {
		return nil, errSOCKS5
	}
	return u, nil
}

// SOCKS5 returns a function that dials through the proxy of a URL from [ParseSOCKS5]. The proxy looks up names.
func SOCKS5(u *url.URL, forward proxy.Dialer) (DialFunc, error) {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	addr := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), strconv.Itoa(SOCKSPort)))
	d, err := proxy.SOCKS5("tcp", addr, auth, forward)
	if err != nil {
		return nil, err
	}
	return d.(proxy.ContextDialer).DialContext, nil //nolint:forcetypeassert // documented by proxy.SOCKS5
}
