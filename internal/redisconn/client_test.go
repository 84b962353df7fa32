package redisconn_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// listen serves what fakeServer knows on a listener and returns its address.
func (s *fakeServer) listen(t *testing.T, l net.Listener) string {
	t.Helper()
	servicetest.Serve(t, l, s.serve)
	return l.Addr().String()
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func silent([]string) string { return "*0\r\n" }

// use opens a client, uses both ways to speak, and closes it.
func use(t *testing.T, config redisconn.Config) error {
	t.Helper()
	c, err := redisconn.Open(t.Context(), config, secret.Env{})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	p := c.NewPipe()
	defer p.Close()
	return p.Exchange(t.Context(), commands(3), emptyArray)
}

func withURL(t *testing.T, url string) redisconn.Config {
	t.Helper()
	c := redisconn.Defaults()
	if err := c.URL.UnmarshalScalar(url); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *fakeServer) saw(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.seen, "\n"); !strings.Contains(got, want) {
		t.Errorf("the server did not see %q:\n%s", want, got)
	}
}

func TestURL(t *testing.T) {
	s := &fakeServer{answer: silent}
	addr := s.listen(t, listenTCP(t))
	if err := use(t, withURL(t, "redis://user:pw@"+addr+"/4")); err != nil {
		t.Fatal(err)
	}
	s.saw(t, "hello 2 auth user pw setname rtcollector\nselect 4\n")
	s.saw(t, "ping\nDO 0\nDO 1\nDO 2")
}

// A user and a password of their own win over those in the URL.
func TestCredentialsBesideTheURL(t *testing.T) {
	s := &fakeServer{answer: silent}
	config := withURL(t, "redis://a:x@"+s.listen(t, listenTCP(t)))
	config.Username, config.Password = secret.Literal("b"), secret.Literal("y")
	if err := use(t, config); err != nil {
		t.Fatal(err)
	}
	s.saw(t, "auth b y")
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "rtc") // t.TempDir is too long for a socket on some systems
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no unix sockets here:", err)
	}
	s := &fakeServer{answer: silent}
	s.listen(t, l)
	config := withURL(t, "unix://"+filepath.ToSlash(path)+"?db=2")
	config.SOCKS5Proxy = secret.Literal("socks5://127.0.0.1:1") // of no use here
	if err := use(t, config); err != nil {
		t.Fatal(err)
	}
	s.saw(t, "select 2")
}

// Every new connection asks the store again: a rotated password is found without a restart.
func TestRotatedPassword(t *testing.T) {
	s := &fakeServer{answer: silent}
	config := withURL(t, "redis://"+s.listen(t, listenTCP(t)))
	if err := config.Password.UnmarshalScalar("secret:redis/password"); err != nil {
		t.Fatal(err)
	}
	if err := use(t, config); err == nil || !strings.Contains(err.Error(), `resolve secret "redis/password"`) {
		t.Errorf("error %v", err)
	}
	t.Setenv("SECRET_REDIS_PASSWORD", "old")
	c, err := redisconn.Open(t.Context(), config, secret.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	t.Setenv("SECRET_REDIS_PASSWORD", "new")
	p := c.NewPipe()
	defer p.Close()
	if err := p.Exchange(t.Context(), commands(1), emptyArray); err != nil {
		t.Fatal(err)
	}
	s.saw(t, "auth default old")
	s.saw(t, "auth default new")
}

// certificate makes a self-signed one for 127.0.0.1, writes it as PEM files and returns their paths.
func certificate(t *testing.T) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if cert, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	return cert, certFile, keyFile
}

func TestTLS(t *testing.T) {
	cert, certFile, keyFile := certificate(t)
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	s := &fakeServer{answer: silent}
	addr := s.listen(t, tls.NewListener(listenTCP(t), &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}))
	config := withURL(t, "rediss://"+addr)
	if err := use(t, config); err == nil || !strings.Contains(err.Error(), "redis "+addr) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	config.SSLCACerts = certFile
	if err := use(t, config); err == nil {
		t.Error("no client certificate, and yet connected")
	}
	config.SSLCertfile, config.SSLKeyfile = certFile, keyFile
	if err := use(t, config); err != nil {
		t.Error(err)
	}
	old := &fakeServer{answer: silent}
	addr = old.listen(t, tls.NewListener(listenTCP(t), &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}))
	config = withURL(t, "rediss://"+addr)
	config.SSLCACerts = certFile
	if err := use(t, config); err == nil {
		t.Error("spoke TLS 1.1")
	}
	config.SSLCACerts = keyFile
	if err := use(t, config); err == nil || !strings.Contains(err.Error(), "no certificate in") {
		t.Errorf("a file without a certificate: %v", err)
	}
}

// socks is a SOCKS5 proxy (RFC 1928, 1929) that wants user and password and counts who came.
type socks struct {
	mu    sync.Mutex
	users []string
}

