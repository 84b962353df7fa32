package migrate

import (
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"gopkg.in/yaml.v3"
)

// parseTOML returns a document as nodes with lines. The error has line and column.
func parseTOML(data []byte) (*yaml.Node, error) {
	var valid any
	if err := toml.Unmarshal(data, &valid); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			return nil, fmt.Errorf("%d:%d: %s", line, column, at.Error())
		}
		return nil, err
	}
	p := unstable.Parser{}
	p.Reset(data)
	root := &yaml.Node{Kind: yaml.MappingNode, Line: 1}
	table := root
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			table = tableAt(&p, root, e.Key(), false)
		case unstable.ArrayTable:
			table = tableAt(&p, root, e.Key(), true)
		case unstable.KeyValue:
			addKeyValue(&p, table, e)
		}
	}
	return root, p.Error()
}

// tableAt returns the table with a key, the last one if it is an array. It makes what is missing; isItem adds an item to an array.
func tableAt(p *unstable.Parser, at *yaml.Node, key unstable.Iterator, isItem bool) *yaml.Node {
	for key.Next() {
		node := keyNode(p, key.Node())
		below := find(at, node.Value)
		if below == nil {
			below = &yaml.Node{Kind: yaml.MappingNode, Line: node.Line}
			if isItem && key.IsLast() {
				below.Kind = yaml.SequenceNode
			}
			at.Content = append(at.Content, node, below)
		}
		if below.Kind == yaml.SequenceNode {
			if isItem && key.IsLast() {
				below.Content = append(below.Content, &yaml.Node{Kind: yaml.MappingNode, Line: node.Line})
			}
			below = below.Content[len(below.Content)-1]
		}
		at = below
	}
	return at
}

func keyNode(p *unstable.Parser, n *unstable.Node) *yaml.Node {
	key := text(string(n.Data))
	key.Line = p.Shape(n.Raw).Start.Line
	return key
}

func addKeyValue(p *unstable.Parser, at *yaml.Node, e *unstable.Node) {
	for key := e.Key(); key.Next(); {
		node := keyNode(p, key.Node())
		if !key.IsLast() {
			below := find(at, node.Value)
			if below == nil {
				below = &yaml.Node{Kind: yaml.MappingNode, Line: node.Line}
				at.Content = append(at.Content, node, below)
			}
			at = below
			continue
		}
		at.Content = append(at.Content, node, valueNode(p, e.Value(), node.Line))
	}
}

func valueNode(p *unstable.Parser, v *unstable.Node, line int) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: string(v.Data), Line: line}
	switch v.Kind {
	case unstable.Array:
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: line}
		for items := v.Children(); items.Next(); {
			n.Content = append(n.Content, valueNode(p, items.Node(), line))
		}
	case unstable.InlineTable:
		n = &yaml.Node{Kind: yaml.MappingNode, Line: line}
		for items := v.Children(); items.Next(); {
			addKeyValue(p, n, items.Node())
		}
	case unstable.Bool:
		n.Tag = "!!bool"
	case unstable.Integer:
		n.Tag = "!!int"
	case unstable.Float:
		n.Tag = "!!float"
	default:
		n.Tag = "!!str"
	}
	return n
}
