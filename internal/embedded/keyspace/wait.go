package keyspace

import "sync"

// writeSignal wakes all clients that wait for a write. It has its own lock,
// because clients wait without the store's lock.
type writeSignal struct {
	mu sync.Mutex
	ch chan struct{} // closed by the next write; nil while nobody waits
}

// NextWrite returns a channel that the next SignalWrite closes.
func (s *Store) NextWrite() <-chan struct{} {
	s.writes.mu.Lock()
	defer s.writes.mu.Unlock()
	if s.writes.ch == nil {
		s.writes.ch = make(chan struct{})
	}
	return s.writes.ch
}

// SignalWrite makes blocked clients check again whether there is data for them.
func (s *Store) SignalWrite() {
	s.writes.mu.Lock()
	defer s.writes.mu.Unlock()
	if s.writes.ch != nil {
		close(s.writes.ch)
		s.writes.ch = nil
	}
}
