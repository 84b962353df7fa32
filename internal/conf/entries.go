package conf

import (
	"iter"

	"gopkg.in/yaml.v3"
)

// maxMerges limits how many maps one mapping merges, directly or through other merged maps. Merges of merges multiply.
const maxMerges = 1000

// Entries iterates over the keys and values of a mapping. It follows aliases. It expands merge keys ("<<") after the mapping's
// own keys, which take precedence; of several merged maps the first one with a key takes precedence, as in the YAML library.
// A key that appears twice in one map is an error that names both lines.
func Entries(ps *Problems, n *yaml.Node, path string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		e := entries{ps: ps, path: path, seen: map[string]bool{}, yield: yield}
		e.walk(n, 0)
	}
}

// entries is one iteration over a mapping and what it merges.
type entries struct {
	ps     *Problems
	path   string
	seen   map[string]bool // keys that were yielded
	merges int
	yield  func(key, value *yaml.Node) bool
}

// walk yields the new keys of a map, then those of the maps that it merges. It returns false when the iteration was stopped.
// Depth is the number of merges that led to this map.
func (e *entries) walk(n *yaml.Node, depth int) bool {
	own := map[string]*yaml.Node{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := Resolve(n.Content[i]), Resolve(n.Content[i+1])
		switch first := own[key.Value]; {
		case key.Tag == "!!merge":
			merges = append(merges, value)
			continue
		case key.Kind != yaml.ScalarNode:
			e.ps.Add(key, e.path, "a key must be a plain word")
			continue
		case first != nil:
			e.ps.Add(key, e.path, "key %q appears twice, first on line %d", key.Value, first.Line)
			continue
		}
		own[key.Value] = key
		if e.seen[key.Value] {
			continue
		}
		e.seen[key.Value] = true
		if !e.yield(key, value) {
			return false
		}
	}
	for _, m := range merges {
		if !e.merge(m, depth+1) {
			return false
		}
	}
	return true
}

// merge walks the value of a "<<" key: a map or a list of maps.
func (e *entries) merge(n *yaml.Node, depth int) bool {
	e.merges++
	switch {
	case depth > maxDepth || e.merges > maxMerges:
		e.ps.Add(n, e.path, "merges (<<) are nested too deeply, or a map merges itself")
		return false
	case n.Kind == yaml.MappingNode:
		return e.walk(n, depth)
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if !e.merge(Resolve(item), depth+1) {
				return false
			}
		}
		return true
	}
	e.ps.Add(n, e.path, "a merge (<<) needs a map")
	return true
}
