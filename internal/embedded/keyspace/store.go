package keyspace

import (
	"sync"
	"time"
)

const (
	// Databases is the number of databases that SELECT can choose.
	Databases = 16
	// MaxTimestamp is the latest time in Unix milliseconds. It keeps sums of
	// times, buckets and retentions within int64.
	MaxTimestamp = 1 << 60
)

// Store holds all databases. One lock guards it: commands are atomic as in
// Redis, and commands that only read run side by side.
type Store struct {
	mu        sync.RWMutex
	now       func() time.Time
	databases [Databases]*Database
	loaders   map[byte]Loader
	observer  Observer
	writes    writeSignal
}

// NewStore returns a Store with empty databases.
func NewStore() *Store {
	s := &Store{now: time.Now, loaders: map[byte]Loader{}}
	for i := range s.databases {
		s.databases[i] = &Database{store: s, watchers: map[string]map[*Watch]bool{}}
		s.databases[i].clear()
	}
	return s
}

// Observe makes an observer learn about all changes. Call it before the Store is
// used.
func (s *Store) Observe(o Observer) { s.observer = o }

// RegisterLoader makes RESTORE use a loader for payloads with this type tag. Call
// it before the Store is used.
func (s *Store) RegisterLoader(tag byte, load Loader) { s.loaders[tag] = load }

// SetClock replaces the clock, for tests.
func (s *Store) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Now returns the time by the store's clock.
func (s *Store) Now() time.Time { return s.now() }

// NowMillis returns the time by the store's clock in Unix milliseconds.
func (s *Store) NowMillis() int64 { return s.now().UnixMilli() }

// Lock locks the store for writing and returns a database without its expired
// keys. Unlock must follow.
func (s *Store) Lock(db int) *Database {
	s.mu.Lock()
	d := s.databases[db]
	d.removeExpired()
	return d
}

// Unlock ends Lock.
func (s *Store) Unlock() { s.mu.Unlock() }

// RLock locks the store for reading and returns a database. RUnlock must follow.
// It takes the write lock for a moment if a key of the database has expired.
func (s *Store) RLock(db int) *Database {
	s.mu.RLock()
	if d := s.databases[db]; !d.hasExpired() {
		return d
	}
	s.mu.RUnlock()
	s.Lock(db)
	s.Unlock()
	s.mu.RLock()
	return s.databases[db]
}

// RUnlock ends RLock.
func (s *Store) RUnlock() { s.mu.RUnlock() }

// Database returns a database of the locked store, with its expired keys.
func (s *Store) Database(db int) *Database { return s.databases[db] }

// Flush empties one database.
func (s *Store) Flush(db int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databases[db].flush()
}

// FlushAll empties all databases.
func (s *Store) FlushAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.databases {
		d.flush()
	}
}

// swap exchanges two databases.
func (s *Store) swap(a, b int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databases[a].breakAllWatches()
	s.databases[b].breakAllWatches()
	s.databases[a], s.databases[b] = s.databases[b], s.databases[a]
	if s.observer != nil && a != b && (a == 0 || b == 0) {
		s.observer.DatabaseReplaced(s.databases[0])
	}
}
