package conf

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// ShowFunc returns how the scalar n of a key is shown. IsSecret is true if the type of the setting is a [SecretTaker].
type ShowFunc func(key string, n *yaml.Node, isSecret bool) *yaml.Node

// Describe returns the map n as it is in effect, without comments and aliases: its keys, each scalar as show returns it, and then the keys
// that n does not have, with their values in targets, which are pointers to the structs that n was decoded into. Zero values, credentials
// and values that cannot be written as a scalar are left out.
func Describe(n *yaml.Node, show ShowFunc, targets ...any) *yaml.Node {
	return describer{show, true}.describeTargets(n, targets)
}

// DescribeWritten is Describe without the keys that n does not have.
func DescribeWritten(n *yaml.Node, show ShowFunc, targets ...any) *yaml.Node {
	return describer{show, false}.describeTargets(n, targets)
}

type describer struct {
	show         ShowFunc
	withDefaults bool
}

func (d describer) describeTargets(n *yaml.Node, targets []any) *yaml.Node {
	values := make([]reflect.Value, len(targets))
	for i, t := range targets {
		values[i] = reflect.ValueOf(t).Elem()
	}
	return d.describeMapping(Resolve(n), values, 0)
}

func (d describer) describeMapping(n *yaml.Node, targets []reflect.Value, depth int) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		if value != nil {
			out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
		}
	}
	known := keyTargets(targets)
	if !IsNull(n) && n.Kind == yaml.MappingNode && depth < maxDepth {
		for key, value := range Entries(&Problems{}, n, "") {
			target, isKnown := known[key.Value]
			delete(known, key.Value)
			switch {
			case !isKnown:
				add(key.Value, d.describe(key.Value, value, reflect.Value{}, depth))
			case !target.ignored:
				add(key.Value, d.describe(key.Value, value, target.values[0], depth))
			}
		}
	}
	if !d.withDefaults {
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if target := known[key]; !target.ignored {
			add(key, d.describeDefault(key, target.values[0]))
		}
	}
	return out
}

// describe returns a node as it is shown. V is what it was decoded into, which may be invalid if that is unknown. It returns nil for null.
func (d describer) describe(key string, n *yaml.Node, v reflect.Value, depth int) *yaml.Node {
	n = Resolve(n)
	if IsNull(n) || depth >= maxDepth {
		return nil
	}
	for v.IsValid() && v.Kind() == reflect.Pointer {
		v = reflect.New(v.Type().Elem()).Elem()
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return d.show(key, n, v.IsValid() && reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[SecretTaker]()))
	case yaml.SequenceNode:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Content {
			if shown := d.describe(key, item, newElement(v), depth+1); shown != nil {
				out.Content = append(out.Content, shown)
			}
		}
		return out
	case yaml.MappingNode:
		if v.IsValid() && v.Kind() == reflect.Struct {
			return d.describeMapping(n, []reflect.Value{v}, depth+1)
		}
		out := &yaml.Node{Kind: yaml.MappingNode}
		for k, value := range Entries(&Problems{}, n, "") {
			if shown := d.describe(k.Value, value, newElement(v), depth+1); shown != nil {
				out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: k.Tag, Value: k.Value}, shown)
			}
		}
		return out
	}
	return nil
}

// newElement returns a zero value of the type of the elements of a slice or map, or an invalid value.
func newElement(v reflect.Value) reflect.Value {
	if v.IsValid() && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) {
		return reflect.New(v.Type().Elem()).Elem()
	}
	return reflect.Value{}
}

// describeDefault returns a value that is not in the file as it could be written there, or nil.
func (d describer) describeDefault(key string, v reflect.Value) *yaml.Node {
	t := reflect.PointerTo(v.Type())
	if v.IsZero() || t.Implements(reflect.TypeFor[SecretTaker]()) || v.Type() == reflect.TypeFor[yaml.Node]() {
		return nil
	}
	if t.Implements(reflect.TypeFor[Scalar]()) {
		if text, ok := formatScalar(v); ok {
			return d.show(key, &yaml.Node{Kind: yaml.ScalarNode, Value: text}, false)
		}
		if v.Kind() != reflect.Struct {
			return nil
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		if out := d.describeMapping(nil, []reflect.Value{v}, 0); len(out.Content) > 0 {
			return out
		}
	case reflect.Slice:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			item := d.describeDefault(key, v.Index(i))
			if item == nil {
				return nil
			}
			out.Content = append(out.Content, item)
		}
		return out
	case reflect.String:
		return d.show(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.String()}, false)
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Float64:
		return d.show(key, &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v.Interface())}, false)
	}
	return nil // among others maps, because a file that names some of the keys replaces all, and pointers: blocks that are not in use
}

// formatScalar returns a text that decodes to v, which implements [Scalar].
func formatScalar(v reflect.Value) (text string, ok bool) {
	texts := []string{fmt.Sprint(v.Interface())}
	switch v.Kind() {
	case reflect.String:
		texts = append(texts, v.String())
	case reflect.Int, reflect.Int64:
		texts = append(texts, fmt.Sprint(v.Int()))
	}
	for _, text := range texts {
		again := reflect.New(v.Type())
		if again.Interface().(Scalar).UnmarshalScalar(text) == nil && reflect.DeepEqual(again.Elem().Interface(), v.Interface()) {
			return text, true
		}
	}
	return "", false
}
