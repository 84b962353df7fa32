package redisconn_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// socks5 is a SOCKS5 proxy that knows one user, or asks for none.
func socks5(t *testing.T, args ...string) (port string) {
	t.Helper()
	servicetest.RequireCommands(t, "microsocks", "microsocks")
	d := servicetest.New(t)
	d.Args = append([]string{"microsocks", "-i", "127.0.0.1", "-p", "$PORT"}, args...)
	d.Run()
	return d.Port
}

func fails(t *testing.T, c redisconn.Config, want ...string) {
	t.Helper()
	_, err := open(t, c)
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want %q in it", err, w)
		}
	}
	if err != nil && strings.Contains(err.Error(), "geheim") {
		t.Errorf("the password is shown: %v", err)
	}
}

func TestRealSOCKS5(t *testing.T) {
	s := redistest.Start(t)
	port := socks5(t, "-u", "user", "-P", "geheim")
	c := redisconn.Defaults()
	c.Host = "localhost" // looked up by the proxy
	c.Port, _ = strconv.Atoi(s.Port)
	c.SOCKS5Proxy = secret.Literal(fmt.Sprintf("socks5://user:geheim@127.0.0.1:%s", port))
	client, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "k", 1, 0).Err(); err != nil {
		t.Error(err)
	}
	c.SOCKS5Proxy = secret.Literal(fmt.Sprintf("socks5://user:geheim2@127.0.0.1:%s", port))
	fails(t, c, "redis localhost:"+s.Port+" cannot be reached through its proxy: the proxy refuses the user or the password", "username/password authentication failed")
	c.SOCKS5Proxy = secret.Literal("socks5://user:geheim@127.0.0.1:1")
	fails(t, c, "cannot be reached through its proxy: the proxy cannot be reached: start it, or correct socks5_proxy", "connection refused")
	c.SOCKS5Proxy = secret.Literal(fmt.Sprintf("socks5://user:geheim@127.0.0.1:%s", port))
	c.Port = 1
	fails(t, c, "cannot be reached through its proxy: the proxy cannot connect to it, or does not allow that", "connection refused")
	c.SOCKS5Proxy = secret.Ref{}
	fails(t, c, "cannot be reached")
}

// Dante refuses what its rules do not allow: here, one of two servers.
func TestRealSOCKS4(t *testing.T) {
	s, other := redistest.Start(t), redistest.Start(t)
	servicetest.RequireCommands(t, "dante-server", "danted")
	d := servicetest.New(t)
	d.WriteFile("conf", `logoutput: $DIR/said
internal: 127.0.0.1 port = $PORT
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {
	from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks pass {
	from: 127.0.0.0/8 to: 127.0.0.1/32 port = `+s.Port+`
	proxyprotocol: socks_v4
}
`)
	if os.Getuid() != 0 {
		t.Skip("danted changes its user: it must be started by root")
	}
	d.Args = []string{"danted", "-f", "$DIR/conf"}
	d.Run()
	c := redisconn.Defaults()
	c.Host = "127.0.0.1"
	c.Port, _ = strconv.Atoi(s.Port)
	c.SOCKS4Proxy = secret.Literal(fmt.Sprintf("socks4://user@127.0.0.1:%s", d.Port))
	client, err := open(t, c)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(d.Dir, "said"))
		t.Fatalf("%v\n%s", err, log)
	}
	if err := client.Set(t.Context(), "k", 1, 0).Err(); err != nil {
		t.Error(err)
	}
	c.Port, _ = strconv.Atoi(other.Port)
	fails(t, c, "cannot be reached through its proxy: the proxy cannot connect to it, or does not allow that", "rejected")
}

// fakeSOCKS4 answers one request with a reply and returns what was asked for. Danted knows no 4A.
func fakeSOCKS4(t *testing.T, reply []byte) (addr string, request func() string) {
	t.Helper()
	l := listenTCP(t)
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		buf := make([]byte, 256)
		n, _ := conn.Read(buf)
		got <- string(buf[:n])
		_, _ = conn.Write(reply)
		_, _ = io.Copy(io.Discard, conn)
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), func() string { return <-got }
}

func TestSOCKS4Requests(t *testing.T) {
	for host, want := range map[string]string{
		"10.0.0.7":  "\x04\x01\x18\xeb\x0a\x00\x00\x07user\x00",
		"redis.lan": "\x04\x01\x18\xeb\x00\x00\x00\x01user\x00redis.lan\x00",
	} {
		addr, request := fakeSOCKS4(t, []byte{0, 92, 0, 0, 0, 0, 0, 0})
		c := redisconn.Defaults()
		c.Host = host
		c.SOCKS4Proxy = secret.Literal("socks4a://user@" + addr)
		fails(t, c, "redis "+host+":6379 cannot be reached through its proxy", "the user is refused")
		if got := request(); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestSOCKS4Replies(t *testing.T) {
	for want, reply := range map[string][]byte{
		"request rejected":           {0, 91, 0, 0, 0, 0, 0, 0},
		"unknown reply 7":            {0, 7, 0, 0, 0, 0, 0, 0},
		"this is not a SOCKS4 proxy": []byte("HTTP/1.1 400 Bad Request\r\n"),
		"i/o timeout":                {0, 90, 0},                // half a reply, and then nothing
		"did not answer in time":     {0, 90, 0, 0, 0, 0, 0, 0}, // a way to nowhere
		"does not support IPv6 add":  nil,
	} {
		addr, _ := fakeSOCKS4(t, reply)
		c := redisconn.Defaults()
		c.ConnectTimeout = c.ConnectTimeout / 25
		c.Timeout = c.ConnectTimeout
		if reply == nil {
			c.Host = "fd00::1"
		}
		c.SOCKS4Proxy = secret.Literal("socks4://" + addr)
		fails(t, c, want)
	}
}

// The proxy is looked up anew for every connection.
func TestRotatedProxy(t *testing.T) {
	s := redistest.Start(t)
	port := socks5(t)
	c := redisconn.Defaults()
	c.Host = s.Host
	c.Port, _ = strconv.Atoi(s.Port)
	c.ConnectTimeout = c.ConnectTimeout / 5
	if err := c.SOCKS5Proxy.UnmarshalScalar("secret:proxy"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_PROXY", fmt.Sprintf("socks5://127.0.0.1:%s", port))
	client, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_PROXY", "socks5://127.0.0.1:1")
	shards := client.NewShards()
	defer shards.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = client.Explain(ctx, shards.Do(ctx, sets([]string{"k"}, 1)))
	if err == nil || !strings.Contains(err.Error(), "cannot be reached through its proxy") {
		t.Errorf("error %v", err)
	}
}
