package query_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate passes connections on to a server until it is shut; then replies stay in it.
type gate struct {
	net.Listener
	wg     sync.WaitGroup
	mu     sync.Mutex
	shut   bool
	closed chan struct{} // receives an element when a client closes a connection that is shut
}

func newGate(t *testing.T, backend string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Listener: l, closed: make(chan struct{}, 100)}
	g.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", backend)
			if err != nil {
				_ = conn.Close()
				continue
			}
			g.wg.Go(func() {
				_, _ = io.Copy(back, conn)
				_ = back.Close()
				if g.isShut() {
					g.closed <- struct{}{}
				}
			})
			g.wg.Go(func() {
				defer func() { _ = conn.Close() }()
				buf := make([]byte, 4096)
				for {
					n, err := back.Read(buf)
					if err != nil {
						return
					}
					if g.isShut() {
						continue
					}
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		g.wg.Wait()
	})
	return g
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *gate) setShut(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

// start starts an embedded server at an address.
func start(t *testing.T, addr string) *embedded.Server {
	t.Helper()
	server, err := embedded.Listen(addr, embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func connect(t *testing.T, addr string) *redisconn.Client {
	t.Helper()
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, addr)
	client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// A query that Redis does not answer ends at its deadline, closes its connection, and names the limit. The next one works.
func TestRedisIsSlow(t *testing.T) {
	g := newGate(t, start(t, "127.0.0.1:0").Addr())
	client := connect(t, g.Addr().String())
	do(t, client, "TS.ADD key 1750003200000 7 LABELS __name__ m host a")
	e := query.New(client, query.Limits{Timeout: time.Minute})
	t.Cleanup(e.Close)
	if got := instant(t, e, "sum(m)", at(0)); got != "{} => 7" {
		t.Fatal(got)
	}
	g.setShut(true)
	for _, expr := range []string{"m", `{host!=""}`, "rate(m[5m]) + m"} {
		_, err := e.Instant(t.Context(), expr, at(0), query.Params{Timeout: 50 * time.Millisecond})
		if kind(err) != query.Timeout || !strings.Contains(err.Error(), "50ms") {
			t.Errorf("%s: %v", expr, err)
		}
		<-g.closed
	}
	g.setShut(false)
	if got := instant(t, e, "sum(m)", at(0)); got != "{} => 7" {
		t.Error(got)
	}
}

// While Redis is away, queries fail and say so; when it is back, they work.
func TestRedisGoesAndComesBack(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	client := connect(t, server.Addr())
	do(t, client, "TS.ADD key 1750003200000 7 LABELS __name__ m host a")
	e := query.New(client, query.Limits{})
	t.Cleanup(e.Close)
	if got := instant(t, e, "sum(m)", at(0)); got != "{} => 7" {
		t.Fatal(got)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	expectKinds(t, e, query.Unavailable, "m", `{host!=""}`)
	start(t, server.Addr())
	do(t, client, "TS.ADD key 1750003200000 8 LABELS __name__ m host a")
	if got := instant(t, e, "sum(m)", at(0)); got != "{} => 8" {
		t.Error(got)
	}
}

// Queries that are cancelled do not disturb the others.
func TestCancelledQueries(t *testing.T) {
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			querytest.Add(t, client, referenceSamples())
			e := query.New(client, query.Limits{Concurrent: 8})
			t.Cleanup(e.Close)
			const expr = `sum(sum_over_time(cpu_seconds_total[1h])) + count(mem_used)`
			want := instant(t, e, expr, at(3600))
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for range 10 {
						if i%2 == 0 {
							if got := instant(t, e, expr, at(3600)); got != want {
								t.Errorf("%s, want %s", got, want)
							}
							continue
						}
						ctx, cancel := context.WithCancel(t.Context())
						go cancel()
						if r, err := e.Instant(ctx, expr, at(3600), query.Params{}); err == nil {
							r.Close()
						} else if kind(err) != query.Canceled {
							t.Error(err)
						}
						cancel()
					}
				})
			}
			wg.Wait()
		})
	}
}

// A bug in this program is an internal error, not its end.
func TestPanic(t *testing.T) {
	e := query.New(querytest.Open(t), query.Limits{})
	e.Break()
	expectKinds(t, e, query.Internal, "m", `rate({__name__="x"}[5m])`)
}
