package keyspace

import (
	"iter"
	"maps"
	"math"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Database is the keys of one database. The store's lock guards it.
type Database struct {
	store     *Store
	values    map[string]Value
	deadlines deadlines
	watchers  map[string]map[*Watch]bool
}

// clear forgets all keys. Clients keep watching their names.
func (d *Database) clear() {
	d.values, d.deadlines = map[string]Value{}, newDeadlines()
}

// Get returns the value of a key, nil if the key does not exist.
func (d *Database) Get(key []byte) Value { return d.values[string(key)] }

// Value returns the value of a key, nil if the key does not exist.
func (d *Database) Value(key string) Value { return d.values[key] }

// Exists reports whether a key exists.
func (d *Database) Exists(key []byte) bool { return d.values[string(key)] != nil }

// Len returns the number of keys.
func (d *Database) Len() int { return len(d.values) }

// DeadlineCount returns the number of keys that have a time to live.
func (d *Database) DeadlineCount() int { return len(d.deadlines.at) }

// All returns the keys with their values, in random order.
func (d *Database) All() iter.Seq2[string, Value] { return maps.All(d.values) }

// IsFirst reports whether this is database 0, the only one with search indexes.
func (d *Database) IsFirst() bool { return d.store.databases[0] == d }

// Put sets the value of a key. It removes the old value and the time to live.
func (d *Database) Put(key string, v Value) {
	if old := d.values[key]; old != nil {
		delete(d.values, key)
		old.Removed(key)
	}
	d.deadlines.set(key, 0)
	d.values[key] = v
	v.Added(d, key)
	d.Changed(key, v)
}

// Delete removes a key and reports whether it existed.
func (d *Database) Delete(key string) bool {
	v := d.values[key]
	if v == nil {
		return false
	}
	delete(d.values, key)
	d.deadlines.set(key, 0)
	v.Removed(key)
	d.breakWatches(key)
	d.notify(Removed, key, nil)
	return true
}

// DeleteEmptied removes a key because a command took the last element of its
// value.
func (d *Database) DeleteEmptied(key string) {
	v := d.values[key]
	d.Delete(key)
	d.notify(Emptied, key, v)
}

// Changed must follow every change of a value.
func (d *Database) Changed(key string, v Value) {
	d.breakWatches(key)
	d.notify(Written, key, v)
}

func (d *Database) notify(event Event, key string, v Value) {
	if o := d.store.observer; o != nil {
		o.KeyEvent(event, d, key, v)
	}
}

// Deadline returns when a key expires in Unix milliseconds, 0 for never.
func (d *Database) Deadline(key string) int64 { return d.deadlines.at[key] }

// SetDeadline makes a key expire at a time in Unix milliseconds, 0 for never.
func (d *Database) SetDeadline(key string, at int64) { d.deadlines.set(key, at) }

// rename moves a value to a new key and replaces what is there.
func (d *Database) rename(from, to string) resp.Error {
	v, deadline := d.values[from], d.deadlines.at[from]
	if err := v.Rename(from, to); err != "" {
		return err
	}
	if old := d.values[to]; old != nil {
		delete(d.values, to)
		old.Removed(to)
	}
	delete(d.values, from)
	d.deadlines.set(from, 0)
	d.values[to] = v
	d.deadlines.set(to, deadline)
	d.breakWatches(from)
	d.breakWatches(to)
	if d.store.observer != nil {
		d.store.observer.KeyRenamed(d, from, to, v)
	}
	return ""
}

func (d *Database) flush() {
	if d.store.observer != nil {
		d.store.observer.DatabaseFlushed(d)
	}
	old := d.values
	d.clear()
	for key, v := range old {
		v.Removed(key)
	}
	d.breakAllWatches()
}

// neverExpires is the time of the next deadline if there is none.
const neverExpires = int64(math.MaxInt64)

func (d *Database) hasExpired() bool {
	next := d.deadlines.next()
	return next != neverExpires && d.store.NowMillis() >= next
}

func (d *Database) removeExpired() {
	if !d.hasExpired() {
		return
	}
	for now := d.store.NowMillis(); ; {
		key, ok := d.deadlines.takeDue(now)
		if !ok {
			return
		}
		d.Delete(key)
	}
}
