package datatypes

import "slices"

// compactMap is a map that gives memory back. A Go map keeps the memory of its
// largest size, and a client could fill and empty one key after another.
type compactMap[V any] struct {
	m    map[string]V
	peak int   // largest size since the map was last rebuilt
	text int64 // bytes of the keys
}

// minShrinkElements is the size below which memory is not given back.
const minShrinkElements = 64

func (t *compactMap[V]) set(key string, v V) (isNew bool) {
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

func (t *compactMap[V]) remove(key string) bool {
	if _, known := t.m[key]; !known {
		return false
	}
	delete(t.m, key)
	t.text -= int64(len(key))
	if t.peak > minShrinkElements && len(t.m) < t.peak/4 {
		smaller := make(map[string]V, len(t.m))
		for k, v := range t.m {
			smaller[k] = v
		}
		t.m, t.peak = smaller, len(smaller)
	}
	return true
}

func (t *compactMap[V]) sortedKeys() []string {
	list := make([]string, 0, len(t.m))
	for k := range t.m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (t *compactMap[V]) clone() compactMap[V] {
	out := compactMap[V]{m: make(map[string]V, len(t.m)), peak: len(t.m), text: t.text}
	for k, v := range t.m {
		out.m[k] = v
	}
	return out
}
