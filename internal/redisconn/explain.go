package redisconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// ServerError is an error reply that was read from a [Pipe]. Like the errors of go-redis, it is a redis.Error.
type ServerError string

func (e ServerError) Error() string { return string(e) }

// RedisError implements redis.Error.
func (e ServerError) RedisError() {}

// Explain describes an error of a Redis at addr: what went wrong, where, and what to do. It wraps the error. It returns a cancelled
// context's error unchanged.
func Explain(addr string, err error) error {
	var reply redis.Error
	var timeout net.Error
	var lookup *net.DNSError
	var dialled *net.OpError
	var sentinels *sentinelError
	var unresolved *secret.ResolveError
	var said *lastWordsError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unresolved):
		return fmt.Errorf("redis %s: %w", addr, err)
	case errors.As(err, &sentinels):
		return fmt.Errorf("redis %s was not found: %w", addr, err)
	case tlsx.Advice(err) != "":
		return fmt.Errorf("redis %s %s: %w", addr, tlsx.Advice(err), err)
	case guard.IsLimit(err):
		return fmt.Errorf("redis %s %w: check that it is a Redis", addr, err)
	case errors.Is(err, guard.ErrBusy):
		return fmt.Errorf("redis %s %w", addr, err)
	case errors.As(err, &said):
		return fmt.Errorf("redis %s %s: %w", addr, cmp.Or(advise(said.text), "closes the connection"), err)
	case errors.As(err, &reply):
		if advice := advise(reply.Error()); advice != "" {
			return fmt.Errorf("redis %s %s: %w", addr, advice, err)
		}
	case errors.As(err, &dialled) && strings.HasPrefix(dialled.Op, "socks"):
		return fmt.Errorf("redis %s cannot be reached through its proxy: %s: %w", addr, adviseProxy(dialled.Err), err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && errors.As(err, &dialled):
		return fmt.Errorf("redis %s cannot be reached: start it, or correct its address: %w", addr, err)
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return fmt.Errorf("redis %s has a host name that cannot be resolved: correct host, or fix the name server: %w", addr, err)
	case errors.Is(err, guard.ErrNotRESP), strings.Contains(err.Error(), "redis: can't parse "): // go-redis has no type for the latter
		return fmt.Errorf("redis %s does not answer like a Redis: correct host and port, or set tls if it requires TLS: %w", addr, err)
	case closed(err):
		return fmt.Errorf("redis %s closed the connection: %w", addr, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("redis %s did not answer in time: check the network, the server's load, and whether both sides agree on TLS: %w", addr, err)
	}
	return fmt.Errorf("redis %s: %w", addr, err)
}

// adviseProxy returns what an error of a SOCKS proxy means. The library has no types for these errors, only texts
// (golang.org/x/net/internal/socks).
func adviseProxy(err error) string {
	var lookup *net.DNSError
	text := err.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &lookup):
		return "the proxy cannot be reached: start it, or correct socks5_proxy or socks4_proxy"
	case strings.Contains(text, "authentication"):
		return "the proxy refuses the user or the password in its URL"
	case strings.Contains(text, "unknown error"), strings.Contains(text, "rejected"), strings.Contains(text, "user is refused"):
		return "the proxy cannot connect to it, or does not allow that"
	}
	return "check that it is a SOCKS proxy of this version"
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// advise returns what an error reply means and what to do, or "". The texts are those of Redis 8 (redis/src/server.c,
// createSharedObjects).
func advise(reply string) string {
	code, _, _ := strings.Cut(reply, " ")
	switch code {
	case "LOADING":
		return "is still loading its data: writing continues when it has finished"
	case "READONLY":
		return "is a read-only replica: configure the master, or wait for the failover"
	case "MASTERDOWN":
		return "is a replica without its master: configure the master, or wait for the failover"
	case "CLUSTERDOWN":
		return "belongs to a cluster that is down: see CLUSTER INFO"
	case "CROSSSLOT", "MOVED", "ASK":
		return "is a node of a cluster: list it under cluster instead of url or host"
	case "TRYAGAIN":
		return "is moving slots to another node: writing continues when it has finished"
	case "OOM":
		return "is full: raise maxmemory, or shorten the retention"
	case "MISCONF":
		return "cannot save to disk and refuses writes: see its log"
	case "NOPERM":
		return "refuses this to the user: grant it with ACL SETUSER " + cmp.Or(userIn(reply), anyUser) + " " + Grant(reply)
	case "NOAUTH":
		return "requires a password: set username and password"
	case "WRONGPASS":
		return "refuses the username or the password"
	case "NOREPLICAS":
		return "has too few replicas to accept writes (min-replicas-to-write)"
	case "BUSY":
		return "is busy with a script: see SCRIPT KILL"
	case "DENIED":
		return "is in protected mode, which refuses connections from other hosts: set a password there (requirepass), or bind it to an address, or set protected-mode no"
	}
	switch {
	case strings.HasPrefix(reply, "ERR max number of clients"):
		return "has no free connections: raise maxclients there, or find out who uses them (CLIENT LIST)"
	case strings.HasPrefix(reply, "ERR DB index is out of range"):
		return "has no such database: correct db (CONFIG GET databases returns their number)"
	case strings.HasPrefix(reply, "Invalid rule type: JSON"):
		return "has no JSON module: use Redis 8 or Redis Stack, load rejson.so, or set storage: hash"
	case strings.HasPrefix(reply, "ERR This instance has cluster support disabled"):
		return "is not a cluster: configure it with host and port, or url"
	case strings.HasPrefix(reply, "ERR SELECT is not allowed in cluster mode"):
		return "is a node of a cluster, which has only one database: list it under cluster, and leave out db"
	}
	return adviseUnknown(reply)
}

func adviseUnknown(reply string) string {
	command, ok := strings.CutPrefix(reply, "ERR unknown command '")
	if !ok {
		return ""
	}
	switch family, _, _ := strings.Cut(strings.ToUpper(command), "."); family {
	case "TS":
		return "has no TimeSeries module: use Redis 8 or Redis Stack, or load redistimeseries.so"
	case "FT":
		return "has no search module: use Redis 8 or Redis Stack, or load redisearch.so"
	case "JSON":
		return "has no JSON module: use Redis 8 or Redis Stack, or load rejson.so"
	}
	return "lacks a command that is needed: use Redis 8 or Redis Stack"
}

// anyUser is a placeholder for a user that the server does not name.
const anyUser = "<user>"

// Grant returns the ACL rule that a NOPERM reply asks for: "+ts.create", or "~*" if the key is off limits. Redis 6 and 7 put the
// command between quotes; only Redis 7 names the user (redis/src/acl.c).
func Grant(reply string) string {
	if _, rest, ok := strings.Cut(reply, "'"); ok {
		command, _, _ := strings.Cut(rest, "'")
		return "+" + strings.ToLower(command)
	}
	if strings.Contains(reply, "channel") {
		return "&*"
	}
	return "~* (or the keys it writes)"
}

func userIn(reply string) string {
	_, rest, ok := strings.Cut(reply, "NOPERM User ")
	if !ok {
		return ""
	}
	user, _, _ := strings.Cut(rest, " ")
	return user
}
