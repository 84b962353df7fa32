package migrate

import (
	"errors"
	"slices"

	"gopkg.in/yaml.v3"
)

// translatePredecessor translates a configuration of the Python rtcollector. It runs unchanged, so that the document stays as it is, with its
// comments, but for what keeps the old keys, for credentials, and for settings that never had an effect.
func (t *translation) translatePredecessor(data []byte) error {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return yamlError{err}
	}
	if file.Kind != yaml.DocumentNode || file.Content[0].Kind != yaml.MappingNode {
		return errors.New("1:1: is not a map of settings")
	}
	root := file.Content[0]
	t.document.whole = root
	for _, out := range items(root, "outputs") {
		if out.name.Value == "redistimeseries" {
			t.keepKeys(out)
		}
		t.tidy("outputs."+out.name.Value, out.settings, "hostname", "debug")
	}
	t.note(0, Changed, "values that were wrong are right now, and entities that shared a key have their own: docs/migrating.md lists the keys that have other names")
	return nil
}

// yamlError is the error of a file that is not YAML.
type yamlError struct{ error }

// IsYAMLError reports whether a translation failed because the file is not YAML.
func IsYAMLError(err error) bool {
	var y yamlError
	return errors.As(err, &y)
}

// item is an entry of a list of components.
type item struct{ name, settings *yaml.Node }

func items(root *yaml.Node, key string) []item {
	list := find(root, key)
	if list == nil {
		return nil
	}
	var all []item
	for _, n := range list.Content {
		switch {
		case n.Kind == yaml.ScalarNode:
			all = append(all, item{name: n})
		case n.Kind == yaml.MappingNode && len(n.Content) >= 2:
			all = append(all, item{n.Content[0], n.Content[1]})
		}
	}
	return all
}

// keepKeys makes an output write under the keys of the predecessor, which its dashboards read.
func (t *translation) keepKeys(out item) {
	if out.settings == nil || out.settings.Kind != yaml.MappingNode || find(out.settings, "key_format") != nil {
		return
	}
	out.settings.Content = append(out.settings.Content, text("key_format"), text("bare"))
	t.note(out.name.Line, Changed, "outputs.redistimeseries: key_format: bare keeps keys without the host, as dashboards of the Python agent read them; without it, several hosts can share a Redis")
}

// tidy removes settings of a component that have no effect.
func (t *translation) tidy(where string, n *yaml.Node, useless ...string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if slices.Contains(useless, key.Value) {
			t.note(key.Line, LeftOut, "%s.%s: has no effect", where, key.Value)
			continue
		}
		if value.Kind == yaml.MappingNode {
			t.tidy(where+"."+key.Value, value, useless...)
		}
		kept = append(kept, key, value)
	}
	n.Content = kept
}
