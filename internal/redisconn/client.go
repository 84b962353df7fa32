package redisconn

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rtcollector/rtcollector/secrets"
)

// clientName is what CLIENT LIST shows.
const clientName = "rtcollector"

// poolSize is not how many connections there are: one output uses one at a time. After as many failed dials go-redis
// stops dialling for its callers and lets a goroutine of its own try once a second, which would outlive us and report
// old errors.
const poolSize = 64

// Client is a go-redis client and what we know about it.
type Client struct {
	*redis.Client
	Addr string // host:port or socket path, without credentials: fit for messages

	mu   sync.Mutex
	live map[*tracked]struct{}
}

// Open makes a client and asks the server for a sign of life. Credentials are resolved for every connection that is
// made later. Errors name the server and what to do, never a credential.
func Open(ctx context.Context, config Config, store secrets.Resolver) (*Client, error) {
	a, err := config.resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	dial, err := config.dialer(ctx, store, a.tls)
	if err != nil {
		return nil, err
	}
	logging.Disable() // go-redis would print to stderr beside our log; all it knows is in the errors it returns
	c := &Client{Addr: a.addr, live: map[*tracked]struct{}{}}
	c.Client = redis.NewClient(options(a, c.track(dial), func(ctx context.Context) (string, string, error) {
		return config.credentials(ctx, store, a)
	}))
	stop := c.CutOn(ctx)
	defer stop()
	if err := c.Ping(ctx).Err(); err != nil {
		_ = c.Close()
		return nil, c.Explain(ctx, err)
	}
	return c, nil
}

func options(a address, dial dialFunc, credentials func(context.Context) (string, string, error)) *redis.Options {
	return &redis.Options{
		Network:                    a.network,
		Addr:                       a.addr,
		DB:                         a.db,
		Dialer:                     dial,
		CredentialsProviderContext: credentials,
		Protocol:                   2,
		ClientName:                 clientName,
		DisableIdentity:            true, // costs a round trip and says nothing that the name does not
		DialTimeout:                dialTimeout,
		ReadTimeout:                ioTimeout,
		WriteTimeout:               ioTimeout,
		ContextTimeoutEnabled:      true,
		MaxRetries:                 -1, // the agent retries, with growing pauses, and says so
		DialerRetries:              1,
		PoolSize:                   poolSize,
		PipelinePoolSize:           -1,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Explain says what an error from this server means and what to do about it; see the function [Explain]. When ctx has
// ended that is the reason, and returned instead.
func (c *Client) Explain(ctx context.Context, err error) error {
	if cause := ended(ctx); err != nil && cause != nil {
		return cause
	}
	return Explain(c.Addr, err)
}

// ended is the context's error. A socket with the same deadline may notice a moment earlier than the context.
func ended(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// CutOn closes every connection when ctx ends, until stop is called: go-redis does not look at a context while it
// waits for a reply. The client stays usable; it dials anew.
func (c *Client) CutOn(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		c.mu.Lock()
		conns := make([]*tracked, 0, len(c.live))
		for t := range c.live {
			conns = append(conns, t)
		}
		c.mu.Unlock()
		for _, t := range conns {
			_ = t.Close()
		}
	})
}

// tracked is a connection that its client can cut.
type tracked struct {
	net.Conn
	client *Client
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.client.mu.Lock()
	delete(t.client.live, t)
	t.client.mu.Unlock()
	return t.Conn.Close()
}

// checkable is a tracked connection whose socket go-redis can look at, to find out that the server is gone before it
// sends something. A TLS connection is not: bytes on its socket are no sign of trouble.
type checkable struct{ *tracked }

// SyscallConn implements syscall.Conn.
func (c checkable) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

func (c *Client) track(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		t := &tracked{Conn: conn, client: c}
		c.mu.Lock()
		c.live[t] = struct{}{}
		c.mu.Unlock()
		if _, ok := conn.(syscall.Conn); ok {
			return checkable{t}, nil
		}
		return t, nil
	}
}
