package embedded

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Estimated heap bytes of ordinary keys, used against MaxObjectBytes.
const (
	// objectBytes is what a key takes besides its name and value: its places in
	// the map of keys and among the deadlines.
	objectBytes = 240
	// elementBytes is what an element of a value (a field, a member, an entry)
	// takes besides its text.
	elementBytes = 72
)

// content is the value of an ordinary key: *stringObject, *hashObject, *listObject, *setObject, *zsetObject
// or *streamObject.
type content interface {
	kind() string // as TYPE returns it
	bytes() int64 // estimated heap, in constant time
	empty() bool  // the key goes with its last element
	clone() content
}

// object is an ordinary key.
type object struct {
	content
	counted int64 // what it adds to objects.bytes
}

// objects counts the memory of the ordinary keys of all databases.
type objects struct{ bytes, max int64 }

// room reports whether this many more bytes fit.
func (st *store) room(bytes int64) bool { return st.objects.bytes+bytes <= st.objects.max }

// growth bounds what a command can add: its arguments, each as an element.
func growth(args [][]byte) int64 {
	n := int64(objectBytes)
	for _, a := range args {
		n += int64(len(a)) + elementBytes
	}
	return n
}

// find returns the content of a key, nil if it does not exist. If the key holds
// another kind of value, find answers WRONGTYPE and returns false.
func find[T content](c *conn, d *database, key []byte) (T, bool) {
	var none T
	if o := d.objects[string(key)]; o != nil {
		if v, ok := o.content.(T); ok {
			return v, true
		}
	} else if !d.has(key) {
		return none, true
	}
	c.out.Error(resp.ErrWrongType)
	return none, false
}

// put makes v the content of a key; what was there must be gone or ordinary.
func (st *store) put(d *database, key []byte, v content) {
	name := string(key)
	o := d.objects[name]
	if o == nil {
		o = &object{}
		d.objects[name] = o
	}
	o.content = v
	st.wrote(d, name)
}

// wrote must follow every change of an ordinary key. It counts its memory,
// removes it if it is empty, and tells indexes, watchers and waiting clients.
func (st *store) wrote(d *database, key string) {
	o := d.objects[key]
	if o == nil {
		return
	}
	if o.empty() {
		st.dropObject(d, key, o)
		return
	}
	now := objectBytes + int64(len(key)) + o.bytes()
	st.objects.bytes += now - o.counted
	o.counted = now
	d.changed(key)
	st.syncHash(d, key)
	st.wake()
}

// dropObject removes an ordinary key.
func (st *store) dropObject(d *database, key string, o *object) {
	st.objects.bytes -= o.counted
	delete(d.objects, key)
	d.ttl.set(key, 0)
	d.changed(key)
	st.syncHash(d, key)
}

// dropAny removes a key of any kind and reports whether it existed.
func (st *store) dropAny(d *database, key []byte) bool { return st.dropKey(d, string(key)) }

// reading, writing and growing run a command on the open database. Growing ones
// are refused when their arguments could exceed the cap on ordinary keys.
func reading(run func(c *conn, d *database, args [][]byte)) func(*conn, [][]byte) {
	return func(c *conn, args [][]byte) {
		st := c.srv.store
		d := st.rlock(c.db)
		defer st.mu.RUnlock()
		run(c, d, args)
	}
}

func writing(run func(c *conn, d *database, args [][]byte)) func(*conn, [][]byte) {
	return func(c *conn, args [][]byte) {
		st := c.srv.store
		d := st.lock(c.db)
		defer st.mu.Unlock()
		run(c, d, args)
	}
}

func growing(run func(c *conn, d *database, args [][]byte)) func(*conn, [][]byte) {
	return writing(func(c *conn, d *database, args [][]byte) {
		if !c.srv.store.room(growth(args[1:])) {
			c.fail(resp.ErrOOM)
			return
		}
		run(c, d, args)
	})
}

// dict is a map that gives memory back: Go's maps keep the room of their most
// elements, and a client could fill and empty one key after another.
type dict[V any] struct {
	m    map[string]V
	peak int
	text int64 // bytes of the keys
}

const fewElements = 64

func (t *dict[V]) set(key string, v V) (isNew bool) {
	if t.m == nil {
		t.m = map[string]V{}
	}
	if _, known := t.m[key]; !known {
		isNew = true
		t.text += int64(len(key))
	}
	t.m[key] = v
	t.peak = max(t.peak, len(t.m))
	return isNew
}

func (t *dict[V]) remove(key string) bool {
	if _, known := t.m[key]; !known {
		return false
	}
	delete(t.m, key)
	t.text -= int64(len(key))
	if t.peak > fewElements && len(t.m) < t.peak/4 {
		smaller := make(map[string]V, len(t.m))
		for k, v := range t.m {
			smaller[k] = v
		}
		t.m, t.peak = smaller, len(smaller)
	}
	return true
}

func (t *dict[V]) names() []string {
	list := make([]string, 0, len(t.m))
	for k := range t.m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (t *dict[V]) clone() dict[V] {
	out := dict[V]{m: make(map[string]V, len(t.m)), peak: len(t.m), text: t.text}
	for k, v := range t.m {
		out.m[k] = v
	}
	return out
}

// deque is a list that grows and shrinks at both ends in constant time.
type deque[T any] struct {
	ring  []T // its length is zero or a power of two
	first int
	n     int
}

func (q *deque[T]) len() int { return q.n }

func (q *deque[T]) at(i int) *T { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

func (q *deque[T]) resize(size int) {
	ring := make([]T, size)
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.first = ring, 0
}

func (q *deque[T]) makeRoom() {
	if q.n == len(q.ring) {
		q.resize(max(4, 2*q.n))
	}
}

func (q *deque[T]) pushBack(v T) {
	q.makeRoom()
	q.n++
	*q.at(q.n - 1) = v
}

func (q *deque[T]) pushFront(v T) {
	q.makeRoom()
	q.first = (q.first - 1) & (len(q.ring) - 1)
	q.n++
	*q.at(0) = v
}

func (q *deque[T]) popFront() T {
	var none T
	v := *q.at(0)
	*q.at(0) = none
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
	q.shrink()
	return v
}

func (q *deque[T]) popBack() T {
	var none T
	v := *q.at(q.n - 1)
	*q.at(q.n - 1) = none
	q.n--
	q.shrink()
	return v
}

func (q *deque[T]) shrink() {
	if len(q.ring) > fewElements && q.n < len(q.ring)/4 {
		q.resize(len(q.ring) / 2)
	}
}

// keep retains the elements for which wanted is true and returns how many went.
func (q *deque[T]) keep(wanted func(i int, v *T) bool) int {
	var none T
	kept := 0
	for i := range q.n {
		if v := q.at(i); wanted(i, v) {
			*q.at(kept) = *v
			kept++
		}
	}
	gone := q.n - kept
	for i := kept; i < q.n; i++ {
		*q.at(i) = none
	}
	q.n = kept
	for len(q.ring) > fewElements && q.n < len(q.ring)/4 {
		q.resize(len(q.ring) / 2)
	}
	return gone
}

// clone copies the elements with copyOf.
func (q *deque[T]) clone(copyOf func(T) T) deque[T] {
	out := deque[T]{}
	for i := range q.n {
		out.pushBack(copyOf(*q.at(i)))
	}
	return out
}
