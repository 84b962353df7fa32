package datatypes

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Estimated heap bytes, which count against the limit.
const (
	// keyBytes is the size of a key besides its name and value.
	keyBytes = 240
	// elementBytes is the size of an element of a value (a field, a member, an
	// entry) besides its text.
	elementBytes = 72
)

// Module runs the commands of all basic types and limits their memory.
type Module struct {
	store    *keyspace.Store
	bytes    int64 // estimated memory of all keys; the store's lock guards it
	maxBytes int64
}

// New adds the basic types to a store. Their estimated memory stays below
// maxBytes.
func New(store *keyspace.Store, maxBytes int64) *Module {
	m := &Module{store: store, maxBytes: maxBytes}
	m.registerLoaders()
	return m
}

// Commands returns the commands of all basic types.
func (m *Module) Commands() []keyspace.Command {
	return slices.Concat(m.stringCommands(), m.hashCommands(), m.listCommands(), m.setCommands(), m.sortedSetCommands(), m.streamCommands(), m.groupCommands())
}

// Bytes returns the estimated memory of all keys. The store must be locked.
func (m *Module) Bytes() int64 { return m.bytes }

// content is the value of a key: *stringValue, *Hash, *list, *set, *sortedSet or
// *stream.
type content interface {
	typeName() string
	bytes() int64  // estimated heap, in constant time
	isEmpty() bool // the key is deleted with its last element
	clone() content
	typeTag() byte
	appendDump(e *keyspace.Encoder)
}

// object implements keyspace.Value for all basic types.
type object struct {
	content
	module  *Module
	counted int64 // its part of Module.bytes
}

// TypeName returns the answer of TYPE.
func (o *object) TypeName() string { return o.typeName() }

// MemoryUsage returns the estimated heap bytes of the value and its key.
func (o *object) MemoryUsage() int64 { return o.counted }

// Admit returns OOM if the value does not fit the memory limit.
func (o *object) Admit(key string) resp.Error {
	if !o.module.hasRoom(o.size(key)) {
		return resp.ErrOOM
	}
	return ""
}

// Added counts the value.
func (o *object) Added(_ *keyspace.Database, key string) { o.count(o.size(key)) }

// Rename counts the new name. It returns OOM if that does not fit.
func (o *object) Rename(from, to string) resp.Error {
	longer := int64(len(to) - len(from))
	if longer > 0 && !o.module.hasRoom(longer) {
		return resp.ErrOOM
	}
	o.count(o.counted + longer)
	return ""
}

// Removed subtracts the value from the memory in use.
func (o *object) Removed(string) { o.count(0) }

// Clone returns an independent copy.
func (o *object) Clone() keyspace.Value { return &object{content: o.clone(), module: o.module} }

// TypeTag identifies the type in the payload of DUMP.
func (o *object) TypeTag() byte { return o.typeTag() }

// AppendDump writes the value for DUMP.
func (o *object) AppendDump(e *keyspace.Encoder) { o.appendDump(e) }

func (o *object) size(key string) int64 { return keyBytes + int64(len(key)) + o.bytes() }

// count changes what the value counts to n bytes.
func (o *object) count(n int64) {
	o.module.bytes += n - o.counted
	o.counted = n
}

// hasRoom reports whether so many more bytes fit the limit.
func (m *Module) hasRoom(bytes int64) bool { return m.bytes+bytes <= m.maxBytes }

// growth is the most that a command can add: its arguments, each as an element.
func growth(args [][]byte) int64 {
	n := int64(keyBytes)
	for _, a := range args {
		n += int64(len(a)) + elementBytes
	}
	return n
}

// growing returns a command that stores its arguments. It is refused if the
// arguments could exceed the limit.
func (m *Module) growing(name string, arity int, run keyspace.DatabaseFunc) keyspace.Command {
	return keyspace.Write(name, arity, func(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
		if m.hasRoom(growth(args[1:])) {
			run(c, d, args)
		} else {
			c.Fail(resp.ErrOOM)
		}
	})
}

// find returns the content of a key, nil if the key does not exist. If the key
// has another type, it answers WRONGTYPE and returns false.
func find[T content](c *keyspace.Session, d *keyspace.Database, key []byte) (T, bool) {
	v := d.Get(key)
	found, ok := contentOf[T](v)
	if !ok && v != nil {
		c.Fail(resp.ErrWrongType)
		return found, false
	}
	return found, true
}

// onValue makes a command of a function that gets the value of its first key, nil
// if the key does not exist. A key of another type answers WRONGTYPE.
func onValue[T content](run func(c *keyspace.Session, d *keyspace.Database, v T, args [][]byte)) keyspace.DatabaseFunc {
	return func(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
		if v, ok := find[T](c, d, args[1]); ok {
			run(c, d, v, args)
		}
	}
}

// contentOf returns the content of a value that has this type.
func contentOf[T content](v keyspace.Value) (T, bool) {
	if o, ok := v.(*object); ok {
		found, ok := o.content.(T)
		return found, ok
	}
	var none T
	return none, false
}

// put makes v the content of a key and keeps its time to live. The key must not
// exist or must have a basic type.
func (m *Module) put(d *keyspace.Database, key []byte, v content) {
	name := string(key)
	if o, ok := d.Get(key).(*object); ok {
		o.content = v
		m.changed(d, name)
		return
	}
	d.Put(name, &object{content: v, module: m})
	m.store.SignalWrite()
}

// replace makes v the content of a key. It removes an old value of any type and
// the time to live.
func (m *Module) replace(d *keyspace.Database, key []byte, v content) {
	d.Put(string(key), &object{content: v, module: m})
	m.store.SignalWrite()
}

// changed must follow every change of a content. It updates the memory in use,
// deletes a key without elements and wakes waiting clients.
func (m *Module) changed(d *keyspace.Database, key string) {
	o, ok := d.Value(key).(*object)
	if !ok {
		return
	}
	if o.isEmpty() {
		d.Delete(key)
		return
	}
	o.count(o.size(key))
	d.Changed(key, o)
	m.store.SignalWrite()
}
