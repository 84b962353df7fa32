package redisconn

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rtcollector/rtcollector/internal/secret"
)

// poolSize is not how many connections there are: one output uses one at a time. After as many failed dials go-redis
// stops dialling for its callers and lets a goroutine of its own try once a second, which would outlive us and report
// old errors.
const poolSize = 64

// Rights are what every user needs to connect, as ACL rules.
const Rights = "+ping +hello +auth +select +client|setname"

// Client is a go-redis client of one server, of a Sentinel's master or of a cluster, and what we know about it.
type Client struct {
	redis.UniversalClient
	Addr      string // for messages: host:port, a socket's path, a master's name; never credentials
	Clustered bool

	config  Config
	options redis.Options // of a connection; its Addr is empty

	mu   sync.Mutex
	live map[*tracked]struct{}
}

// Open makes a client and asks the server for a sign of life. Secrets, proxies, certificates and a Sentinel's master
// are looked up for every connection that is made later. Errors name the server and what to do, never a credential.
func Open(ctx context.Context, config Config, store secret.Resolver) (*Client, error) {
	c := &Client{config: config, Clustered: len(config.Cluster) > 0, live: map[*tracked]struct{}{}}
	var db int
	var err error
	if c.Addr, db, err = place(ctx, config, store); err != nil {
		return nil, err
	}
	logging.Disable() // go-redis would print to stderr beside our log; all it knows is in the errors it returns
	d := &dialer{config: config, store: store}
	o := options(&config)
	o.DB = db
	o.Dialer = c.track(d.dial)
	o.CredentialsProviderContext = func(ctx context.Context) (string, string, error) {
		return config.credentials(ctx, store)
	}
	c.options = *o
	if c.Clustered {
		c.UniversalClient = redis.NewClusterClient(clusterOptions(o, withPorts(config.Cluster, defaultPort)))
	} else {
		o.Addr = c.Addr
		c.UniversalClient = redis.NewClient(o)
	}
	stop := c.CutOn(ctx)
	defer stop()
	if err := c.Ping(ctx).Err(); err != nil {
		_ = c.Close()
		if closed(err) && !hasLastWords(err) {
			return nil, fmt.Errorf("redis %s closes the connection at once: it may speak TLS (set tls: {}), or want a client certificate (tls.cert, tls.key): %w",
				c.Addr, err)
		}
		return nil, c.Explain(ctx, err)
	}
	return c, nil
}

// place says where Redis is, in words, and which database is meant.
func place(ctx context.Context, c Config, store secret.Resolver) (addr string, db int, err error) {
	switch {
	case len(c.Cluster) > 0:
		return "cluster " + strings.Join(withPorts(c.Cluster, defaultPort), ", "), 0, nil
	case c.Sentinel != nil:
		return fmt.Sprintf("%s (Sentinel)", c.Sentinel.Master), c.DB, nil
	}
	a, err := c.resolve(ctx, store)
	return a.addr, a.db, err
}

// Name is what the server is called in labels: host:port, a socket's path, or the name by which Sentinels know it, which
// stays when another server takes over. A cluster has none. It is known before anything is connected.
func (c *Config) Name(ctx context.Context, store secret.Resolver) (string, error) {
	switch {
	case len(c.Cluster) > 0:
		return "", nil
	case c.Sentinel != nil:
		return c.Sentinel.Master, nil
	}
	a, err := c.resolve(ctx, store)
	return a.addr, err
}

// options are what all connections have in common.
func options(c *Config) *redis.Options {
	patience := c.ConnectTimeout.D() * 3 // connecting, the proxy's answer, the handshake
	if c.Sentinel != nil {
		patience *= time.Duration(1 + len(c.Sentinel.Addresses))
	}
	return &redis.Options{
		DB:                       c.DB,
		Protocol:                 2,
		ClientName:               c.ClientName,
		DisableIdentity:          true, // costs a round trip and says nothing that the name does not
		DialTimeout:              patience,
		ReadTimeout:              c.Timeout.D(),
		WriteTimeout:             c.Timeout.D(),
		ContextTimeoutEnabled:    true,
		MaxRetries:               -1, // the agent retries, with growing pauses, and says so
		DialerRetries:            1,
		PoolSize:                 poolSize,
		PipelinePoolSize:         -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func clusterOptions(o *redis.Options, addrs []string) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs:                      addrs,
		Dialer:                     o.Dialer,
		CredentialsProviderContext: o.CredentialsProviderContext,
		Protocol:                   o.Protocol,
		ClientName:                 o.ClientName,
		DisableIdentity:            o.DisableIdentity,
		DialTimeout:                o.DialTimeout,
		ReadTimeout:                o.ReadTimeout,
		WriteTimeout:               o.WriteTimeout,
		ContextTimeoutEnabled:      o.ContextTimeoutEnabled,
		MaxRetries:                 o.MaxRetries,
		DialerRetries:              o.DialerRetries,
		PoolSize:                   o.PoolSize,
		PipelinePoolSize:           o.PipelinePoolSize,
		MaintNotificationsConfig:   o.MaintNotificationsConfig,
	}
}

// node are the options of a connection to one server: the only one, or that of a cluster at addr.
func (c *Client) node(addr string) *redis.Options {
	o := c.options
	o.Addr = addr
	return &o
}

// NewPipe returns a pipe to the server, which must not be a cluster: see [Client.NewShards].
func (c *Client) NewPipe() *Pipe { return NewPipe(c.node(c.Addr)) }

// Explain says what an error from this server means and what to do about it; see the function [Explain]. When ctx has
// ended that is the reason.
func (c *Client) Explain(ctx context.Context, err error) error {
	if cause := ended(ctx); err != nil && cause != nil {
		err = cause
	}
	if err = Explain(c.Addr, err); err != nil && strings.Contains(err.Error(), anyUser) {
		return &rewordedError{strings.Replace(err.Error(), anyUser, c.config.shownUser(), 1), err}
	}
	return err
}

// rewordedError says the same in other words.
type rewordedError struct {
	text string
	error
}

func (e *rewordedError) Error() string { return e.text }
func (e *rewordedError) Unwrap() error { return e.error }

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
type checkable struct {
	*tracked
	socket syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (c checkable) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

// rawConn returns the connection below a guard, or conn itself.
func rawConn(conn net.Conn) net.Conn {
	if guarded, ok := conn.(*peer); ok {
		return guarded.NetConn()
	}
	return conn
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
		if socket, ok := rawConn(conn).(syscall.Conn); ok {
			return checkable{t, socket}, nil
		}
		return t, nil
	}
}

// Modules asks which modules the server has loaded: their versions by name, "timeseries": 80005 for 8.0.5. It needs the
// right to MODULE LIST.
func (c *Client) Modules(ctx context.Context) (map[string]int64, error) {
	list, err := c.Do(ctx, "MODULE", "LIST").Slice()
	if err != nil {
		return nil, err
	}
	modules := map[string]int64{}
	for _, item := range list {
		fields, _ := item.([]any)
		var name string
		var version int64
		for i := 0; i+1 < len(fields); i += 2 {
			switch fields[i] {
			case "name":
				name, _ = fields[i+1].(string)
			case "ver":
				version, _ = fields[i+1].(int64)
			}
		}
		modules[name] = version
	}
	return modules, nil
}
