package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// internalInput is the input that is always there: what the agent counts about itself.
const internalInput = "internal"

// builder turns the lists of inputs and outputs into decoded components.
type builder struct {
	env       Env
	ps        *conf.Problems
	inherited string // stands for the top-level settings that inputs and outputs depend on
}

func (b *builder) inputs(list *yaml.Node) []Input {
	var ins []Input
	ids := idSet{}
	items := b.items("inputs", list)
	for i, it := range items {
		if def, err := b.env.Inputs.Find("input", it.name, b.env.GOOS); err == nil {
			items[i].means = def.Name()
		}
	}
	if !slices.ContainsFunc(items, func(it item) bool { return it.name == internalInput }) {
		items = append(items, item{name: internalInput})
	}
	for i, it := range items {
		if first := slices.IndexFunc(items[:i], it.same); first >= 0 {
			b.ps.Warn(it.at, it.path, "stands twice with the same settings, first on line %d; the second is left out",
				items[first].at.Line)
			continue
		}
		built, ok := decode(b, "input", b.env.Inputs, it, b.unknownInput)
		for tag := range built.Options.Tags {
			if telemetry.Reserved(tag) {
				b.ps.Warn(it.at, it.path+".tags."+tag, reservedTag)
			}
		}
		b.selection(it, "include", built.Options.Metrics.Include, built)
		b.selection(it, "exclude", built.Options.Metrics.Exclude, built)
		if ok && built.Options.Enabled {
			ins = append(ins, Input{ids.add(b.ps, it, built.Definition.Name(), built.Options.Alias), fingerprint(it.settings, b.inherited), built})
		}
	}
	return ins
}

// selection warns of patterns that fit none of the metrics that an input documents, or that its settings name.
func (b *builder) selection(it item, key string, patterns match.List, built plugins.Built) {
	metrics := metricdoc.Parse(built.Definition.Readme())
	if n, ok := built.Config.(plugins.Namer); ok && len(metrics) > 0 {
		metrics = append(metrics, metricdoc.Metric{Names: n.MetricNames(), HasRate: true})
	}
	for i, p := range patterns {
		if len(metrics) > 0 && !metricdoc.Fits(metrics, p) {
			at := child(child(child(it.settings, "metrics"), key), strconv.Itoa(i))
			b.ps.Warn(at, fmt.Sprintf("%s.metrics.%s[%d]", it.path, key, i), "%q fits no metric of %s%s",
				p, built.Definition.Name(), conf.Suggest(p.String(), metricdoc.Names(metrics)))
		}
	}
}

