package migrate

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

// document is the configuration that is written: top-level settings in the order in which they are set, then inputs and outputs.
type document struct {
	top             settings
	inputs, outputs []component
	whole           *yaml.Node // if not nil, this is the document
}

// component is an item of a list.
type component struct {
	name     string
	settings settings
}

// settings is a map that keeps its order.
type settings struct{ node yaml.Node }

// set sets a key to a value: a node, or what yaml.v3 encodes. Keys with dots are in maps below.
func (s *settings) set(key string, value any) {
	s.node.Kind = yaml.MappingNode
	at := &s.node
	parts := strings.Split(key, ".")
	for _, part := range parts[:len(parts)-1] {
		below := find(at, part)
		if below == nil {
			below = &yaml.Node{Kind: yaml.MappingNode}
			at.Content = append(at.Content, text(part), below)
		}
		at = below
	}
	var encoded yaml.Node
	switch node := value.(type) {
	case *yaml.Node:
		encoded = plain(node)
	case yaml.Node:
		encoded = node
	default:
		_ = encoded.Encode(value) // texts, numbers and lists of texts
	}
	last := parts[len(parts)-1]
	if old := find(at, last); old != nil {
		*old = encoded
		return
	}
	at.Content = append(at.Content, text(last), &encoded)
}

func (s *settings) has(key string) bool { return find(&s.node, key) != nil }

// plain returns a copy of a node without styles and comments of another format.
func plain(n *yaml.Node) yaml.Node {
	c := yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Line: n.Line}
	for _, below := range n.Content {
		copied := plain(below)
		c.Content = append(c.Content, &copied)
	}
	return c
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// find returns the value of a key of a map, or nil.
func find(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// encode returns the YAML.
func (d *document) encode() ([]byte, error) {
	root := d.whole
	if root == nil {
		top := d.top
		top.set("inputs", list(d.inputs))
		top.set("outputs", list(d.outputs))
		root = &top.node
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func list(components []component) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, c := range components {
		item := text(c.name)
		if len(c.settings.node.Content) > 0 {
			item = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text(c.name), &c.settings.node}}
		}
		n.Content = append(n.Content, item)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

// add adds an input, unless there is the same one already.
func (d *document) addInput(name string) {
	for _, in := range d.inputs {
		if in.name == name && len(in.settings.node.Content) == 0 {
			return
		}
	}
	d.inputs = append(d.inputs, component{name: name})
}
