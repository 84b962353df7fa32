package redisconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func hostileConfig(addr string) redisconn.Config {
	c := redisconn.Defaults()
	c.Cluster, c.ConnectTimeout, c.Timeout = nil, conf.Duration(2*time.Second), conf.Duration(2*time.Second)
	c.Host, c.Port = "127.0.0.1", 0
	host, port, _ := net.SplitHostPort(addr)
	c.Host = host
	for _, d := range port {
		c.Port = c.Port*10 + int(d-'0')
	}
	return c
}

// No client needs much memory, whatever a peer sends.
func TestHostilePeers(t *testing.T) {
	for name, text := range redistest.Hostile() {
		for _, polite := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				addr := redistest.ListenHostile(t, text, polite)
				useEverything(t, hostileConfig(addr))
			})
		}
	}
	t.Run("sentinel", func(t *testing.T) {
		c := redisconn.Defaults()
		c.Sentinel = &redisconn.Sentinel{Master: "m", Addresses: []string{redistest.ListenHostile(t, "*2147483647\r\n", true)}}
		useEverything(t, c)
	})
	t.Run("cluster", func(t *testing.T) {
		c := redisconn.Defaults()
		c.Cluster = []string{redistest.ListenHostile(t, "*2147483647\r\n", true)}
		useEverything(t, c)
	})
}

// useEverything asks in all the ways in which we ask. No step may take more than 96 MiB; several consist of a few requests.
func useEverything(t *testing.T, config redisconn.Config) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var client *redisconn.Client
	servicetest.CheckAllocated(t, 64<<20, func() { client, _ = redisconn.Open(ctx, config, nil) })
	if client == nil {
		return
	}
	defer func() { _ = client.Close() }()
	stop := client.CutOn(ctx)
	defer stop()
	shards := client.NewShards()
	defer shards.Close()
	for _, ask := range []func(){
		func() { _ = client.Info(ctx).Err() },
		func() { _, _ = client.Modules(ctx) },
		func() { client.Inspect(ctx, redisconn.Needs{Modules: []string{"timeseries"}}) },
		func() { _, _ = client.Do(ctx, "FT.SEARCH", "idx", "*").Slice() },
		func() { _ = shards.Do(ctx, sets(numbered("k", 1000), 1)) },
		func() {
			p := client.Pipeline()
			for range 500 {
				p.Do(ctx, "TS.INFO", "key")
			}
			_, _ = p.Exec(ctx)
		},
	} {
		servicetest.CheckAllocated(t, 96<<20, ask)
	}
}

// The error names the limit and the peer.
func TestErrorNamesTheLimit(t *testing.T) {
	addr := redistest.ListenHostile(t, "$999999999999\r\n", false)
	_, err := redisconn.Open(t.Context(), hostileConfig(addr), nil)
	want := "redis " + addr + " announces a text of 999999999999 bytes, more than the limit of 16777216: check that it is a Redis"
	if err == nil || err.Error() != want || !guard.IsLimit(err) {
		t.Errorf("%v, want %s", err, want)
	}
}

// A reply to FT.SEARCH may be larger than any other.
func TestSearchesReadMore(t *testing.T) {
	addr := redistest.ListenHostile(t, "$20000000\r\n"+strings.Repeat("x", 20_000_000)+"\r\n", true)
	for _, c := range []struct {
		config redisconn.Config
		fits   bool
	}{{hostileConfig(addr), false}, {hostileConfig(addr).ForSearches(), true}} {
		client, err := redisconn.Open(t.Context(), c.config, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := client.Get(t.Context(), "k").Result(); (err == nil) != c.fits || c.fits != (len(text) == 20_000_000) {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		_ = client.Close()
	}
}

// script is a connection on which a peer has said all that it will say.
type script struct {
	net.Conn
	rest []byte
}

func (s *script) Read(b []byte) (int, error) {
	n := copy(b, s.rest)
	if s.rest = s.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (*script) Write(b []byte) (int, error)      { return len(b), nil }
func (*script) Close() error                     { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }

// FuzzPeer finds bytes that make go-redis, or our own reader, panic or take much memory.
func FuzzPeer(f *testing.F) {
	for _, text := range redistest.Hostile() {
		f.Add([]byte(text[:min(len(text), 200)]))
	}
	f.Add([]byte("+OK\r\n*2\r\n%1\r\n+a\r\n*0\r\n$3\r\nabc\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		servicetest.CheckAllocated(t, 96<<20, func() {
			client := redis.NewClient(&redis.Options{
				Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: 1,
				Dialer: func(context.Context, string, string) (net.Conn, error) {
					return guard.NewRESP(&script{rest: slices.Clone(data)}, 16<<20), nil
				},
			})
			defer func() { _ = client.Close() }()
			_, _ = client.Do(t.Context(), "INFO").Result()
			_, _ = client.ClusterShards(t.Context()).Result()
			_, _ = client.Do(t.Context(), "MODULE", "LIST").Slice()
			r := redisconn.NewReader(&script{rest: data})
			for range 10 {
				readAll(r)
			}
		})
	})
}

// Redis says why before it closes a connection, whatever was sent to it. The client may notice while it still writes.
func TestLastWords(t *testing.T) {
	const denied = "-DENIED Redis is running in protected mode because protected mode is enabled\r\n"
	const full = "-ERR max number of clients reached\r\n"
	for text, want := range map[string]string{
		denied:         "is in protected mode, which refuses connections from other hosts",
		full:           "has no free connections: raise maxclients there",
		"-ERR odd\r\n": "closes the connection: ERR odd",
	} {
		for range 20 { // it may be noticed at any command
			addr := servicetest.ServeRaw(t, func(c net.Conn) {
				_, _ = io.WriteString(c, text)
				_ = c.(*net.TCPConn).SetLinger(-1)
			})
			_, err := redisconn.Open(t.Context(), hostileConfig(addr), nil)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "TLS") {
				t.Fatalf("%q: %v", text, err)
			}
		}
	}
}

// brokenConn has something to read, and cannot be written to any more.
type brokenConn struct{ script }

func (*brokenConn) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestLastWordsAreReadBeforeJudging(t *testing.T) {
	conn := redisconn.NewPeer(&brokenConn{script{rest: []byte("-DENIED no\r\n")}})
	_, err := conn.Write([]byte("PING"))
	if err == nil || err.Error() != "DENIED no (broken pipe)" || !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
	conn = redisconn.NewPeer(&brokenConn{script{rest: []byte("-ERR unknown command 'HELLO'\r\n")}})
	if _, err := conn.Write([]byte("AUTH")); !errors.Is(err, syscall.EPIPE) || err.Error() != syscall.EPIPE.Error() {
		t.Error(err)
	}
}

// A node of a cluster that is configured as a single host is named as such at the first redirection.
func TestRedirectionWithoutACluster(t *testing.T) {
	for _, reply := range []string{"-MOVED 3999 127.0.0.1:7001\r\n", "-ASK 3999 127.0.0.1:7001\r\n"} {
		client, err := redisconn.Open(t.Context(), hostileConfig(redistest.ListenHostile(t, reply, true)), nil)
		if err != nil {
			t.Fatal(err)
		}
		shards := client.NewShards()
		err = client.Explain(t.Context(), shards.Do(t.Context(), sets(numbered("k", 3), 1)))
		if err == nil || !strings.Contains(err.Error(), "is a node of a cluster: list it under cluster instead of url or host") {
			t.Error(err)
		}
		shards.Close()
		_ = client.Close()
	}
}
