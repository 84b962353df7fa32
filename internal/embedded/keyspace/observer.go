package keyspace

// Event is what happened to a key.
type Event uint8

const (
	// Written means that the key was created, replaced or changed.
	Written Event = iota
	// Removed means that the key is gone.
	Removed
	// Emptied follows Removed when a command took the last element of a value.
	Emptied
	// DeadlineSet means that the key got a time to live.
	DeadlineSet
)

// Observer learns about changes of keys, as modules of Redis do from keyspace
// notifications. The store's lock is held for writing during all calls. Samples
// that are added to a series are no event.
type Observer interface {
	// KeyEvent is called after an event. The value is nil for Removed.
	KeyEvent(event Event, d *Database, key string, v Value)
	// KeyRenamed is called after a rename. It is the only call for both keys.
	KeyRenamed(d *Database, from, to string, v Value)
	// DatabaseFlushed is called before a database loses all keys.
	DatabaseFlushed(d *Database)
	// DatabaseReplaced is called after SWAPDB put another database in the place
	// of database 0.
	DatabaseReplaced(d *Database)
}
