package keyspace

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// Limits of what one client watches.
const (
	maxWatchedKeys  = 4096
	maxWatchedBytes = 256 << 10
)

// Watch is the set of keys that one client watches. The store's lock guards it.
type Watch struct {
	broken bool // a watched key changed
	bytes  int
	keys   []watchedKey
}

type watchedKey struct {
	database *Database
	name     string
}

// Add watches keys of a database that is locked for writing.
func (w *Watch) Add(d *Database, keys [][]byte) resp.Error {
	for _, arg := range keys {
		key := string(arg)
		if d.watchers[key][w] {
			continue
		}
		if w.bytes += len(key); len(w.keys) >= maxWatchedKeys || w.bytes > maxWatchedBytes {
			w.broken = true // otherwise EXEC would run although a key is not watched
			return resp.ErrOOM
		}
		if d.watchers[key] == nil {
			d.watchers[key] = map[*Watch]bool{}
		}
		d.watchers[key][w] = true
		w.keys = append(w.keys, watchedKey{d, key})
	}
	return ""
}

// isEmpty reports whether nothing is watched. It needs no lock, because no other
// goroutine changes a Watch without keys.
func (w *Watch) isEmpty() bool { return len(w.keys) == 0 && !w.broken }

// IsBroken reports whether a watched key changed or expired.
func (s *Store) IsBroken(w *Watch) bool {
	if w.isEmpty() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range w.keys {
		k.database.removeExpired()
	}
	return w.broken
}

// Unwatch forgets all watched keys.
func (s *Store) Unwatch(w *Watch) {
	if w.isEmpty() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range w.keys {
		watchers := k.database.watchers
		delete(watchers[k.name], w)
		if len(watchers[k.name]) == 0 {
			delete(watchers, k.name)
		}
	}
	*w = Watch{}
}

func (d *Database) breakWatches(key string) {
	if len(d.watchers) == 0 {
		return
	}
	for w := range d.watchers[key] {
		w.broken = true
	}
}

func (d *Database) breakAllWatches() {
	for key := range d.watchers {
		d.breakWatches(key)
	}
}
