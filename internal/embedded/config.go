package embedded

import (
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// Config configures a server. The zero value is usable.
type Config struct {
	// MaxSeries is how many series may exist. Creating more answers an OOM
	// error. 0 means 100,000.
	MaxSeries int
	// MaxSamples is how many samples may exist in all series together, at 16
	// bytes each. At the limit a series drops its own oldest sample for a new
	// one; a series without samples gets an OOM error. 0 means 8,000,000
	// (128 MB).
	MaxSamples int
	// MaxDocuments is how many JSON documents may exist, and how many hashes an
	// index may hold. Creating more documents answers an OOM error. 0 means
	// 200,000.
	MaxDocuments int
	// MaxDocumentBytes bounds the keys and texts of all JSON documents. Writing
	// more answers an OOM error. Indexes take memory in addition, in proportion.
	// 0 means 256 MB.
	MaxDocumentBytes int64
	// MaxObjectBytes bounds the estimated memory of all other keys (strings,
	// hashes, lists, sets, sorted sets, streams). Commands that could exceed it
	// answer an OOM error. 0 means 64 MiB.
	MaxObjectBytes int64
	// MaxLabelBytes bounds the text of the keys and labels of all series.
	// Creating more answers an OOM error. 0 means 128 MiB.
	MaxLabelBytes int64
	// MaxClientBytes bounds the buffers of all clients together: incomplete
	// commands, unread replies, queued transactions and messages. A client that
	// needs more is disconnected. 0 means 256 MiB.
	MaxClientBytes int64
	// Insecure allows to listen without a password on an address that other
	// machines can reach.
	Insecure bool
	// Retention is the retention of series that ask for none, in steps of 1 ms.
	// 0 is unlimited.
	Retention time.Duration
	// Password is what clients must send with AUTH or HELLO. Empty means none.
	Password string
	// Logger gets state changes; nil discards them.
	Logger *slog.Logger
}

const (
	defaultMaxSeries        = 100_000
	defaultMaxSamples       = 8_000_000
	defaultMaxDocuments     = 200_000
	defaultMaxDocumentBytes = 256 << 20
	defaultMaxObjectBytes   = 64 << 20
	defaultMaxLabelBytes    = 128 << 20
	defaultMaxClientBytes   = 256 << 20
)

// withDefaults fills in the fields that are zero.
func (cfg Config) withDefaults() Config {
	setDefault(&cfg.MaxSeries, defaultMaxSeries)
	setDefault(&cfg.MaxSamples, defaultMaxSamples)
	setDefault(&cfg.MaxDocuments, defaultMaxDocuments)
	setDefault(&cfg.MaxDocumentBytes, defaultMaxDocumentBytes)
	setDefault(&cfg.MaxObjectBytes, defaultMaxObjectBytes)
	setDefault(&cfg.MaxLabelBytes, defaultMaxLabelBytes)
	setDefault(&cfg.MaxClientBytes, defaultMaxClientBytes)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func setDefault[T int | int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Stats is a snapshot of a server's counters.
type Stats struct {
	Series    int
	Samples   int64
	Documents int
	Ordinary  int64 // estimated memory of strings, hashes, lists, sets, sorted sets and streams
	Bytes     int64 // estimated memory of everything stored
	Commands  int64 // since Listen
	Clients   int   // connected now
}

// Stats returns the counters. It takes time in proportion to the number of keys.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	st := Stats{Clients: len(s.conns), Commands: s.executed.Load()}
	s.mu.Unlock()
	s.eachDatabase(func(_ int, d *keyspace.Database) {
		for _, v := range d.All() {
			st.Bytes += v.MemoryUsage()
		}
	})
	s.store.RLock(0)
	defer s.store.RUnlock()
	series := s.series.Usage()
	st.Series, st.Samples, st.Ordinary = series.Series, series.Samples, s.datatypes.Bytes()
	st.Documents, _ = s.documents.Usage()
	st.Bytes += series.FreeBytes + s.search.Bytes()
	return st
}

// eachDatabase visits all databases, locked for reading.
func (s *Server) eachDatabase(visit func(db int, d *keyspace.Database)) {
	for db := range keyspace.Databases {
		visit(db, s.store.RLock(db))
		s.store.RUnlock()
	}
}
