// Package embedded is a Redis in this process: the commands of TimeSeries, of
// JSON and of Search for log lines, answered like Redis 8.0, and the ordinary
// ones that clients and people use. It is volatile, its memory is bounded, and
// it is meant for demos, tests and a single device.
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

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	defaultMaxSeries  = 100_000
	defaultMaxSamples = 8_000_000 // 128 MB
	maxClients        = 1024

	defaultMaxDocuments     = 200_000
	defaultMaxDocumentBytes = 256 << 20
	defaultMaxObjectBytes   = 64 << 20
	defaultMaxLabelBytes    = 128 << 20
	defaultMaxClientBytes   = 256 << 20
	// Version answered to HELLO and INFO: of the server whose answers the tests
	// replay.
	redisVersion = "8.0.6"
)

// servedModules are the modules whose commands are answered, in the versions
// that the tests replay.
func servedModules() []servedModule {
	return []servedModule{{"timeseries", 80005}, {"ReJSON", 80008}, {"search", 80002}}
}

type servedModule struct {
	name    string
	version int64
}

// Config of a server; the zero value is usable.
type Config struct {
	// MaxSeries is how many series may exist; creating more answers an OOM
	// error. 0 is 100,000.
	MaxSeries int
	// MaxSamples is how many samples may exist over all series, at 16 bytes
	// each. At the cap a series that gets a sample gives up its own oldest one;
	// one that has none gets an OOM error. 0 is 8,000,000 (128 MB).
	MaxSamples int
	// MaxDocuments is how many JSON documents may exist, and how many hashes an
	// index holds; setting more answers an OOM error. 0 is 200,000.
	MaxDocuments int
	// MaxDocumentBytes bounds the text of all JSON documents; setting more
	// answers an OOM error. Indexes come on top, in proportion. 0 is 256 MB.
	MaxDocumentBytes int64
	// MaxObjectBytes bounds the memory of ordinary keys (strings, hashes, lists,
	// sets, sorted sets, streams), as estimated; commands that could exceed it
	// answer an OOM error. 0 is 64 MiB.
	MaxObjectBytes int64
	// MaxLabelBytes bounds the text of the keys and labels of all series;
	// creating more answers an OOM error. 0 is 128 MiB.
	MaxLabelBytes int64
	// MaxClientBytes bounds the buffers of all clients together: incomplete
	// commands, replies they have not read, queued transactions, messages. A
	// client that needs more is disconnected. 0 is 256 MiB.
	MaxClientBytes int64
	// Insecure allows listening on an address other than loopback without a
	// password.
	Insecure bool
	// Retention is given to series created with RETENTION 0 or none; at least
	// 1 ms. 0 is unlimited.
	Retention time.Duration
	// Password that clients must send with AUTH or HELLO; empty: none.
	Password string
	// Logger for state changes; nil discards.
	Logger *slog.Logger
}

// Stats is a snapshot of a server's counters.
type Stats struct {
	Series    int
	Samples   int64
	Documents int
	Ordinary  int64 // estimated memory of ordinary keys
	Bytes     int64 // estimated memory of everything stored
	Commands  int64 // since Listen
	Clients   int   // connected now
}

// Server is a running embedded Redis.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	store    *store
	clients  *resp.Budget // of the clients' buffers
	commands map[string]*command
	started  time.Time
	failing  atomic.Pointer[string]
	executed atomic.Int64
	accepted atomic.Int64
	panicked sync.Map // names of commands whose panic was logged

	// serial makes EXEC atomic: it holds the lock alone, all others share it.
	serial sync.RWMutex

	pubsubMu sync.Mutex
	pubsub   pubsub

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// Listen starts a server on a TCP address such as "127.0.0.1:6390"; port 0
// picks a free one. An IPv4 address is listened on with IPv4 only. The error is
// that of the listener, or ErrExposed.
func Listen(addr string, cfg Config) (*Server, error) {
	l, err := net.Listen(network(addr), addr)
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

// ErrExposed is returned for an address that other machines can reach, without a
// password or Config.Insecure.
var ErrExposed = errors.New("other machines can reach this address, and no password is set")

// network keeps Go from listening on IPv6 as well when the address is 0.0.0.0.
func network(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "tcp"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// mayListen looks at what is listened on in fact, as addr may be a name.
func (s *Server) mayListen(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return s.cfg.Insecure || s.cfg.Password != "" || ok && tcp.IP.IsLoopback()
}

func newServer(cfg Config) *Server {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = defaultMaxSeries
	}
	if cfg.MaxSamples <= 0 {
		cfg.MaxSamples = defaultMaxSamples
	}
	if cfg.MaxDocuments <= 0 {
		cfg.MaxDocuments = defaultMaxDocuments
	}
	if cfg.MaxDocumentBytes <= 0 {
		cfg.MaxDocumentBytes = defaultMaxDocumentBytes
	}
	if cfg.MaxObjectBytes <= 0 {
		cfg.MaxObjectBytes = defaultMaxObjectBytes
	}
	if cfg.MaxLabelBytes <= 0 {
		cfg.MaxLabelBytes = defaultMaxLabelBytes
	}
	if cfg.MaxClientBytes <= 0 {
		cfg.MaxClientBytes = defaultMaxClientBytes
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, log: cfg.Logger, commands: commandTable(), started: time.Now(),
		conns:   map[*conn]struct{}{},
		store:   newStore(cfg),
		clients: resp.NewBudget(cfg.MaxClientBytes),
		pubsub:  pubsub{channels: topics{}, patterns: topics{}},
	}
}

// Addr is the address listened on, as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Password is what clients must send; empty: nothing.
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

// FlushAll empties the server, as if it had been restarted; connections stay.
func (s *Server) FlushAll() {
	s.serial.Lock()
	defer s.serial.Unlock()
	s.store.flushAll()
}

// SetError makes every command that writes answer this error reply, code
// first ("READONLY You can't write…"). "" ends it.
func (s *Server) SetError(text string) {
	if text == "" {
		s.failing.Store(nil)
	} else {
		s.failing.Store(&text)
	}
}

// Stats takes time in proportion to the number of series and documents.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	st := Stats{Clients: len(s.conns), Commands: s.executed.Load()}
	s.mu.Unlock()
	s.store.stats(&st)
	return st
}

func (st *store) stats(out *Stats) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	out.Series, out.Samples, out.Documents, out.Ordinary = st.series, st.pool.samples, st.docs.count, st.objects.bytes
	out.Bytes = st.docs.bytes + st.search.bytes() + st.objects.bytes
	out.Bytes += int64(len(st.pool.free)) * chunkFull * sampleBytes
	for _, d := range st.dbs {
		for _, s := range d.keys {
			out.Bytes += s.bytes()
		}
		out.Bytes += documentBytes * int64(len(d.docs))
	}
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		nc, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("connection not accepted", "error", err)
			time.Sleep(acceptPause) // out of file descriptors: it passes
			continue
		}
		s.start(nc)
	}
}

const acceptPause = 50 * time.Millisecond

func (s *Server) start(nc net.Conn) {
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

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}
