package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// memory is a listener whose connections are pipes, for tests in which minutes pass in a moment.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *memory) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memory) Close() error   { close(l.closed); return nil }
func (l *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8642} }

// dial returns a connection, which waits in the queue of the listener.
func (l *memory) dial() net.Conn {
	client, server := net.Pipe()
	go func() {
		select {
		case l.conns <- server:
		case <-l.closed:
			_ = server.Close()
		}
	}()
	return client
}

// inMemory calls f with the listener of a server. The time is the bubble's.
func inMemory(t *testing.T, settings config.Web, f func(t *testing.T, l *memory)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := web.New(web.Config{Redis: redisconn.Defaults(), Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		l := &memory{make(chan net.Conn), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Serve(ctx, l) }()
		f(t, l)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// untilClosed returns how long the server keeps a connection, from which nothing was read.
func untilClosed(c net.Conn) time.Duration {
	began := time.Now()
	for { // write: a read would let a blocked server go on
		if _, err := c.Write([]byte("x")); err != nil {
			return time.Since(began)
		}
		time.Sleep(time.Second)
	}
}

// TestSlowClients: a client that does not send or does not read loses its connection.
func TestSlowClients(t *testing.T) {
	for name, test := range map[string]struct {
		sent string
		most time.Duration
	}{
		"header":  {"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 15 * time.Second},
		"body":    {"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\nquery=", 2 * time.Minute},
		"reading": {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, config.Web{}, func(t *testing.T, l *memory) {
				c := l.dial()
				defer c.Close()
				if _, err := io.WriteString(c, test.sent); err != nil {
					t.Fatal(err)
				}
				if took := untilClosed(c); took > test.most {
					t.Errorf("closed after %v", took)
				}
			})
		})
	}
}

// get sends a request for /health and returns the status line.
func getHealth(t *testing.T, c net.Conn, header string) string {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	go func() { _, _ = io.WriteString(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n"+header+"\r\n") }()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// TestMaxConnections: those beyond the limit wait until another one ends.
func TestMaxConnections(t *testing.T) {
	inMemory(t, config.Web{MaxConnections: 2}, func(t *testing.T, l *memory) {
		a, b, c := l.dial(), l.dial(), l.dial()
		defer b.Close()
		defer c.Close()
		answered := 0
		for _, conn := range []net.Conn{a, b, c} {
			if getHealth(t, conn, "") == "HTTP/1.1 200 OK" {
				answered++
			}
		}
		if answered != 2 {
			t.Errorf("%d connections were served", answered)
		}
		for _, conn := range []net.Conn{a, b, c} {
			_ = conn.Close()
		}
		d := l.dial()
		defer d.Close()
		if got := getHealth(t, d, ""); got != "HTTP/1.1 200 OK" {
			t.Error(got)
		}
	})
}

// TestHeaderSize: a header of a megabyte is refused.
func TestHeaderSize(t *testing.T) {
	inMemory(t, config.Web{}, func(t *testing.T, l *memory) {
		c := l.dial()
		defer c.Close()
		if got := getHealth(t, c, "X: "+strings.Repeat("x", 1<<20)+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
			t.Error(got)
		}
	})
}

// TestTLS: with a certificate the server speaks nothing else, and with an authority for clients it wants their certificates.
func TestTLS(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	clientCert, err := tls.LoadX509KeyPair(a.Issue(t, tlstest.Cert{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, mutual := range []bool{false, true} {
		settings := config.Web{TLS: tlsx.Server{Cert: cert, Key: key}}
		if mutual {
			settings.TLS.ClientCA = a.File
		}
		base := listen(t, web.Config{Redis: redisconn.Defaults(), Settings: settings})
		if !strings.HasPrefix(base, "https://127.0.0.1:") {
			t.Fatal(base)
		}
		get := func(certificates ...tls.Certificate) (int, error) {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool(), Certificates: certificates}}
			defer transport.CloseIdleConnections()
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/health", nil)
			resp, err := transport.RoundTrip(r)
			if err != nil {
				return 0, err
			}
			return resp.StatusCode, resp.Body.Close()
		}
		if status, err := get(clientCert); status != 200 {
			t.Error(mutual, status, err)
		}
		if status, err := get(); (status == 200) == mutual {
			t.Error(mutual, status, err)
		}
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(base, "https", "http", 1)+"/health", nil)
		if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
			if resp.Body.Close(); resp.StatusCode == http.StatusOK {
				t.Error("it answers without TLS")
			}
		}
	}
	if _, err := web.New(web.Config{Settings: config.Web{TLS: tlsx.Server{Cert: "/nowhere", Key: key}}}); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Error(err)
	}
}

// TestExposed: a server that other machines can reach needs a credential, or must say that it needs none.
func TestExposed(t *testing.T) {
	for listen, auth := range map[string]*httpauth.Auth{"0.0.0.0:8642": nil, ":8642": nil, "192.0.2.1:8642": nil, "[::]:8642": nil, "metrics.lan:8642": nil} {
		if _, err := web.New(web.Config{Redis: redisconn.Defaults(), Settings: config.Web{Listen: listen, Auth: auth}}); err == nil || !strings.Contains(err.Error(), "auth: none") {
			t.Errorf("%s: %v", listen, err)
		}
		for _, auth := range []*httpauth.Auth{httpauth.NoAuth(), {Token: secret.Literal("t")}} {
			if _, err := web.New(web.Config{Redis: redisconn.Defaults(), Settings: config.Web{Listen: listen, Auth: auth}}); err != nil {
				t.Errorf("%s: %v", listen, err)
			}
		}
	}
}
