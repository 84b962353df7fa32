package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// sentinel asks Redis Sentinel for the master, once per connection. A failover breaks connections, so the next one finds the new master,
// and there is no state that could be out of date.
type sentinel struct {
	mu   sync.Mutex
	last string // the Sentinel that answered last; it is asked first
}

// master returns the address of the master, from the first Sentinel that knows it. If none does, the error has the answers of all.
func (s *sentinel) master(ctx context.Context, d *dialer) (string, error) {
	var errs []error
	for _, addr := range s.order(d.config.Sentinel.Addresses) {
		master, err := askSentinel(ctx, d, addr)
		if err == nil {
			s.mu.Lock()
			s.last = addr
			s.mu.Unlock()
			return master, nil
		}
		errs = append(errs, fmt.Errorf("sentinel %s %w", addr, err))
		if ctx.Err() != nil {
			break
		}
	}
	return "", &sentinelError{errs}
}

func (s *sentinel) order(addresses []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := withPorts(addresses, defaultSentinelPort)
	for i, a := range all {
		if a == s.last {
			all[0], all[i] = all[i], all[0]
		}
	}
	return all
}

func askSentinel(ctx context.Context, d *dialer, addr string) (string, error) {
	setting := d.config.Sentinel
	o := options(&d.config)
	o.Addr = addr
	o.DB = 0
	o.DialTimeout = d.config.ConnectTimeout.D()
	o.ReadTimeout, o.WriteTimeout = o.DialTimeout, o.DialTimeout
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return d.connect(ctx, address{network: network, addr: addr, tls: d.config.tls()})
	}
	o.CredentialsProviderContext = func(ctx context.Context) (string, string, error) {
		username, err := setting.Username.Resolve(ctx, d.store)
		if err != nil {
			return "", "", err
		}
		password, err := setting.Password.Resolve(ctx, d.store)
		return username, password, err
	}
	client := redis.NewSentinelClient(o)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	parts, err := client.GetMasterAddrByName(ctx, setting.Master).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "", fmt.Errorf("does not know the master %q: correct sentinel.master", setting.Master)
	case err != nil && needsPassword(err):
		return "", fmt.Errorf("requires a password: set sentinel.username and sentinel.password: %w", err)
	case err != nil && strings.HasPrefix(err.Error(), "ERR unknown command"):
		return "", fmt.Errorf("is not a Sentinel: correct sentinel.addresses: %w", err)
	case err != nil:
		return "", fmt.Errorf("does not answer where %q is (is it running, and does it use TLS if tls is set?): %w", setting.Master, err)
	case len(parts) != 2:
		return "", fmt.Errorf("gives an unexpected answer: %q", parts)
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}

func needsPassword(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && (strings.HasPrefix(reply.Error(), "NOAUTH") || strings.HasPrefix(reply.Error(), "WRONGPASS"))
}

// sentinelError holds the error of each Sentinel.
type sentinelError struct{ each []error }

func (e *sentinelError) Error() string {
	var texts []string
	for _, err := range e.each {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (e *sentinelError) Unwrap() []error { return e.each }