// child returns the value below a key of a map or an index of a list; nil when it is not there.
func child(n *yaml.Node, key string) *yaml.Node {
	n = conf.Resolve(n)
	if n == nil {
		return nil
	}
	if i, err := strconv.Atoi(key); n.Kind == yaml.SequenceNode && err == nil && i < len(n.Content) {
		return n.Content[i]
	}
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (b *builder) outputs(list *yaml.Node) []Output {
	var outs []Output
	ids := idSet{}
	items := b.items("outputs", list)
	if list.Kind == yaml.SequenceNode && len(list.Content) == 0 {
		b.ps.Add(list, "outputs", "is empty: nothing would be written anywhere")
	}
	for i, it := range items {
		if first := slices.IndexFunc(items[:i], it.same); first >= 0 {
			b.ps.Warn(it.at, it.path, "stands twice with the same settings, first on line %d; everything is written twice", items[first].at.Line)
		}
		if built, ok := decode(b, "output", b.env.Outputs, it, b.unknownOutput); ok {
			outs = append(outs, Output{ids.add(b.ps, it, built.Definition.Name(), built.Options.Alias), fingerprint(it.settings, b.inherited), built})
		}
	}
	return outs
}

// decode finds the component that an item names and reads its settings; false means it is unknown or cannot run here.
func decode[E, O, L any](b *builder, kind string, c catalog.Catalog[E, O, L], it item, unknown func(name string, err error) string) (catalog.Built[E, O, L], bool) {
	def, err := c.Find(kind, it.name, b.env.GOOS)
	if err != nil {
		if it.at != nil || it.name != internalInput {
			b.ps.Add(it.at, it.path, "%s", unknown(it.name, err))
		}
		return catalog.Built[E, O, L]{}, false
	}
	return def.Decode(b.ps, it.settings, it.path), true
}

// item is one entry of a list: a name, and its settings if it has any.
type item struct {
	name     string
	path     string     // "inputs[0].linux_cpu"
	at       *yaml.Node // where the name stands; nil for what was not written
	settings *yaml.Node // nil: none
	means    string     // the component that the name stands for on this system, as far as known
}

// same says whether two items ask for the same thing with the same settings.
func (it item) same(other item) bool {
	return it.at != nil && other.at != nil && it.means == other.means && equal(it.settings, other.settings, 0)
}

// equal compares what two nodes say. Anchors can make a node contain itself: very deep ones are never equal.
func equal(a, b *yaml.Node, depth int) bool {
	a, b = conf.Resolve(a), conf.Resolve(b)
	if conf.IsNull(a) || conf.IsNull(b) {
		return conf.IsNull(a) && conf.IsNull(b)
	}
	return depth < 16 && a.Kind == b.Kind && a.Value == b.Value &&
		slices.EqualFunc(a.Content, b.Content, func(x, y *yaml.Node) bool { return equal(x, y, depth+1) })
}

// items reads a list whose entries are "name", "name:" or "name: {settings}".
func (b *builder) items(key string, list *yaml.Node) []item {
	if conf.IsNull(list) {
		b.ps.Add(nil, "", "key %q is missing: it lists the %s, one \"- name\" per line", key, key)
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		b.ps.Add(list, key, "must be a list: put \"- \" before each name")
		return nil
	}
	var items []item
	for i, n := range list.Content {
		if it, ok := b.item(fmt.Sprintf("%s[%d]", key, i), conf.Resolve(n)); ok {
			items = append(items, it)
		}
	}
	return items
}

func (b *builder) item(path string, n *yaml.Node) (item, bool) {
	switch {
	case conf.IsNull(n):
		b.ps.Add(n, path, "is empty: a name is missing after \"-\"")
	case strings.HasPrefix(n.Value, conf.SecretPrefix):
		b.ps.Add(n, path, "a name cannot come from a secret store")
	case n.Kind == yaml.ScalarNode:
		return item{name: n.Value, means: n.Value, path: path + "." + n.Value, at: n}, true
	case n.Kind == yaml.SequenceNode:
		b.ps.Add(n, path, "is a list in the list: one \"- \" is too many")
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode:
		key := n.Content[0]
		if list := conf.Resolve(n.Content[1]); list.Kind == yaml.SequenceNode {
			b.ps.Add(list, path+"."+key.Value, "has a list below it: settings are written \"key: value\", and the next name has its \"- \" in the column of the one of %q", key.Value)
			return item{}, false
		}
		return item{name: key.Value, means: key.Value, path: path + "." + key.Value, at: key, settings: n.Content[1]}, true
	case n.Kind == yaml.MappingNode && len(n.Content) > 2:
		b.ps.Add(n.Content[2], path, "%q is not a setting of %q: indent it more, or put \"- \" before it if it is a name",
			n.Content[2].Value, n.Content[0].Value)
	default:
		b.ps.Add(n, path, "must be a name, or a name with settings (name: {key: value})")
	}
	return item{}, false
}

// idSet hands out the IDs of components.
type idSet map[string]bool

func (s idSet) add(ps *conf.Problems, it item, name, alias string) string {
	id := name
	if alias != "" {
		id += "#" + alias
		if s[id] {
			ps.Add(it.at, it.path, "alias %q is already used by another %s", alias, name)
		}
	}
	for n := 2; s[id]; n++ {
		id = fmt.Sprintf("%s#%d", name, n)
	}
	s[id] = true
	return id
}
