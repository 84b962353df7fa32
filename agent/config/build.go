package config

import (
	"errors"
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

// internalInputName is the input that always exists: it reports what the agent counts about itself.
const internalInputName = "internal"

// builder turns the lists of inputs and outputs into decoded components.
type builder struct {
	env       Env
	ps        *conf.Problems
	inherited string // hash of the top-level settings that inputs and outputs depend on
}

func (b *builder) buildInputs(list *yaml.Node) []Input {
	var ins []Input
	ids := idSet{}
	items := b.selectAvailable(list, b.parseItems("inputs", list))
	for i, it := range items {
		if def, err := b.env.Inputs.Find("input", it.name, b.env.GOOS); err == nil {
			items[i].component = def.Name()
		}
	}
	if !slices.ContainsFunc(items, func(it componentItem) bool { return it.name == internalInputName }) {
		items = append(items, componentItem{name: internalInputName})
	}
	for i, it := range items {
		if first := slices.IndexFunc(items[:i], it.isDuplicateOf); first >= 0 {
			b.ps.Warn(it.nameNode, it.path, "appears twice with the same settings, first on line %d; the second is ignored",
				items[first].nameNode.Line)
			continue
		}
		built, ok := decodeItem(b, "input", b.env.Inputs, it, b.describeUnknownInput)
		for tag := range built.Options.Tags {
			if telemetry.Reserved(tag) {
				b.ps.Warn(it.nameNode, it.path+".tags."+tag, reservedTagMessage)
			}
		}
		b.warnUnmatched(it, "include", built.Options.Metrics.Include, built)
		b.warnUnmatched(it, "exclude", built.Options.Metrics.Exclude, built)
		if ok && built.Options.Enabled {
			ins = append(ins, Input{ids.assign(b.ps, it, built.Definition.Name(), built.Options.Alias), settingsHash(it.settings, b.inherited), built, b.keep(it.settings)})
		}
	}
	return ins
}

// selectAvailable warns of inputs that exist only on other systems. It returns those that stand for them here, and all others, so that one
// configuration serves several systems. It is an error if nothing remains.
func (b *builder) selectAvailable(list *yaml.Node, items []componentItem) []componentItem {
	var available []componentItem
	for _, it := range items {
		_, err := b.env.Inputs.Find("input", it.name, b.env.GOOS)
		var unavailable *catalog.UnavailableError
		if errors.As(err, &unavailable) {
			b.ps.Warn(it.nameNode, it.path, "%s", err)
			if it.name = unavailable.Replacement; it.name == "" {
				continue
			}
		}
		available = append(available, it)
	}
	if len(items) > 0 && len(available) == 0 {
		b.ps.Add(list, "inputs", "none of them is available on %s; \"rtcollector plugins list\" shows those that are", b.env.GOOS)
	}
	return available
}

// warnUnmatched warns of patterns that match none of the metrics that an input documents or that its settings name.
func (b *builder) warnUnmatched(it componentItem, key string, patterns match.List, built plugins.Built) {
	metrics := metricdoc.Parse(built.Definition.Readme())
	if n, ok := built.Config.(plugins.Namer); ok && len(metrics) > 0 {
		metrics = append(metrics, metricdoc.Metric{Names: n.MetricNames(), HasRate: true})
	}
	for i, p := range patterns {
		if len(metrics) > 0 && !metricdoc.MatchesAny(metrics, p) {
			at := childNode(childNode(childNode(it.settings, "metrics"), key), strconv.Itoa(i))
			b.ps.Warn(at, fmt.Sprintf("%s.metrics.%s[%d]", it.path, key, i), "%q matches no metric of %s%s",
				p, built.Definition.Name(), conf.Suggest(p.String(), metricdoc.Names(metrics)))
		}
	}
}

// childNode returns the value of a key of a map or an index of a list, or nil if it does not exist.
func childNode(n *yaml.Node, key string) *yaml.Node {
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

func (b *builder) buildOutputs(list *yaml.Node) []Output {
	var outs []Output
	ids := idSet{}
	items := b.parseItems("outputs", list)
	if list.Kind == yaml.SequenceNode && len(list.Content) == 0 {
		b.ps.Add(list, "outputs", "is empty: nothing would be written anywhere")
	}
	for i, it := range items {
		if first := slices.IndexFunc(items[:i], it.isDuplicateOf); first >= 0 {
			b.ps.Warn(it.nameNode, it.path, "appears twice with the same settings, first on line %d; everything is written twice", items[first].nameNode.Line)
		}
		if built, ok := decodeItem(b, "output", b.env.Outputs, it, b.describeUnknownOutput); ok {
			outs = append(outs, Output{ids.assign(b.ps, it, built.Definition.Name(), built.Options.Alias), settingsHash(it.settings, b.inherited), built, b.keep(it.settings)})
		}
	}
	return outs
}

// keep returns settings that the configuration keeps: none unless somebody asks for them.
func (b *builder) keep(settings *yaml.Node) *yaml.Node {
	if b.env.KeepSource {
		return settings
	}
	return nil
}

// decodeItem finds the component that an item names and decodes its settings. It reports false if the component is unknown or
// does not exist on this system.
func decodeItem[E, O, L any](b *builder, kind string, c catalog.Catalog[E, O, L], it componentItem, unknown func(name string, err error) string) (catalog.Built[E, O, L], bool) {
	def, err := c.Find(kind, it.name, b.env.GOOS)
	if err != nil {
		if it.nameNode != nil || it.name != internalInputName {
			b.ps.Add(it.nameNode, it.path, "%s", unknown(it.name, err))
		}
		return catalog.Built[E, O, L]{}, false
	}
	return def.Decode(b.ps, it.settings, it.path), true
}

// componentItem is one entry of a list: a name and optional settings.
type componentItem struct {
	name      string
	path      string     // "inputs[0].linux_cpu"
	nameNode  *yaml.Node // the node of the name; nil for an item that is not in the file
	settings  *yaml.Node // nil: none
	component string     // name of the component that the item selects on this system; the item's name if unknown
}

// isDuplicateOf reports whether two items select the same component with the same settings.
func (it componentItem) isDuplicateOf(other componentItem) bool {
	return it.nameNode != nil && other.nameNode != nil && it.component == other.component && equalNodes(it.settings, other.settings, 0)
}

// equalNodes reports whether two nodes have the same content. Anchors can make a node contain itself, so nodes
// that are nested very deep are never equal.
func equalNodes(a, b *yaml.Node, depth int) bool {
	a, b = conf.Resolve(a), conf.Resolve(b)
	if conf.IsNull(a) || conf.IsNull(b) {
		return conf.IsNull(a) && conf.IsNull(b)
	}
	return depth < 16 && a.Kind == b.Kind && a.Value == b.Value &&
		slices.EqualFunc(a.Content, b.Content, func(x, y *yaml.Node) bool { return equalNodes(x, y, depth+1) })
}

// parseItems parses a list whose entries are "name", "name:" or "name: {settings}".
func (b *builder) parseItems(key string, list *yaml.Node) []componentItem {
	if conf.IsNull(list) {
		b.ps.Add(nil, "", "key %q is missing: it lists the %s, one \"- name\" per line", key, key)
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		b.ps.Add(list, key, "must be a list: put \"- \" before each name")
		return nil
	}
	var items []componentItem
	for i, n := range list.Content {
		if it, ok := b.parseItem(fmt.Sprintf("%s[%d]", key, i), conf.Resolve(n)); ok {
			items = append(items, it)
		}
	}
	return items
}

func (b *builder) parseItem(path string, n *yaml.Node) (componentItem, bool) {
	switch {
	case conf.IsNull(n):
		b.ps.Add(n, path, "is empty: a name is missing after \"-\"")
	case strings.HasPrefix(n.Value, conf.SecretPrefix):
		b.ps.Add(n, path, "a name cannot come from a secret store")
	case n.Kind == yaml.ScalarNode:
		return componentItem{name: n.Value, component: n.Value, path: path + "." + n.Value, nameNode: n}, true
	case n.Kind == yaml.SequenceNode:
		b.ps.Add(n, path, "is a list in the list: one \"- \" is too many")
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode:
		key := n.Content[0]
		if list := conf.Resolve(n.Content[1]); list.Kind == yaml.SequenceNode {
			b.ps.Add(list, path+"."+key.Value, "has a list below it: settings are written \"key: value\", and the next name has its \"- \" in the column of the one of %q", key.Value)
			return componentItem{}, false
		}
		return componentItem{name: key.Value, component: key.Value, path: path + "." + key.Value, nameNode: key, settings: n.Content[1]}, true
	case n.Kind == yaml.MappingNode && len(n.Content) > 2:
		b.ps.Add(n.Content[2], path, "%q is not a setting of %q: indent it more, or put \"- \" before it if it is a name",
			n.Content[2].Value, n.Content[0].Value)
	default:
		b.ps.Add(n, path, "must be a name, or a name with settings (name: {key: value})")
	}
	return componentItem{}, false
}

// idSet assigns the IDs of components.
type idSet map[string]bool

func (s idSet) assign(ps *conf.Problems, it componentItem, name, alias string) string {
	id := name
	if alias != "" {
		id += "#" + alias
		if s[id] {
			ps.Add(it.nameNode, it.path, "alias %q is already used by another %s", alias, name)
		}
	}
	for n := 2; s[id]; n++ {
		id = fmt.Sprintf("%s#%d", name, n)
	}
	s[id] = true
	return id
}
