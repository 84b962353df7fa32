package config

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// splitDeepItems finds items of lists that are indented more than the value before them:
//
//   - mem
//   - cpu
//
// For YAML that is one text, "mem - cpu". It is cut, so that the rest is checked as if this was right.
func splitDeepItems(ps *conf.Problems, n *yaml.Node, data []byte) {
	lines := bytes.Split(data, []byte("\n"))
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, child := range n.Content {
			walk(child)
		}
		const plain = 0
		before, _, found := strings.Cut(n.Value, " - ")
		if n.Kind != yaml.ScalarNode || n.Style != plain || !found || n.Line < 1 || n.Line > len(lines) ||
			bytes.Contains(lines[n.Line-1], []byte(n.Value)) { // on one line
			return
		}
		for i := n.Line; i < len(lines) && i <= n.Line+maxBlank; i++ { // the line after the value's first
			line := bytes.TrimLeft(lines[i], " ")
			if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
				continue
			}
			if bytes.HasPrefix(line, []byte("- ")) {
				at := &yaml.Node{Line: i + 1, Column: len(lines[i]) - len(line) + 1}
				ps.Add(at, "", "this \"- \" is indented too deep: it is read as a part of the value on line %d", n.Line)
				n.Value = before
			}
			return
		}
	}
	walk(n)
}

// maxBlank is how many lines without content are skipped in search of a value's second line.
const maxBlank = 8

// deepItem returns the place of the first item of a list that is indented deeper than an item before it that is complete;
// nil when there is none.
func deepItem(lines [][]byte) *yaml.Node {
	indent, isComplete := -1, false // of the line before
	for i, whole := range lines {
		line := bytes.TrimLeft(whole, " ")
		text := bytes.TrimSpace(line)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		column := len(whole) - len(line)
		isItem := bytes.HasPrefix(text, []byte("- "))
		if isItem && isComplete && column > indent {
			return &yaml.Node{Line: i + 1, Column: column + 1}
		}
		isComplete = isItem && !bytes.HasSuffix(text, []byte(":")) && !bytes.ContainsAny(text, "|>&!#")
		indent = column
	}
	return nil
}
