package redisconn

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rtcollector/rtcollector/internal/netx"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// poolSize is not the number of connections: an output uses one at a time. After this many failed dials, go-redis stops dialling for
// its callers. A goroutine of its own then tries once a second, which would outlive the client and return old errors.
const poolSize = 64

// Rights lists the ACL rules that every user needs to connect.
const Rights = "+ping +hello +auth +select +client|setname"

// Client is a go-redis client of one server, of a Sentinel's master or of a cluster.
type Client struct {
	redis.UniversalClient
	Addr      string // for messages: host:port, a socket's path, a master's name; never credentials
	Clustered bool

	config  Config
	options redis.Options // of a connection; its Addr is empty

	mu   sync.Mutex
	live map[*tracked]struct{}
}

// Open makes a client and sends PING. Secrets, proxies, certificates and a Sentinel's master are looked up for every later connection
// as well. Errors name the server and what to do, never a credential.
func Open(ctx context.Context, config Config, store secret.Resolver) (*Client, error) {
	c := &Client{config: config, Clustered: len(config.Cluster) > 0, live: map[*tracked]struct{}{}}
	var db int
	var err error
	if c.Addr, db, err = place(ctx, config, store); err != nil {
		return nil, err
	}
	logging.Disable() // go-redis would print to stderr; the errors that it returns contain the same
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
			return nil, fmt.Errorf("redis %s closes the connection at once: it may require TLS (set tls: {}), or a client certificate (tls.cert, tls.key): %w",
				c.Addr, err)
		}
		return nil, c.Explain(ctx, err)
	}
	return c, nil
}

// place describes where Redis is, and returns the number of the database.
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

// Name returns the name of the server for labels: host:port, the path of a socket, or the master's name at the Sentinels, which stays
// the same when another server takes over. It is empty for a cluster. It needs no connection.
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

// options returns the options that all connections have in common.
func options(c *Config) *redis.Options {
	patience := c.ConnectTimeout.D() * 3 // connection, proxy, handshake
	if c.Sentinel != nil {
		patience *= time.Duration(1 + len(c.Sentinel.Addresses))
	}
	return &redis.Options{
		DB:                       c.DB,
		Protocol:                 2,
		ClientName:               c.ClientName,
		DisableIdentity:          true, // it costs a round trip and adds nothing to the name
		DialTimeout:              patience,
		ReadTimeout:              c.Timeout.D(),
		WriteTimeout:             c.Timeout.D(),
		ContextTimeoutEnabled:    true,
		MaxRetries:               -1, // the agent retries, with growing pauses, and logs it
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

// node returns the options of a connection to one server: the only one, or the node of a cluster at addr.
func (c *Client) node(addr string) *redis.Options {
	o := c.options
	o.Addr = addr
	return &o
}

// NewPipe returns a pipe to the server. For a cluster, use [Client.NewShards].
func (c *Client) NewPipe() *Pipe { return NewPipe(c.node(c.Addr)) }

// Explain describes what an error of this server means and what to do; see the function [Explain]. If ctx has ended, the result
// describes that instead.
func (c *Client) Explain(ctx context.Context, err error) error {
	if cause := ended(ctx); err != nil && cause != nil {
		err = cause
	}
	if err = Explain(c.Addr, err); err != nil && strings.Contains(err.Error(), anyUser) {
		return &rewordedError{strings.Replace(err.Error(), anyUser, c.config.shownUser(), 1), err}
	}
	return err
}

// rewordedError is an error with another text.
type rewordedError struct {
	text string
	error
}

func (e *rewordedError) Error() string { return e.text }
func (e *rewordedError) Unwrap() error { return e.error }

// ended returns the error of the context. A socket with the same deadline may notice a moment before the context does.
func ended(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// CutOn closes all connections when ctx ends, unless stop is called before. It is necessary because go-redis ignores the context
// while it waits for a reply.
func (c *Client) CutOn(ctx context.Context) (stop func() bool) { return context.AfterFunc(ctx, c.cut) }

// cut closes all connections. The client stays usable and dials again.
func (c *Client) cut() {
	c.mu.Lock()
	conns := slices.Collect(maps.Keys(c.live))
	c.mu.Unlock()
	for _, t := range conns {
		_ = t.Close()
	}
}

// tracked is a connection that [Client.cut] can close.
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

// SyscallConn implements syscall.Conn. Before go-redis uses a connection again, it calls this, and examines the socket, to notice that the
// connection is closed. On a TLS connection, only we may have closed it: bytes on its socket that were not read are normal.
func (t *tracked) SyscallConn() (syscall.RawConn, error) {
	t.client.mu.Lock()
	_, live := t.client.live[t]
	t.client.mu.Unlock()
	if !live {
		return nil, net.ErrClosed
	}
	if socket, ok := rawConn(t.Conn).(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return unexamined{}, nil
}

// unexamined is a socket that looks well.
type unexamined struct{}

func (unexamined) Control(func(uintptr)) error    { return nil }
func (unexamined) Read(func(uintptr) bool) error  { return nil }
func (unexamined) Write(func(uintptr) bool) error { return nil }

// rawConn returns the connection below a guard, or conn itself.
func rawConn(conn net.Conn) net.Conn {
	if guarded, ok := conn.(*peer); ok {
		return guarded.NetConn()
	}
	return conn
}

func (c *Client) track(dial netx.DialFunc) netx.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		t := &tracked{Conn: conn, client: c}
		c.mu.Lock()
		c.live[t] = struct{}{}
		c.mu.Unlock()
		return t, nil
	}
}

// Modules returns the versions of the server's modules by name, such as "timeseries": 80005 for 8.0.5. It needs the right to run
// MODULE LIST.
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
