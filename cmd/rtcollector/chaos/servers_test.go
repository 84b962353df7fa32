package chaos

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// node is a server, and a client that reaches it around the network.
type node struct {
	server *embedded.Server
	client *redis.Client
}

func newNode(t *testing.T) node {
	t.Helper()
	server, _ := embeddedtest.Start(t, embedded.Config{})
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = client.Close() })
	return node{server, client}
}

// failover lets the server refuse writes, as one does that has become a replica. Then a server takes over that has got nothing of what this one
// has: what a master loses that dies before its replica follows. It is the worst of these cases.
func failover(t *testing.T, s *stage) (end func()) {
	s.server.SetError("READONLY You can't write against a read only replica.")
	return func() {
		s.network.Stop()
		s.forget(t, s.server.FlushAll)
		s.node, s.replica = s.replica, s.node
		if s.front != nil {
			s.front.backend.Store(s.server.Addr())
		}
		s.network.Upstream = s.address()
		s.start(t)
	}
}

// front speaks TLS in front of a server.
type front struct {
	backend        atomic.Value // an address
	addr           string
	authority      *tlstest.Authority
	valid, expired tls.Certificate
	current        atomic.Pointer[tls.Certificate]
	trusted        atomic.Int64 // connections that trusted the expired certificate

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newFront(t *testing.T, backend string) *front {
	t.Helper()
	f := &front{authority: tlstest.New(t), conns: map[net.Conn]bool{}}
	f.backend.Store(backend)
	issue := func(c tlstest.Cert) tls.Certificate {
		c.Hosts = []string{"redis.chaos"}
		cert, err := tls.LoadX509KeyPair(f.authority.Issue(t, c))
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	f.valid, f.expired = issue(tlstest.Cert{}), issue(tlstest.Cert{Expired: true})
	f.current.Store(&f.valid)
	f.addr = servicetest.ServeRaw(t, f.serve)
	return f
}

func (f *front) serve(conn net.Conn) {
	f.mu.Lock()
	f.conns[conn] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
	}()
	cert := f.current.Load()
	client := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
	if client.Handshake() != nil {
		return
	}
	if cert == &f.expired {
		f.trusted.Add(1)
		return
	}
	back, err := net.Dial("tcp", f.backend.Load().(string))
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	go func() {
		_, _ = io.Copy(back, client)
		_, _ = back.Close(), conn.Close()
	}()
	_, _ = io.Copy(client, back)
}

// cut ends all connections.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Close()
	}
}

// expire uses a certificate that has expired, and ends all connections.
func expire(t *testing.T, s *stage) (end func()) {
	s.front.current.Store(&s.front.expired)
	s.front.cut()
	return func() {
		s.front.current.Store(&s.front.valid)
		if n := s.front.trusted.Load(); n > 0 {
			t.Errorf("%d connections trusted a certificate that has expired", n)
		}
	}
}
