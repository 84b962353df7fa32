package telemetry

import "iter"

// keepUnseen is how many gathers in a row a thing may be missing before its handles are forgotten: a file that could
// not be read once must not cost the rates of everything in it.
const keepUnseen = 3

// Vec keeps the handles of things that come and go (cores, disks, containers): T is usually a struct of series.
// It belongs to one plugin and is not safe for concurrent use.
type Vec[K comparable, T any] struct {
	make    func(K) T
	entries map[K]*entry[T]
	cycle   int
}

type entry[T any] struct {
	value T
	seen  int
}

// NewVec returns an empty Vec that makes the handles of a new thing with f.
func NewVec[K comparable, T any](f func(K) T) *Vec[K, T] {
	return &Vec[K, T]{make: f, entries: map[K]*entry[T]{}}
}

// Get returns the handles of k, making them if k is new, and marks k as seen.
func (v *Vec[K, T]) Get(k K) *T {
	e, ok := v.entries[k]
	if !ok {
		e = &entry[T]{value: v.make(k)}
		v.entries[k] = e
	}
	e.seen = v.cycle
	return &e.value
}

// GetBytes is Get for a name that is still a piece of a file: a known name costs no allocation.
func GetBytes[T any](v *Vec[string, T], name []byte) *T {
	if e, ok := v.entries[string(name)]; ok {
		e.seen = v.cycle
		return &e.value
	}
	return v.Get(string(name))
}

// HasBytes reports whether a name is known.
func HasBytes[T any](v *Vec[string, T], name []byte) bool {
	_, ok := v.entries[string(name)]
	return ok
}

// Sweep ends a gather: what was not seen for some gathers in a row is forgotten.
func (v *Vec[K, T]) Sweep() {
	for k, e := range v.entries {
		if v.cycle-e.seen >= keepUnseen {
			delete(v.entries, k)
		}
	}
	v.cycle++
}

// All iterates over the things that are remembered, in no order.
func (v *Vec[K, T]) All() iter.Seq2[K, *T] {
	return func(yield func(K, *T) bool) {
		for k, e := range v.entries {
			if !yield(k, &e.value) {
				return
			}
		}
	}
}

// Len is the number of things remembered.
func (v *Vec[K, T]) Len() int { return len(v.entries) }
