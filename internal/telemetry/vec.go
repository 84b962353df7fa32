package telemetry

import (
	"iter"
	"slices"
)

const (
	// keepUnseen is the number of gathers in a row that an entity may be missing before its handles are forgotten. A file
	// that could not be read once must not reset the rates of everything in it.
	keepUnseen = 3

	// defaultLimit is the number of entities that a Vec keeps unless [Vec.Limit] says otherwise.
	defaultLimit = 10_000
)

// Vec keeps the handles of entities that come and go (cores, disks, containers) by their key. T is usually a struct of
// series. A Vec belongs to one plugin and is not safe for concurrent use.
type Vec[K comparable, T any] struct {
	factory *Factory
	make    func(*Factory, K) T
	entries map[K]*entry[T]
	cycle   int
	limit   int
	extra   *T // handles without series, for the entities beyond the limit
	refused int
}

type entry[T any] struct {
	value T
	owned *ownedSeries
	seen  int
}

// ownedSeries are the series that end when an entity is forgotten.
type ownedSeries struct {
	series []*Series
	sweep  int // length of series at which the ended ones are removed
	nested []interface{ end(*Batch) }
}

// add records a series. An entity can replace its series again and again, so the ended ones are removed now and then.
func (o *ownedSeries) add(s *Series) {
	if len(o.series) >= max(o.sweep, 16) {
		o.series = slices.DeleteFunc(o.series, func(s *Series) bool { return s.ended && !s.begun })
		o.sweep = 2 * len(o.series)
	}
	o.series = append(o.series, s)
}

func (o *ownedSeries) end(out *Batch) {
	for _, s := range o.series {
		out.End(s)
	}
	for _, vec := range o.nested {
		vec.end(out)
	}
}

// NewVec returns an empty Vec. It calls create for every new key, with a factory like f that records the series it makes:
// they end when the entity is forgotten. Create must make all series of the entity with that factory.
func NewVec[K comparable, T any](f *Factory, create func(f *Factory, key K) T) *Vec[K, T] {
	v := &Vec[K, T]{factory: f, make: create, entries: map[K]*entry[T]{}, limit: defaultLimit}
	if f != nil && f.owned != nil {
		f.owned.nested = append(f.owned.nested, v)
	}
	return v
}

// Limit sets how many entities the Vec keeps at most and returns the Vec. Things beyond the limit get handles without
// series; [Vec.Sweep] reports how many there were.
func (v *Vec[K, T]) Limit(entities int) *Vec[K, T] {
	v.limit = entities
	return v
}

// Get returns the handles of k, making them if k is new, and marks k as seen.
func (v *Vec[K, T]) Get(k K) *T {
	e, ok := v.entries[k]
	if !ok {
		if len(v.entries) >= v.limit {
			return v.refuse(k)
		}
		e = &entry[T]{owned: &ownedSeries{}}
		e.value = v.make(v.factory.recording(e.owned), k)
		v.entries[k] = e
	}
	e.seen = v.cycle
	return &e.value
}

// refuse returns handles whose series are nil. All entities beyond the limit share them.
func (v *Vec[K, T]) refuse(k K) *T {
	v.refused++
	if v.extra == nil {
		value := v.make(v.factory.withoutSeries(), k)
		v.extra = &value
	}
	return v.extra
}

// GetBytes is Get for a name that is still a part of a file. A known name costs no allocation.
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

// Sweep ends a gather. It forgets the entities that were not seen for some gathers in a row, ends their series in out, and
// reports how many entities were refused because the Vec was full.
func (v *Vec[K, T]) Sweep(out *Batch) {
	for k, e := range v.entries {
		if v.cycle-e.seen >= keepUnseen {
			e.owned.end(out)
			delete(v.entries, k)
		}
	}
	if v.refused > 0 {
		out.refuseEntities(v.refused, v.limit)
	}
	v.refused = 0
	v.cycle++
}

// end ends the series of all entities, for a Vec that belongs to an entity of another one.
func (v *Vec[K, T]) end(out *Batch) {
	for _, e := range v.entries {
		e.owned.end(out)
	}
}

// All iterates over the entities that are remembered, in no particular order.
func (v *Vec[K, T]) All() iter.Seq2[K, *T] {
	return func(yield func(K, *T) bool) {
		for k, e := range v.entries {
			if !yield(k, &e.value) {
				return
			}
		}
	}
}

// Len returns the number of entities remembered.
func (v *Vec[K, T]) Len() int { return len(v.entries) }
