package redisconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/net/proxy"

	"github.com/rtcollector/rtcollector/secrets"
)

// Timeouts of every connection. A peer that takes longer is treated as gone; what was sent is sent again.
const (
	dialTimeout = 5 * time.Second
	ioTimeout   = 10 * time.Second
)

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer returns how connections are made: directly or through the proxy, bare or in TLS. It is per client; nothing is
// set for the process.
func (c *Config) dialer(ctx context.Context, store secrets.Resolver, useTLS bool) (dialFunc, error) {
	direct := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	dial := direct.DialContext
	if !c.SOCKS5Proxy.IsZero() {
		through, err := c.socks(ctx, store, direct)
		if err != nil {
			return nil, err
		}
		dial = through
	}
	if !useTLS {
		return dial, nil
	}
	config, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	return dialTLS(dial, config), nil
}

func (c *Config) socks(ctx context.Context, store secrets.Resolver, direct *net.Dialer) (dialFunc, error) {
	text, err := c.SOCKS5Proxy.Resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	u, err := parseProxy(text)
	if err != nil {
		return nil, fmt.Errorf("read socks5_proxy: %w", err)
	}
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", hostPort(u, 1080), auth, direct)
	if err != nil {
		return nil, fmt.Errorf("set up socks5_proxy: %w", err)
	}
	cd, ok := d.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("set up socks5_proxy: its dialer takes no context")
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout) // the handshake with the proxy has no timeout of its own
		defer cancel()
		return cd.DialContext(ctx, network, addr)
	}, nil
}

// tlsConfig verifies the server always; there is no setting that would not.
func (c *Config) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.SSLCACerts != "" {
		pem, err := os.ReadFile(c.SSLCACerts)
		if err != nil {
			return nil, fmt.Errorf("read ssl_ca_certs: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ssl_ca_certs: no certificate in %s", c.SSLCACerts)
		}
	}
	if c.SSLCertfile != "" {
		cert, err := tls.LoadX509KeyPair(c.SSLCertfile, c.SSLKeyfile)
		if err != nil {
			return nil, fmt.Errorf("read ssl_certfile and ssl_keyfile: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

func dialTLS(dial dialFunc, base *tls.Config) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		config := base.Clone()
		if host, _, err := net.SplitHostPort(addr); err == nil {
			config.ServerName = host
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return conn, nil
	}
}
