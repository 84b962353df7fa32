package outputtest

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Named is the environment variable with the URL of a Redis that tests use instead of the embedded one.
const Named = "RTC_TEST_REDIS"

// Redis is a server to write to, and a client for checking what it holds.
type Redis struct {
	*redis.Client
	Host     string
	Port     int
	Embedded *embedded.Server // nil: a real one
}

// NewRedis returns an embedded server, or the server that [Named] names. The latter is emptied and brought into bad states, so nothing
// else may use it meanwhile: go test -p 1.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	url := os.Getenv(Named)
	if url == "" {
		return NewEmbedded(t)
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(Named + " is not a redis:// URL")
	}
	s := RedisAt(t, o.Addr)
	s.Empty(t)
	t.Cleanup(func() { _ = s.FlushAll(context.Background()).Err() }) // the test's own context has ended by then
	return s
}

// NewEmbedded returns an embedded server.
func NewEmbedded(t testing.TB) *Redis {
	t.Helper()
	server := listen(t, "127.0.0.1:0")
	s := RedisAt(t, server.Addr())
	s.Embedded = server
	return s
}

// RedisAt returns the server at an address host:port.
func RedisAt(t testing.TB, addr string) *Redis {
	t.Helper()
	s := &Redis{Client: redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})}
	t.Cleanup(func() { _ = s.Close() })
	s.Host, s.Port = servicetest.HostPort(t, addr)
	return s
}

func listen(t testing.TB, addr string) *embedded.Server {
	t.Helper()
	server, err := embedded.Listen(addr, embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// Addr is host:port.
func (s *Redis) Addr() string { return s.Options().Addr }

// Empty removes all keys.
func (s *Redis) Empty(t testing.TB) {
	t.Helper()
	if err := s.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// Run runs commands, even after the test's context has ended.
func (s *Redis) Run(t testing.TB, commands ...[]any) {
	t.Helper()
	for _, c := range commands {
		if err := s.Do(context.Background(), c...).Err(); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// Restart closes the embedded server and opens another one at its address. A real server only loses its connections and keys. It calls
// away in between.
func (s *Redis) Restart(t testing.TB, away func()) {
	t.Helper()
	if s.Embedded == nil {
		s.Run(t, []any{"FLUSHALL"}, []any{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"})
		away()
		return
	}
	if err := s.Embedded.Close(); err != nil {
		t.Fatal(err)
	}
	away()
	s.Embedded = listen(t, s.Addr())
}
