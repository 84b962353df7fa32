package remotename

import "container/list"

// bounded is a map with a limit on the number of its entries and on the sum of their weights. It drops the entries that were put first.
type bounded[K comparable, V any] struct {
	maxEntries, maxWeight int
	entries               map[K]*list.Element
	order                 list.List // of *boundedEntry, the oldest first
	weight                int
	dropped               uint64 // entries that had to go because of the limits
}

type boundedEntry[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newBounded[K comparable, V any](maxEntries, maxWeight int) *bounded[K, V] {
	return &bounded[K, V]{maxEntries: maxEntries, maxWeight: maxWeight, entries: map[K]*list.Element{}}
}

func (b *bounded[K, V]) len() int { return len(b.entries) }

func (b *bounded[K, V]) get(key K) (value V, ok bool) {
	element, ok := b.entries[key]
	if !ok {
		return value, false
	}
	return element.Value.(*boundedEntry[K, V]).value, true
}

// put sets the value of key and makes it the newest entry. A value that is heavier than the limit is not kept.
func (b *bounded[K, V]) put(key K, value V, weight int) {
	b.remove(key)
	b.entries[key] = b.order.PushBack(&boundedEntry[K, V]{key, value, weight})
	b.weight += weight
	b.shrink()
}

// setWeight changes the weight of an entry that stays where it is.
func (b *bounded[K, V]) setWeight(key K, weight int) {
	if element, ok := b.entries[key]; ok {
		entry := element.Value.(*boundedEntry[K, V])
		b.weight += weight - entry.weight
		entry.weight = weight
		b.shrink()
	}
}

func (b *bounded[K, V]) shrink() {
	for len(b.entries) > b.maxEntries || b.weight > b.maxWeight {
		b.remove(b.order.Front().Value.(*boundedEntry[K, V]).key)
		b.dropped++
	}
}

func (b *bounded[K, V]) remove(key K) {
	if element, ok := b.entries[key]; ok {
		b.weight -= element.Value.(*boundedEntry[K, V]).weight
		b.order.Remove(element)
		delete(b.entries, key)
	}
}

// removeOldest removes entries from the oldest one on for as long as isOver says so.
func (b *bounded[K, V]) removeOldest(isOver func(V) bool) {
	for front := b.order.Front(); front != nil; front = b.order.Front() {
		entry := front.Value.(*boundedEntry[K, V])
		if !isOver(entry.value) {
			return
		}
		b.remove(entry.key)
	}
}