func (p *socks) listen(t *testing.T) string {
	t.Helper()
	return servicetest.ServeRaw(t, func(conn net.Conn) { _ = p.serve(conn) })
}

func (p *socks) serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	field := func() []byte { // one length byte and what it counts
		n, _ := r.ReadByte()
		b := make([]byte, n)
		_, _ = io.ReadFull(r, b)
		return b
	}
	_, _ = r.Discard(1) // version
	_ = field()         // methods
	_, _ = conn.Write([]byte{5, 2})
	_, _ = r.Discard(1)
	user, password := string(field()), string(field())
	p.mu.Lock()
	p.users = append(p.users, user)
	p.mu.Unlock()
	if password != "geheim" {
		_, err := conn.Write([]byte{1, 1})
		return err
	}
	_, _ = conn.Write([]byte{1, 0})
	head := make([]byte, 4+4+2) // IPv4
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	target := net.JoinHostPort(net.IP(head[4:8]).String(), strconv.Itoa(int(head[8])<<8|int(head[9])))
	up, err := net.Dial("tcp", target)
	if err != nil {
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return err
	}
	defer func() { _ = up.Close() }()
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() {
		_, _ = io.Copy(up, r)
		_ = up.Close()
	}()
	_, err = io.Copy(conn, up)
	return err
}

func TestSOCKS5(t *testing.T) {
	p := &socks{}
	proxy := p.listen(t)
	s := &fakeServer{answer: silent}
	addr := s.listen(t, listenTCP(t))
	config := withURL(t, "redis://"+addr)
	for password, works := range map[string]bool{"geheim": true, "falsch": false} {
		if err := config.SOCKS5Proxy.UnmarshalScalar(fmt.Sprintf("socks5://u:%s@%s", password, proxy)); err != nil {
			t.Fatal(err)
		}
		err := use(t, config)
		if (err == nil) != works {
			t.Errorf("password %s: %v", password, err)
		}
		if err != nil && (strings.Contains(err.Error(), "falsch") || !strings.Contains(err.Error(), addr)) {
			t.Errorf("error %v", err)
		}
	}
	if len(p.users) != 3 || p.users[0] != "u" { // two connections, and one refused
		t.Errorf("the proxy saw %v", p.users)
	}
	if err := use(t, withURL(t, "redis://"+addr)); err != nil || len(p.users) != 3 {
		t.Errorf("a client without proxy: %v, the proxy saw %v", err, p.users)
	}
}

func TestOpenIsCancelled(t *testing.T) {
	l := listenTCP(t) // accepts in the kernel and says nothing
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan struct{})
	go func() {
		defer close(cancelled)
		if conn, err := l.Accept(); err == nil {
			cancel()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	if _, err := redisconn.Open(ctx, withURL(t, "redis://"+l.Addr().String()), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-cancelled
}

func TestExplainKeepsTheCause(t *testing.T) {
	err := redisconn.Explain("h:1", fmt.Errorf("write: %w", redisconn.ServerError("OOM command not allowed")))
	var reply redisconn.ServerError
	if !errors.As(err, &reply) || err.Error() != "redis h:1 is full: raise maxmemory, or shorten the retention: write: OOM command not allowed" {
		t.Error(err)
	}
	for command, want := range map[string]string{"FT._LIST": "search", "JSON.SET": "JSON", "ts.madd": "TimeSeries"} {
		err := redisconn.Explain("h:1", redisconn.ServerError("ERR unknown command '"+command+"', with args"))
		if !strings.Contains(err.Error(), "has no "+want+" module") {
			t.Error(err)
		}
	}
	if err := redisconn.Explain("h:1", io.EOF); err.Error() != "redis h:1 closed the connection: EOF" {
		t.Error(err)
	}
	if redisconn.Explain("h:1", nil) != nil {
		t.Error("made an error of none")
	}
}

func TestName(t *testing.T) {
	named := func(change func(*redisconn.Config)) string {
		c := redisconn.Defaults()
		change(&c)
		name, err := c.Name(t.Context(), nil)
		if err != nil {
			t.Error(err)
		}
		return name
	}
	for want, change := range map[string]func(*redisconn.Config){
		"localhost:6379":  func(*redisconn.Config) {},
		"[fd00::1]:6380":  func(c *redisconn.Config) { c.Host, c.Port = "fd00::1", 6380 },
		"h:6379":          func(c *redisconn.Config) { c.URL = secret.Literal("redis://user:password@h/3") },
		"/run/redis.sock": func(c *redisconn.Config) { c.URL = secret.Literal("unix:///run/redis.sock") },
		"mymaster":        func(c *redisconn.Config) { c.Sentinel = &redisconn.Sentinel{Master: "mymaster"} },
		"":                func(c *redisconn.Config) { c.Cluster = []string{"h"} },
	} {
		if got := named(change); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
