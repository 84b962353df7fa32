package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/netx"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// dialer makes the connections of one client. For each connection it looks up everything that may change while the agent runs: secrets,
// the proxy, the certificates, the master.
type dialer struct {
	config   Config
	store    secret.Resolver
	sentinel sentinel
}

const (
	// maxReply is the memory that the replies to one request may take, in bytes. INFO takes about 100 kB, COMMAND 3 MB, and CLUSTER
	// SLOTS 15 MB if neighbouring slots always belong to different nodes.
	maxReply = 16 << 20

	// maxFound is the limit for [Config.ForSearches]. Documents are read a thousand at a time.
	maxFound = 64 << 20
)

func (d *dialer) maxReply() int64 {
	if d.config.searches {
		return maxFound
	}
	return maxReply
}

// dial is called by go-redis. It uses the address that go-redis names only for the nodes of a cluster, and looks it up otherwise.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	a := address{network: network, addr: addr, tls: d.config.tls()}
	var err error
	switch {
	case len(d.config.Cluster) > 0:
	case d.config.Sentinel != nil:
		a.network = "tcp"
		a.addr, err = d.sentinel.master(ctx, d)
	default:
		a, err = d.config.resolve(ctx, d.store)
	}
	if err != nil {
		return nil, err
	}
	return d.connect(ctx, a)
}

// connect makes a connection to one server, with limits for what the server sends. go-redis would trust it.
func (d *dialer) connect(ctx context.Context, a address) (net.Conn, error) {
	conn, err := d.reach(ctx, a)
	if err != nil {
		return nil, err
	}
	return &peer{guard.NewRESP(conn, d.maxReply())}, nil
}

// reach makes a connection, directly or through the proxy, with or without TLS.
func (d *dialer) reach(ctx context.Context, a address) (net.Conn, error) {
	dial, err := d.route(ctx, a.network)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, d.config.ConnectTimeout.D())
	defer cancel()
	conn, err := dial(limited, a.network, a.addr)
	if err != nil {
		return nil, err
	}
	conn = newPatient(conn)
	if a.tls == nil {
		return conn, nil
	}
	secure, err := d.secure(ctx, conn, a)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// route returns a function that dials, through the proxy if one is set. Unix sockets need no proxy.
func (d *dialer) route(ctx context.Context, network string) (netx.DialFunc, error) {
	forward := &net.Dialer{KeepAlive: 30 * time.Second}
	direct := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return guard.Dial(ctx, forward, network, addr)
	}
	switch {
	case d.config.Dial != nil:
		return d.config.Dial, nil
	case network == "unix":
	case !d.config.SOCKS5Proxy.IsZero():
		u, err := proxyURL(ctx, "socks5_proxy", d.config.SOCKS5Proxy, d.store, netx.ParseSOCKS5)
		if err != nil {
			return nil, err
		}
		return netx.SOCKS5(u, forward)
	case !d.config.SOCKS4Proxy.IsZero():
		u, err := proxyURL(ctx, "socks4_proxy", d.config.SOCKS4Proxy, d.store, parseSOCKS4)
		if err != nil {
			return nil, err
		}
		return (&socks4{proxy: hostPort(u, netx.SOCKSPort), user: u.User.Username(), forward: forward}).DialContext, nil
	}
	return direct, nil
}

func (d *dialer) secure(ctx context.Context, conn net.Conn, a address) (net.Conn, error) {
	host, _, err := net.SplitHostPort(a.addr)
	if err != nil {
		host = defaultHost // a unix socket has no name
	}
	config, err := a.tls.Client(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.ConnectTimeout.D())
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}
