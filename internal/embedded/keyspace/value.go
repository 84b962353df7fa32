package keyspace

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// Value is what a key holds. The package of each type implements it, as the
// modules of Redis implement their type methods. The store's lock is held for
// writing during Added, Renamed and Removed.
type Value interface {
	// TypeName returns the answer of TYPE.
	TypeName() string
	// MemoryUsage estimates the heap bytes of the value and its key.
	MemoryUsage() int64
	// Admit returns an error if a limit does not allow to add the value under
	// this key.
	Admit(key string) resp.Error
	// Added counts the value, which a database now holds under this key.
	Added(d *Database, key string)
	// Rename adapts the value to a new key. It is called before the database
	// changes. An error keeps the old key.
	Rename(from, to string) resp.Error
	// Removed releases what belongs to the value. The database has already
	// forgotten it.
	Removed(key string)
	// Clone returns an independent copy, which belongs to no key yet.
	Clone() Value
	// TypeTag identifies the type in the payload of DUMP.
	TypeTag() byte
	// AppendDump writes the value for DUMP.
	AppendDump(e *Encoder)
}

// Loader decodes a value that AppendDump wrote. It returns nil for bytes that
// AppendDump does not write.
type Loader func(d *Decoder) Value
