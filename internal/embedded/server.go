package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/datatypes"
	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
	"github.com/rtcollector/rtcollector/internal/embedded/search"
	"github.com/rtcollector/rtcollector/internal/embedded/timeseries"
)

const (
	maxClients = 4096
	// acceptPause is the wait after a failed accept, which mostly means that the
	// process has no file descriptors left.
	acceptPause = 50 * time.Millisecond
)

// ErrExposed is returned by Listen for an address that other machines can reach,
// without a password or Config.Insecure.
var ErrExposed = errors.New("other machines can reach this address, and no password is set")

// Server is a running embedded Redis.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	started  time.Time

	store     *keyspace.Store
	datatypes *datatypes.Module
	series    *timeseries.Module
	documents *jsondoc.Module
	search    *search.Module
	commands  map[string]*command // by name in upper case

	writeError   atomic.Pointer[resp.Error] // set by SetError
	executed     atomic.Int64               // commands
	accepted     atomic.Int64               // connections
	loggedPanics sync.Map                   // names of commands whose panic was logged
	clientMemory *resp.Budget

	// serial makes EXEC run alone. All other commands share a read lock.
	serial sync.RWMutex

	pubsubMu sync.Mutex
	pubsub   pubsub

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	wg     sync.WaitGroup // of all goroutines
}

// Listen starts a server on a TCP address such as "127.0.0.1:6390". Port 0
// chooses a free one. The server listens with IPv4 only on an IPv4 address. The
// error is that of the listener, or ErrExposed.
func Listen(addr string, cfg Config) (*Server, error) {
	l, err := net.Listen(networkOf(addr), addr)
	if err != nil {
		return nil, fmt.Errorf("listen for embedded redis: %w", err)
	}
	s := newServer(cfg)
	if !s.mayListen(l.Addr()) {
		return nil, errors.Join(fmt.Errorf("listen for embedded redis on %s: %w", l.Addr(), ErrExposed), l.Close())
	}
	s.listener = l
	s.wg.Add(1)
	go s.accept()
	s.log.Info("embedded redis is listening; its data is lost on exit", "address", s.Addr())
	return s, nil
}

// networkOf prevents Go from listening on IPv6 as well if the address is
// 0.0.0.0.
func networkOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "tcp"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// mayListen checks the address of the listener, because the configured one can
// be a name.
func (s *Server) mayListen(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return s.cfg.Insecure || s.cfg.Password != "" || ok && tcp.IP.IsLoopback()
}

func newServer(cfg Config) *Server {
	cfg = cfg.withDefaults()
	store := keyspace.NewStore()
	limits := timeseries.Limits{Series: cfg.MaxSeries, Samples: int64(cfg.MaxSamples), LabelBytes: cfg.MaxLabelBytes}
	s := &Server{
		cfg: cfg, log: cfg.Logger, started: time.Now(),
		store:        store,
		datatypes:    datatypes.New(store, cfg.MaxObjectBytes),
		series:       timeseries.New(store, limits, cfg.Retention),
		documents:    jsondoc.New(store, cfg.MaxDocuments, cfg.MaxDocumentBytes),
		search:       search.New(store, cfg.MaxDocuments),
		clientMemory: resp.NewBudget(cfg.MaxClientBytes),
		conns:        map[*conn]struct{}{},
		pubsub:       pubsub{channels: topics{}, patterns: topics{}},
	}
	s.commands = s.commandTable()
	return s
}

// Addr returns the address of the listener as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Password returns what clients must send. Empty means nothing.
func (s *Server) Password() string { return s.cfg.Password }

// Close stops the listener, ends all connections and waits for their
// goroutines. Calling it again does nothing. The error is the listener's.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	err := s.listener.Close()
	for c := range s.conns {
		c.net.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// FlushAll empties the server as if it had been restarted. Connections stay.
func (s *Server) FlushAll() {
	s.serial.Lock()
	defer s.serial.Unlock()
	s.store.FlushAll()
}

// SetError makes every command that writes answer this error, which starts with
// its code ("READONLY You can't write…"). The empty text ends that.
func (s *Server) SetError(text string) {
	if text == "" {
		s.writeError.Store(nil)
		return
	}
	err := resp.Error(text)
	s.writeError.Store(&err)
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		nc, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("accepting a connection failed", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		s.startConn(nc)
	}
}

func (s *Server) startConn(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		nc.Close()
		return
	case len(s.conns) >= maxClients:
		_ = nc.SetWriteDeadline(time.Now().Add(acceptPause))
		_, _ = nc.Write([]byte("-ERR max number of clients reached\r\n"))
		nc.Close()
		return
	}
	c := newConn(s, nc, s.accepted.Add(1))
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	go c.serve()
}

func (s *Server) removeConn(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}
