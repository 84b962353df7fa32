// Package embedded is a Redis in this process: the commands of TimeSeries, of
// JSON and of Search for log lines, which it answers like Redis 8.0, and the
// ordinary ones, which miniredis answers. It is volatile, holds a bounded
// number of series, samples and documents, and is meant for demos, tests and a
// lone device.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

const (
	defaultMaxSeries  = 100_000
	defaultMaxSamples = 8_000_000 // 128 MB
	maxClients        = 1024

	defaultMaxDocuments     = 200_000
	defaultMaxDocumentBytes = 256 << 20
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
	Bytes     int64 // estimated memory of series, samples, documents and indexes
	Commands  int64 // since Listen
	Clients   int   // connected now
}

// Server is a running embedded Redis.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	store    *store
	mini     *miniredis.Miniredis
	clock    clock
	ordinary *server.Server // mini's commands; mini forgets them when it closes
	commands map[string]*command
	started  time.Time
	failing  atomic.Pointer[string]
	executed atomic.Int64
	accepted atomic.Int64

	// serial makes EXEC atomic: it holds the lock alone, all others share it.
	serial sync.RWMutex

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// Listen starts a server on a TCP address such as "127.0.0.1:6390"; port 0
// picks a free one. The error is that of the listener.
func Listen(addr string, cfg Config) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for embedded redis: %w", err)
	}
	mini, err := startMini()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded redis: %w", err), l.Close())
	}
	s := newServer(cfg)
	s.listener, s.mini, s.ordinary = l, mini, mini.Server()
	s.clock.mini = mini
	s.store.search.hashDB = func() *miniredis.RedisDB {
		s.clock.step()
		return mini.DB(0)
	}
	s.wg.Add(1)
	go s.accept()
	s.log.Info("embedded redis is listening; its data is lost on exit", "address", s.Addr())
	return s, nil
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
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, log: cfg.Logger, commands: commandTable(), started: time.Now(),
		conns: map[*conn]struct{}{},
		store: newStore(cfg),
	}
}

// Addr is the address listened on, as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

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
	s.mini.Close() // wakes clients that wait in a blocking command
	s.wg.Wait()
	return err
}

// FlushAll empties the server, as if it had been restarted; connections stay.
func (s *Server) FlushAll() {
	s.serial.Lock()
	defer s.serial.Unlock()
	s.store.flushAll()
	s.mini.FlushAll()
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
	out.Series, out.Samples, out.Documents = st.series, st.pool.samples, st.docs.count
	out.Bytes = st.docs.bytes + st.search.bytes()
	out.Bytes += int64(len(st.pool.free)) * chunkFull * sampleBytes
	for _, d := range st.dbs {
		for _, s := range d.keys {
			out.Bytes += s.bytes()
		}
		for key := range d.docs {
			out.Bytes += documentBytes + int64(len(key))
		}
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
